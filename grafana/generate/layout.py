"""Dashboards of rows of panels: places, variables, annotations, links, and the JSON that is committed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationContainer,
    AnnotationQuery,
    DashboardCursorSync,
    DashboardDashboardTemplating,
    DashboardLink,
    DashboardLinkType,
    GridPos,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.generate.panels import SOURCE
from grafana.generate.queries import CRITICAL, FLEET, WARNING, firing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, RowPanel, VariableModel

    from grafana.generate.panels import Panel as Unplaced

WIDTH = 24
TAGS = ("booking", "prometheus")
_LABEL_VALUES = 1
"""What the Prometheus data source calls a variable's query by label_values(), as Grafana itself exports it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row of panels, which are placed from left to right, as many lines as they need."""

    number: int
    title: str
    panels: tuple[Unplaced, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: what it is, and its rows from the top. `since` is the time range that it opens with."""

    uid: str
    file: str
    title: str
    description: str
    since: str
    rows: tuple[Row, ...]

    def build(self) -> Dashboard:
        """Return the dashboard in the SDK's model."""
        builder = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags(list(TAGS))
            .readonly()
            .time(self.since, "now")
            .refresh("1m")
            .tooltip(DashboardCursorSync.CROSSHAIR)
        )
        built = builder.build()
        built.panels = list(_placed(self.rows))
        built.templating = DashboardDashboardTemplating(_variables())
        built.annotations = AnnotationContainer(_annotations())
        built.links = [_link()]
        return built

    def text(self) -> str:
        """Return the text of the committed file."""
        return json.dumps(self.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def _placed(rows: tuple[Row, ...]) -> Iterator[Panel | RowPanel]:
    y = 0
    for row in rows:
        yield dashboard.Row(row.title).id(row.number).grid_pos(GridPos(x=0, y=y, w=WIDTH, h=1)).build()
        y += 1
        x = line = 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, line = 0, y + line, 0
            yield panel.place(GridPos(x=x, y=y, w=panel.width, h=panel.height))
            x, line = x + panel.width, max(line, panel.height)
        y += line


def _variables() -> list[VariableModel]:
    found = [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus").build(),
        _variable("job", "Job", "label_values(booking_exporter_build_info, job)", ".+"),
        # `.*`: a site whose targets have no label environment is found, too.
        _variable("environment", "Environment", 'label_values(up{job=~"$job"}, environment)', ".*"),
        _variable("instance", "Instance", f"label_values(up{{{FLEET}}}, instance)", ".+"),
    ]
    for one in found:  # the SDK writes what only variables of type interval have
        one.auto = one.auto_min = one.auto_count = None
    return found


def _variable(name: str, label: str, query: str, every: str) -> VariableModel:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"qryType": _LABEL_VALUES, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003  # the SDK takes it by position only
        .include_all(True)  # noqa: FBT003  # as above
        .all_value(every)
        .current(VariableOption(selected=True, text="All", value="$__all"))
        .build()
    )


def _annotations() -> list[AnnotationQuery]:
    """Return the marks on all panels: alerts that fire, and starts of the daemon (hidden until chosen)."""
    restarts = f'changes(process_start_time_seconds{{{FLEET}, instance=~"$instance"}}[$__rate_interval]) > 0'
    found = [
        _annotation("Critical alerts", "red", firing(CRITICAL), "{{alertname}}"),
        _annotation("Warnings", "orange", firing(WARNING), "{{alertname}}"),
        _annotation("Exporter restarts", "blue", restarts, "restart of {{instance}}"),
    ]
    found[-1].enable = False
    return found


def _annotation(name: str, colour: str, expr: str, title: str) -> AnnotationQuery:
    target = prometheus.Dataquery().expr(expr).ref_id("A").range().interval("60s")
    built = (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)  # noqa: FBT003  # the SDK takes it by position only
        .icon_color(colour)
        .target(target)
        .title_format(title)
        .text_format("{{instance}}")
        .tag_keys("severity,layer,environment")
        .build()
    )
    built.placement = None  # type: ignore[assignment]  # at the top, not in a menu; the SDK knows only the menu
    return built


def _link() -> DashboardLink:
    link = DashboardLink(
        title="Booking dashboards",
        type_val=DashboardLinkType.DASHBOARDS,
        icon="external link",
        tooltip="The other dashboards of the booking exporter, with the same variables and time range",
        tags=[TAGS[0]],
        include_vars=True,
        keep_time=True,
    )
    link.placement = None  # type: ignore[assignment]  # as above
    return link
