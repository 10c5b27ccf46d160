"""What the exporter must show: a tally of exposition samples, and its comparison with a scrape.

A sample is named as the exposition names it, with its labels in alphabetical order:
`api_gateway_booking_conflicts_total{kind="slot"}`. The bounds of buckets are written as Python
writes floats, so that `1` and `1.0` are the same bound.
"""

from __future__ import annotations

from math import inf, isclose
from typing import TYPE_CHECKING

from exporter.catalogue import BUILTIN, Catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOGUE = Catalogue(BUILTIN)
APP = "api_gateway_"
UNCOUNTED = (APP + "duplicate_prevention_rate", APP + "last_event_timestamp_seconds")
"""Gauges about the app that are no sum of what was written."""


def sample(name: str, labels: Mapping[str, str] | None = None) -> str:
    """Return the one spelling of a sample's name and labels that tests compare."""
    if not labels:
        return name
    parts = []
    for label, value in sorted(labels.items()):
        text = repr(float(value)) if label == "le" else value
        parts.append(f'{label}="{text}"')
    return name + "{" + ",".join(parts) + "}"


class Tally:
    """Expected values of samples: what was written so far."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Expect `amount` more of the counter `name` (without the prefix `api_gateway_`)."""
        self._plus(sample(APP + name, labels), amount)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Expect one observation of `value` in the histogram `name` (without the prefix)."""
        series = CATALOGUE[APP + name]
        for bound in (*series.buckets, inf):
            if value <= bound:
                self._plus(sample(series.name + "_bucket", labels | {"le": str(bound)}), 1)
        self._plus(sample(series.name + "_count", labels), 1)
        self._plus(sample(series.name + "_sum", labels), value)

    def merge(self, other: Tally) -> None:
        """Expect all that `other` expects, too."""
        for key, amount in other.values.items():
            self._plus(key, amount)

    def _plus(self, key: str, amount: float) -> None:
        self.values[key] = self.values.get(key, 0) + amount


def differences(expected: Mapping[str, float], shown: Mapping[str, float]) -> list[str]:
    """Return one line per sample about the app whose value is not the expected one (absent means 0)."""
    counted = {key for key in shown if key.startswith(APP) and not key.startswith(UNCOUNTED)}
    lines = []
    for key in sorted(counted | expected.keys()):
        want, got = expected.get(key, 0), shown.get(key, 0)
        if not isclose(want, got, rel_tol=1e-9, abs_tol=1e-9):
            lines.append(f"{key}: expected {want:g}, got {got:g}")
    return lines
