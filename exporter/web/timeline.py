"""Counts in lanes of columns, as the status page draws them. Pure: numbers in, geometry out.

A lane has a row of its own, so that nothing is told by colour alone. Columns are in units of a drawing that is as
wide as it has columns and `HEIGHT` high; the page stretches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from exporter.ledger.windows import MINUTES
from exporter.web.words import clock, duration, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import tzinfo

    from exporter.model import HistogramValue

STEP = 1800
"""Seconds that one column of the timeline stands for."""
COLUMNS = MINUTES * 60 // STEP + 1
"""A day, and as much of the present half hour as has passed."""
HEIGHT = 40.0
_LEAST = 2.0
"""A column that is not empty can be seen, however small it is beside the others."""
_TICK_HOURS = 6
_TICK_ROOM = (3, 5)
"""Columns between a label and either edge: it must not be cut, nor touch the one that stands at the end."""
_AGE_TICKS = (1.0, 10.0, 60.0, 600.0, 86400.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A label below the lanes: its place in percent of their width, its text, and which part of it stands there."""

    place: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is not empty: its place, its height, and what it tells."""

    x: int
    y: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of columns with its name, its sum, and all of it in words."""

    name: str
    total: str
    columns: tuple[Column, ...]
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Lanes with a common axis, and the same as a table: a head, and rows of cells."""

    width: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def timeline(
    counts: Mapping[str, Mapping[int, int]], now: float, zone: tzinfo, notes: Mapping[str, str] | None = None
) -> Chart:
    """Return a day of counts by lane and minute (Unix time // 60), in half hours up to `now` (Unix seconds).

    `notes` say more of a lane than its name.
    """
    begin = (int(now) // STEP - COLUMNS + 1) * STEP
    names = [_half_hour(begin + at * STEP, now, zone) for at in range(COLUMNS)]
    sums = {lane: _by_column(minutes, now, begin) for lane, minutes in counts.items()}
    highest = max((max(row) for row in sums.values()), default=0)
    lanes = tuple(_lane(lane, row, names, highest, (notes or {}).get(lane, "")) for lane, row in sums.items())
    filled = [at for at in range(COLUMNS) if any(row[at] for row in sums.values())]
    rows = tuple((names[at], *(number(row[at]) for row in sums.values())) for at in filled)
    return Chart(COLUMNS, lanes, _hours(begin, zone), ("Time", *sums), rows)


def _half_hour(at: int, now: float, zone: tzinfo) -> str:
    """Return the name of a column; the first and the last of a day have the same hours, so the date matters."""
    today = datetime.fromtimestamp(at, zone).date() == datetime.fromtimestamp(now, zone).date()
    return f"{'' if today else 'yesterday '}{clock(at, zone)} to {clock(at + STEP, zone)}"


def _hours(begin: int, zone: tzinfo) -> tuple[Tick, ...]:
    """Return labels at round hours of the zone, and at the end of the day."""
    moments = (
        (at, datetime.fromtimestamp(begin + at * STEP, zone)) for at in range(_TICK_ROOM[0], COLUMNS - _TICK_ROOM[1])
    )
    ticks = [
        Tick(round(100 * at / COLUMNS, 2), f"{moment:%H:%M}")
        for at, moment in moments
        if moment.hour % _TICK_HOURS == 0 and moment.minute * 60 < STEP
    ]
    return (*ticks, Tick(100.0, "now", "end"))


def _by_column(minutes: Mapping[int, int], now: float, begin: int) -> list[int]:
    """Add minutes up; those ahead of `now`, which a clock that was set back leaves, are in the last column."""
    row = [0] * COLUMNS
    present = int(now // 60)
    for minute, count in minutes.items():
        if abs(minute - present) < MINUTES:
            row[min((minute * 60 - begin) // STEP, COLUMNS - 1)] += count
    return row


def _lane(name: str, row: Sequence[int], names: Sequence[str], highest: int, note: str = "") -> Lane:
    columns = tuple(
        _column(at, count, highest, f"{names[at]}: {number(count)}") for at, count in enumerate(row) if count
    )
    total = number(sum(row))
    most = max(row, default=0)
    text = f"{name}: {total}; most in {names[row.index(most)]}: {number(most)}" if most else f"{name}: none"
    return Lane(name, total, columns, text, note)


def _column(x: int, count: int, highest: int, text: str) -> Column:
    height = round(max(_LEAST, HEIGHT * count / highest), 2)
    return Column(x, round(HEIGHT - height, 2), height, text)


def distribution(values: Mapping[str, HistogramValue], bounds: Sequence[float]) -> Chart:
    """Return histograms of seconds with these upper `bounds`, one lane for each, each drawn on a scale of its own."""
    names = [f"up to {duration(bound)}" for bound in bounds] + [f"over {duration(bounds[-1])}"]
    lanes = tuple(
        _lane(name, value.buckets, names, max(value.buckets), _median(value, names)) for name, value in values.items()
    )
    ticks = tuple(
        Tick(round(100 * (at + 1) / len(names), 2), duration(bound))
        for at, bound in enumerate(bounds)
        if bound in _AGE_TICKS
    )
    cells: Iterable[tuple[int, ...]] = zip(*(value.buckets for value in values.values()), strict=True)
    rows = tuple((name, *map(number, counts)) for name, counts in zip(names, cells, strict=True))
    return Chart(len(names), lanes, ticks, ("Age", *values), rows)


def _median(value: HistogramValue, names: Sequence[str]) -> str:
    half, seen = value.count / 2, 0
    for name, count in zip(names, value.buckets, strict=True):
        seen += count
        if seen and seen >= half:
            return f"half of them {name}"
    return ""
