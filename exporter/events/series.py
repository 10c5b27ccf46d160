"""Series that a file of definitions declares; checked by Prometheus's rules, pure.

Names: https://prometheus.io/docs/concepts/data_model/ and, for the suffixes that belong to a
kind, https://prometheus.io/docs/specs/om/open_metrics_spec/.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from exporter.catalogue import BUILTIN, OWN, Label, Series

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.document import Location
    from exporter.events.schema import ParsedFile, SeriesSpec

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")
_RESERVED_LABELS = {"le", "quantile", "job", "instance"}
_SUFFIXES = ("_total", "_created", "_bucket", "_count", "_sum", "_info")
_MOST_LABEL_SETS = 1000
"""All label sets exist from the start; more of them would cost memory at every scrape."""


def declare(files: Iterable[ParsedFile]) -> tuple[Series, ...]:
    """Return the series that the files declare, and note each problem in its file."""
    taken = {name for one in BUILTIN for name in _exposed(one)}
    declared = []
    for file in files:
        for at, spec in file.series:
            series = Series(
                name=spec.name,
                kind=spec.kind,
                help=spec.help,
                origin="log",
                labels=tuple(Label(name, tuple(values)) for name, values in spec.labels.items()),
                buckets=tuple(float(one) for one in spec.buckets),
            )
            for place, problem in _problems(spec):
                file.problem((*at, *place), problem)
            names = _exposed(series)
            if not taken.isdisjoint(names):
                file.problem((*at, "name"), f"{spec.name} is declared already, or would be exposed under the same name")
            taken |= names
            declared.append(series)
    return tuple(declared)


def _exposed(series: Series) -> set[str]:
    """Return every name under which the series appears in either exposition format."""
    if series.kind == "gauge":
        return {series.name}
    base = series.name.removesuffix("_total")
    suffixes = ("_total",) if series.kind == "counter" else ("_bucket", "_count", "_sum")
    return {base, *(base + suffix for suffix in (*suffixes, "_created"))}


def _problems(spec: SeriesSpec) -> list[tuple[Location, str]]:
    return [*_name_problems(spec), *_label_problems(spec), *_bucket_problems(spec)]


def _name_problems(spec: SeriesSpec) -> list[tuple[Location, str]]:
    at: Location = ("name",)
    if not _NAME.match(spec.name):
        return [(at, f"{spec.name!r} is no Prometheus name; use letters, digits and underscores")]
    if spec.name.startswith(OWN):
        return [(at, f"{OWN} is kept for the exporter's own series; choose another beginning")]
    if spec.kind == "counter" and (not spec.name.endswith("_total") or spec.name == "_total"):
        return [(at, "the name of a counter ends with _total")]
    if spec.kind == "histogram" and spec.name.endswith(_SUFFIXES):
        return [(at, f"the name of a histogram ends with none of {', '.join(_SUFFIXES)}")]
    return []


def _label_problems(spec: SeriesSpec) -> list[tuple[Location, str]]:
    problems: list[tuple[Location, str]] = []
    for name, values in spec.labels.items():
        if not _LABEL.match(name) or name in _RESERVED_LABELS:
            problems.append((("labels", name), "is no label name that a file may use; choose another"))
        if len(set(values)) != len(values):
            problems.append((("labels", name), "lists a value twice; keep one"))
    if math.prod(len(values) for values in spec.labels.values()) > _MOST_LABEL_SETS:
        problems.append((("labels",), f"make more than {_MOST_LABEL_SETS} label sets; use fewer labels or values"))
    return problems


def _bucket_problems(spec: SeriesSpec) -> list[tuple[Location, str]]:
    at: Location = ("buckets",)
    if spec.kind == "counter":
        return [(at, "a counter has no buckets; remove them")] if spec.buckets else []
    if not spec.buckets:
        return [(at, "a histogram needs its upper bounds; list them, without +Inf")]
    rising = all(low < high for low, high in zip(spec.buckets, spec.buckets[1:], strict=False))
    if not rising or not all(math.isfinite(one) for one in spec.buckets):
        return [(at, "must rise and be finite; +Inf is added")]
    return []
