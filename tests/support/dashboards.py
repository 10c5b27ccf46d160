"""The committed dashboards, and their parts as tests look at them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.support.alertrules import ROOT, metrics, shipped
from tests.support.promql import expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promql_parser import Expr

    from tests.support.promql import Metrics

FOLDER = ROOT / "grafana"
FILES = tuple(sorted(FOLDER.glob("*.json")))
ALL = {
    "$datasource": "prometheus",
    "$job": ".+",
    "$environment": ".*",
    "$instance": ".+",
    "$__rate_interval": "4m",
    "$__range": "24h",
}
"""What Grafana puts in for the variables while all is chosen; times fit a scrape interval of a minute."""

NOTHING_TO_SHOW = {"Lag of the replica": "no replica is sampled"}
"""Panels that have no data in this fleet, and why; grafana/README.md lists them, too."""


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel, or of an annotation."""

    dashboard: str
    panel: str
    kind: str
    expr: str
    instant: bool
    legend: str

    @property
    def name(self) -> str:
        """How tests name it."""
        return f"{self.dashboard}: {self.panel}: {self.expr}"

    def parsed(self) -> Expr:
        """Return the syntax tree, with variables put in; ValueError where it is no PromQL."""
        return expression(filled(self.expr))


def load() -> dict[str, Any]:
    """Return the committed dashboards by file name, each a fresh copy."""
    return {path.name: json.loads(path.read_text("utf-8")) for path in FILES}


def filled(text: str, values: Mapping[str, str] = ALL) -> str:
    """Return `text` with variables put in."""
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(name, values[name])
    return text


def panels(dashboard: Any) -> list[Any]:  # noqa: ANN401  # a JSON document
    """Return the panels of a dashboard, rows left out."""
    return [one for one in dashboard["panels"] if one["type"] != "row"]


def targets(dashboard: Any) -> Iterator[Target]:  # noqa: ANN401  # a JSON document
    """Yield the queries of all panels."""
    for panel in panels(dashboard):
        for one in panel.get("targets", ()):
            instant, legend = one.get("instant", False), one.get("legendFormat", "")
            yield Target(dashboard["title"], panel["title"], panel["type"], one["expr"], instant, legend)


def marks(dashboard: Any) -> Iterator[Target]:  # noqa: ANN401  # a JSON document
    """Yield the queries of all annotations."""
    for one in dashboard["annotations"]["list"]:
        yield Target(dashboard["title"], one["name"], "annotation", one["target"]["expr"], instant=False, legend="")


@cache
def known() -> Metrics:
    """Return the series that panels may read: scraped ones, recorded ones, and those of Prometheus itself."""
    return metrics(shipped())
