"""One function for each kind of panel. All take the panel's number, its title and what to do when it looks wrong.

A panel's number is part of links to it: give a new panel the next free number, never renumber.
`unit` is one of Grafana's unit IDs, `limits` the colours of its thresholds: `below(a, b)` is good
below a and bad from b on, `above(a, b)` bad below a and good from b on, NEUTRAL has no limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    piechart,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    DataSourceRef,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.dashboard import Panel as Model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.piechart import PieChartLabels
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.table import Options as TableOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models.dashboard import ThresholdsConfig, ValueMapping

    from grafana.generate.queries import Query

SOURCE = DataSourceRef("prometheus", "${datasource}")

Limits = tuple[tuple[float | None, str], ...]

NEUTRAL: Limits = ((None, "blue"),)
NONE_ALLOWED: Limits = ((None, "green"), (1, "red"))
MUST_BE_ONE: Limits = ((None, "red"), (1, "green"))
LAYERS = (("layer1", "yellow"), ("layer2", "orange"), ("layer3", "red"), ("layer4", "purple"))


def below(warning: float, bad: float) -> Limits:
    """Return limits of what should be small."""
    return (None, "green"), (warning, "orange"), (bad, "red")


def above(bad: float, good: float) -> Limits:
    """Return limits of what should be large."""
    return (None, "red"), (bad, "orange"), (good, "green")


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel that has no place yet: `place` builds it there."""

    number: int
    width: int
    height: int
    place: Callable[[GridPos], Model]


class _Builder(Protocol):
    """What the SDK's builders of panels have in common."""

    def id(self, id_val: int) -> Self: ...
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def interval(self, interval: str) -> Self: ...
    def mappings(self, mappings: list[ValueMapping]) -> Self: ...
    def thresholds(self, thresholds: Builder[ThresholdsConfig]) -> Self: ...
    def targets(self, targets: list[Builder[Dataquery]]) -> Self: ...
    def grid_pos(self, grid_pos: GridPos) -> Self: ...
    def build(self) -> Model: ...


B = TypeVar("B", bound=_Builder)


@dataclass(frozen=True, slots=True)
class About:
    """What every panel has. `absent` is shown instead of a value where there is none."""

    number: int
    title: str
    description: str
    unit: str = "short"
    limits: Limits = NEUTRAL
    absent: str = "no data"


def stat_panel(
    about: About, *queries: Query, width: int = 4, height: int = 5, words: Mapping[int, str] | None = None
) -> Panel:
    """Return a panel of large figures; `words` are shown instead of the values that they name."""
    builder = (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .mappings(_words(words))
    )
    return _panel(about, builder, queries, width, height, instant=True)


def lines(about: About, *queries: Query, width: int = 12, height: int = 8, limit_lines: bool = True) -> Panel:
    """Return lines over time, with the limits drawn as dashed lines where there are any."""
    drawn = GraphThresholdsStyleMode.DASHED if limit_lines and len(about.limits) > 1 else GraphThresholdsStyleMode.OFF
    builder = (
        _over_time()
        .draw_style(GraphDrawStyle.LINE)
        .line_width(2)
        .fill_opacity(5)
        .show_points(VisibilityMode.NEVER)
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(drawn))
    )
    return _panel(about, builder, queries, width, height)


def bars(about: About, *queries: Query, width: int = 12, height: int = 8, share: bool = False) -> Panel:
    """Return stacked bars of what happened over time; with `share`, as parts of a hundred percent."""
    mode = StackingMode.PERCENT if share else StackingMode.NORMAL
    builder = _over_time().draw_style(GraphDrawStyle.BARS).line_width(0).fill_opacity(80)
    for layer, colour in LAYERS:
        builder = builder.override_by_name(layer, [_fixed(colour)])
    builder = builder.stacking(common.StackingConfig().mode(mode).group("A"))
    # Not finer than a minute: the windows of neighbouring bars overlap by one scrape.
    return _panel(about, builder.interval("1m").min(0), queries, width, height)


def heat_panel(about: About, query: Query, *, width: int = 12, height: int = 8) -> Panel:
    """Return the distribution of a histogram's observations over time."""
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges")
    builder = (
        heatmap.Panel()
        .calculate(False)  # noqa: FBT003  # the SDK takes it by position only
        .y_axis(heatmap.YAxisConfig().unit(about.unit))
        .color(colour.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).steps(64))
        .cell_gap(1)
        .interval("1m")
    )
    return _panel(about, builder, (query,), width, height, form=PromQueryFormat.HEATMAP)


def timeline(about: About, *queries: Query, width: int = 12, height: int = 8) -> Panel:
    """Return coloured bands: when something was in which state."""
    builder = (
        statetimeline.Panel()
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .show_value(VisibilityMode.NEVER)
        .row_height(0.8)
        .interval("1m")
    )
    return _panel(about, builder, queries, width, height)


def pie(about: About, query: Query, *, width: int = 8, height: int = 8) -> Panel:
    """Return the parts of a sum over the dashboard's time range."""
    legend = piechart.PieChartLegendOptions().display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.RIGHT)
    builder = (
        piechart.Panel()
        .display_labels([PieChartLabels.PERCENT])
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .legend(legend.show_legend(True).values([]))  # noqa: FBT003  # the SDK takes it by position only
    )
    for layer, colour in LAYERS:
        builder = builder.override_by_name(layer, [_fixed(colour)])
    return _panel(about, builder, (query,), width, height, instant=True)


def ranking(about: About, *queries: Query, width: int = 8, height: int = 8) -> Panel:
    """Return horizontal bars, one for each series, at the present moment."""
    builder = (
        bargauge.Panel()
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .min(0)
    )
    return _panel(about, builder, queries, width, height, instant=True)


def table_panel(about: About, query: Query, columns: Mapping[str, str], *, width: int = 12, height: int = 8) -> Panel:
    """Return a table of the present series. `columns` maps labels (and `Value`) to headings, in order."""
    options = {
        "includeByName": dict.fromkeys(columns, True),
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": dict(columns),
    }
    builder = table.Panel().with_transformation(DataTransformerConfig(id_val="organize", options=options))
    found = _panel(about, builder, (query,), width, height, instant=True, form=PromQueryFormat.TABLE)
    return replace(found, place=lambda place: _without_footer(found.place(place)))


def _without_footer(panel: Model) -> Model:
    """Leave out the footer that the SDK writes: Grafana 13 knows it no more, and it shows nothing in older ones."""
    assert isinstance(panel.options, TableOptions)  # noqa: S101  # for the type checker: table.Panel made it
    panel.options.footer = None
    return panel


def _over_time() -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    return timeseries.Panel().legend(legend.show_legend(True)).tooltip(tooltip)  # noqa: FBT003  # as above


def _panel(  # what all kinds have in common
    about: About,
    builder: B,
    queries: Sequence[Query],
    width: int,
    height: int,
    *,
    instant: bool = False,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> Panel:
    steps = [Threshold(value=value, color=colour) for value, colour in about.limits]
    built = (
        builder.id(about.number)
        .title(about.title)
        .description(about.description)
        .datasource(SOURCE)
        .unit(about.unit)
        .no_value(about.absent)
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .targets([_target(number, query, instant, form) for number, query in enumerate(queries)])
    )
    return Panel(about.number, width, height, lambda place: built.grid_pos(place).build())


def _target(number: int, query: Query, instant: bool, form: PromQueryFormat) -> Builder[Dataquery]:  # noqa: FBT001
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").ref_id(chr(65 + number))
    target = target.datasource(SOURCE).format(form)
    return target.instant() if instant else target.range()


def _fixed(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})


def _words(words: Mapping[int, str] | None) -> list[ValueMapping]:
    options = {str(value): ValueMappingResult(text=text) for value, text in (words or {}).items()}
    return [ValueMap(options=options)] if options else []
