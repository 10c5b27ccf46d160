"""The main dashboard's first rows as a picture, drawn from what a real Prometheus answers to its queries.

Titles, places, colours, limits and queries are those of the committed JSON; the drawing is ours and simpler than
Grafana's. Panels that show recorded series over a day are left out: rules are evaluated from the start of that
Prometheus on, so there is no day of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.pictures.canvas import Canvas
from tests.support.dashboards import ALL, filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.stretch import Stretch

BOARD: Final = "duplicate-booking-prevention.json"
ROWS: Final = (
    ("Are we all right?", 6),
    ("Which layer, since when, how bad", 22),
    ("Booking age distribution", 54),
)
"""The rows that are drawn, and where in the dashboard's grid what is drawn of them ends."""
DAY: Final = 24 * 3600.0
STEP: Final = 1800.0
UNIT: Final = (52.0, 34.0)
"""Pixels of one unit of Grafana's grid, which is 24 wide."""
GAP: Final = 8.0

PAGE, PANEL, LINE, TEXT, SOFT = "#111217", "#181b1f", "#2c3036", "#ccccdc", "#9a9bab"
COLOURS: Final = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
}
"""Grafana's colours by their names (grafana-data, the classic palette)."""
_TITLE_LETTER, _LEGEND_LETTER, _LEGEND_MARK, _LEGEND_ROW = 9.0, 6.6, 36.0, 16.0
_DURATIONS: Final = (1.0, 2.0, 4.0, 10.0, 20.0, 60.0, 120.0, 600.0, 1200.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0)
"""Ends of a scale of seconds."""
CLASSIC: Final = tuple(COLOURS.values())


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a result: its legend, and its values by their times; the newest last."""

    name: str
    labels: Mapping[str, str]
    values: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.values[-1][1]


@dataclass(frozen=True, slots=True)
class Box:
    """Where something is drawn, in pixels."""

    x: float
    y: float
    width: float
    height: float


def ask(prometheus: Stretch, panel: Any) -> list[Line]:  # noqa: ANN401  # a JSON document
    """Return what a panel's queries give: now, or over a day in half hours."""
    lines = []
    for target in panel["targets"]:
        text = filled(target["expr"], ALL | {"$__rate_interval": f"{STEP:.0f}s"})
        instant = target.get("instant", False)
        result = prometheus.instant(text) if instant else prometheus.over_time(text, seconds=DAY, step=STEP)
        for one in result:
            pairs = [(float(at), float(value)) for at, value in one.get("values") or [one["value"]]]
            values = tuple(pair for pair in pairs if math.isfinite(pair[1]))
            if values:
                lines.append(Line(_legend(target.get("legendFormat", ""), one["metric"]), one["metric"], values))
    return lines


def draw(prometheus: Stretch, board: Any) -> Canvas:  # noqa: ANN401  # a JSON document
    """Return the picture of the rows of `board`."""
    heads = {one["title"]: one["gridPos"]["y"] for one in board["panels"] if one["type"] == "row"}
    height = sum(end - heads[title] for title, end in ROWS) * UNIT[1] + 2 * GAP
    canvas = Canvas(24 * UNIT[0] + 2 * GAP, height)
    canvas.rectangle(0, 0, canvas.width, canvas.height, PAGE)
    top = GAP
    for title, end in ROWS:
        begin = heads[title]
        canvas.text(GAP + 4, top + 22, f"⌄  {title}", TEXT, size=15, bold=True)
        for panel in board["panels"]:
            place = panel["gridPos"]
            if panel["type"] != "row" and begin < place["y"] < end:
                box = Box(
                    GAP + place["x"] * UNIT[0] + GAP / 2,
                    top + (place["y"] - begin) * UNIT[1] + GAP / 2,
                    place["w"] * UNIT[0] - GAP,
                    place["h"] * UNIT[1] - GAP,
                )
                _panel(canvas, panel, box, ask(prometheus, panel))
        top += (end - begin) * UNIT[1]
    return canvas


def _panel(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    canvas.rectangle(box.x, box.y, box.width, box.height, LINE, radius=3)
    canvas.rectangle(box.x + 1, box.y + 1, box.width - 2, box.height - 2, PANEL, radius=2)
    size = 13.0 if len(panel["title"]) * _TITLE_LETTER < box.width else 11.0
    canvas.text(box.x + 10, box.y + 22, panel["title"], TEXT, size=size, bold=True)
    inner = Box(box.x + 12, box.y + 36, box.width - 24, box.height - 46)
    assert lines, f"no data for {panel['title']}"
    _KINDS[panel["type"]](canvas, panel, inner, lines)


def _stat(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    width = box.width / len(lines)
    for at, line in enumerate(lines):
        middle = box.x + (at + 0.5) * width
        text = _written(panel, line.last)
        size = min(34.0, 1.5 * width / len(text))
        canvas.text(middle, box.y + 62, text, _colour(panel, line.last), size=size, anchor="middle", bold=True)
        canvas.text(middle, box.y + 92, line.name, SOFT, size=12, anchor="middle")


def _bars(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    plot = _axes(canvas, box, _times(lines), _legend_row(canvas, panel, box, lines))
    sums = {at: sum(dict(line.values).get(at, 0.0) for line in lines) for at in _times(lines)}
    highest = _ceiling(max(sums.values()), panel)
    _scale(canvas, plot, panel, highest)
    width = plot.width / len(sums)
    for column, at in enumerate(sums):
        base = plot.y + plot.height
        for index, line in enumerate(lines):
            high = plot.height * dict(line.values).get(at, 0.0) / highest
            base -= high
            canvas.rectangle(plot.x + column * width + 1, base, width - 2, high, _own_colour(panel, line, index))


def _lines(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    if panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "bars":
        _bars(canvas, panel, box, lines)
        return
    times = _times(lines)
    plot = _axes(canvas, box, times, _legend_row(canvas, panel, box, lines))
    highest = _ceiling(max(value for line in lines for _, value in line.values), panel)
    _scale(canvas, plot, panel, highest)
    span = max(1.0, times[-1] - times[0])
    for index, line in enumerate(lines):
        colour = _own_colour(panel, line, index)
        runs: list[list[tuple[float, float]]] = []
        before = -math.inf
        for at, value in line.values:
            if at - before > STEP:  # where there is no value, there is no line
                runs.append([])
            runs[-1].append(
                (plot.x + plot.width * (at - times[0]) / span, plot.y + plot.height * (1 - value / highest))
            )
            before = at
        for run in runs:
            canvas.line(run if len(run) > 1 else [run[0], (run[0][0] + 2, run[0][1])], colour, width=1.5)


def _pie(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    total = sum(line.last for line in lines)
    radius = min(box.height, box.width * 0.6) / 2
    begin = 0.0
    for index, line in enumerate(lines):
        colour = _own_colour(panel, line, index)
        share = (begin, begin + line.last / total)
        canvas.wedge((box.x + radius, box.y + box.height / 2), radius, share, colour)
        begin = share[1]
        y = box.y + box.height / 2 + (index - len(lines) / 2) * 26 + 16
        canvas.rectangle(box.x + 2 * radius + 24, y - 9, 14, 4, colour, radius=2)
        canvas.text(box.x + 2 * radius + 46, y, line.name, TEXT, size=12)
        canvas.text(box.x + box.width, y, f"{line.last:.0f}, {line.last / total:.0%}", TEXT, size=12, anchor="end")


def _states(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    times = _times(lines)
    plot = _axes(canvas, box, times, 0.0, left=52.0)
    height, width = plot.height / len(lines), plot.width / len(times)
    for row, line in enumerate(lines):
        values = dict(line.values)
        y = plot.y + row * height
        canvas.text(plot.x - 8, y + height / 2 + 4, line.name, SOFT, size=12, anchor="end")
        for column, at in enumerate(times):
            colour = _colour(panel, values.get(at, 0.0))
            canvas.rectangle(plot.x + column * width, y + height * 0.1, width + 0.5, height * 0.8, colour)


def _gauges(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    highest = max(line.last for line in lines) or 1.0
    height = box.height / len(lines)
    for row, line in enumerate(lines):
        y, colour = box.y + row * height, _colour(panel, line.last)
        length = box.width - 110
        canvas.text(box.x, y + height / 2 + 4, line.name, TEXT, size=12)
        canvas.rectangle(box.x + 52, y + 6, length, height - 12, LINE, radius=2)
        canvas.rectangle(box.x + 52, y + 6, length * line.last / highest, height - 12, colour, radius=2)
        canvas.text(
            box.x + box.width, y + height / 2 + 6, _written(panel, line.last), colour, size=17, anchor="end", bold=True
        )


def _heat(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> None:  # noqa: ANN401  # a JSON document
    """Draw buckets, which Prometheus gives as sums up to each bound, as cells of what is between two bounds."""
    bounds = sorted(lines, key=lambda line: float(line.labels["le"]))
    times = _times(lines)
    plot = _axes(canvas, box, times, 0.0, left=52.0)
    cells: dict[tuple[int, int], float] = {}
    for row, line in enumerate(bounds):
        below = dict(bounds[row - 1].values) if row else {}
        for column, at in enumerate(times):
            cells[column, row] = dict(line.values).get(at, 0.0) - below.get(at, 0.0)
    highest = max(cells.values()) or 1.0
    width, height = plot.width / len(times), plot.height / len(bounds)
    base = "#ff9830" if panel["options"]["color"]["scheme"] == "Oranges" else "#73bf69"
    for (column, row), count in cells.items():
        if count > 0:
            share = 0.25 + 0.75 * math.sqrt(count / highest)
            y = plot.y + plot.height - (row + 1) * height
            canvas.rectangle(plot.x + column * width + 0.5, y + 0.5, width - 1, height - 1, _mixed(base, share))
    for row, line in enumerate(bounds):
        if row % 3 == 0:
            y = plot.y + plot.height - (row + 0.5) * height + 4
            canvas.text(plot.x - 8, y, _seconds(float(line.labels["le"])), SOFT, size=11, anchor="end")


_KINDS: Final = {
    "stat": _stat,
    "timeseries": _lines,
    "piechart": _pie,
    "state-timeline": _states,
    "bargauge": _gauges,
    "heatmap": _heat,
}


def _axes(canvas: Canvas, box: Box, times: list[float], legend: float, *, left: float = 34.0) -> Box:
    """Write the hours below, and return what is left for the plot."""
    plot = Box(box.x + left, box.y, box.width - left, box.height - 18 - legend)
    hours = 3 if box.width > 500 else 6  # pixels, in which a label every three hours has room
    begin, end = times[0] - STEP / 2, times[-1] + STEP / 2
    for at in range(math.ceil(begin / 3600) * 3600, int(end), 3600):
        if at // 3600 % hours == 0:
            x = plot.x + plot.width * (at - begin) / (end - begin)
            if x < plot.x + plot.width - 14:
                canvas.text(x, plot.y + plot.height + 15, f"{at // 3600 % 24:02}:00", SOFT, size=11, anchor="middle")
    return plot


def _scale(canvas: Canvas, plot: Box, panel: Any, highest: float) -> None:  # noqa: ANN401  # a JSON document
    for part in range(3):
        y = plot.y + plot.height * (1 - part / 2)
        canvas.line([(plot.x, y), (plot.x + plot.width, y)], LINE)
        canvas.text(plot.x - 6, y + 4, _written(panel, highest * part / 2), SOFT, size=11, anchor="end")


def _legend_row(canvas: Canvas, panel: Any, box: Box, lines: list[Line]) -> float:  # noqa: ANN401  # a JSON document
    """Write the legend in as many rows as it takes at the bottom of `box`; return their height."""
    rows: list[list[tuple[int, Line]]] = [[]]
    x = 0.0
    for index, line in enumerate(lines):
        width = _LEGEND_MARK + _LEGEND_LETTER * len(line.name)
        if x + width > box.width and rows[-1]:
            rows.append([])
            x = 0.0
        rows[-1].append((index, line))
        x += width
    for at, row in enumerate(rows):
        x, y = box.x, box.y + box.height - (len(rows) - 1 - at) * _LEGEND_ROW
        for index, line in row:
            canvas.rectangle(x, y - 7, 14, 4, _own_colour(panel, line, index), radius=2)
            canvas.text(x + 20, y - 1, line.name, TEXT, size=11)
            x += _LEGEND_MARK + _LEGEND_LETTER * len(line.name)
    return len(rows) * _LEGEND_ROW


def _times(lines: list[Line]) -> list[float]:
    return sorted({at for line in lines for at, _ in line.values})


def _ceiling(value: float, panel: Any) -> float:  # noqa: ANN401  # a JSON document
    """Return a number not below `value` of which the half can be written shortly, too."""
    if panel["fieldConfig"]["defaults"].get("unit") == "s":
        return next((one for one in _DURATIONS if one >= value), value)
    size = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(size * step for step in (1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0) if size * step >= value)


def _legend(form: str, labels: Mapping[str, str]) -> str:
    text = form
    for name, value in labels.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text.replace("{{environment}}", "").strip()


def _colour(panel: Any, value: float) -> str:  # noqa: ANN401  # a JSON document
    """Return the colour of a value by the panel's limits."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return COLOURS[[one["color"] for one in steps if one["value"] is None or value >= one["value"]][-1]]


def _own_colour(panel: Any, line: Line, index: int) -> str:  # noqa: ANN401  # a JSON document
    """Return the colour that the panel gives to a line, else the next of the palette."""
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == line.name:
            for one in override["properties"]:
                if one["id"] == "color":
                    return COLOURS[one["value"]["fixedColor"]]
    return CLASSIC[index % len(CLASSIC)]


def _written(panel: Any, value: float) -> str:  # noqa: ANN401  # a JSON document
    defaults = panel["fieldConfig"]["defaults"]
    for mapping in defaults.get("mappings", ()):
        if f"{value:g}" in mapping["options"]:
            return str(mapping["options"][f"{value:g}"]["text"])
    match defaults.get("unit"):
        case "percentunit":
            return f"{value:.1%}".replace(".0%", "%")
        case "s":
            return _seconds(value)
        case _:
            return f"{value:g}"


def _seconds(value: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if value >= size and math.isfinite(value):
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} s" if math.isfinite(value) else "more"


def _mixed(colour: str, share: float) -> str:
    """Return a share of a colour over the panel's."""
    pairs = zip(_channels(colour), _channels(PANEL), strict=True)
    return "#" + "".join(f"{round(top * share + below * (1 - share)):02x}" for top, below in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
