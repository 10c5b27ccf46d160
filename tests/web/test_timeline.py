"""exporter.web.timeline: what is drawn equals what is told, and both equal the counts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.ledger.windows import last_day
from exporter.model import HistogramValue
from exporter.web.timeline import COLUMNS, HEIGHT, distribution, timeline

NOW = datetime(2025, 10, 9, 16, 42, tzinfo=UTC).timestamp()
MINUTE = int(NOW // 60)


def test_a_day_in_half_hours() -> None:
    """Each count stands in its half hour of the zone, in the drawing, in words and in the table."""
    chart = timeline({"A": {MINUTE: 1, MINUTE - 13: 3, MINUTE - 60: 2}, "B": {}}, NOW, ZoneInfo("Europe/Berlin"))
    first, second = chart.lanes
    assert (first.total, first.text) == ("6", "A: 6; most in 18:00 to 18:30: 3")
    assert [(one.x, one.height, one.y) for one in first.columns] == [
        (COLUMNS - 3, round(HEIGHT * 2 / 3, 2), round(HEIGHT / 3, 2)),
        (COLUMNS - 2, HEIGHT, 0.0),
        (COLUMNS - 1, round(HEIGHT / 3, 2), round(HEIGHT * 2 / 3, 2)),
    ]
    assert [one.text for one in first.columns] == ["17:30 to 18:00: 2", "18:00 to 18:30: 3", "18:30 to 19:00: 1"]
    assert (second.total, second.text, second.columns) == ("0", "B: none", ())
    assert chart.head == ("Time", "A", "B")
    assert chart.rows == (
        ("17:30 to 18:00", "2", "0"),
        ("18:00 to 18:30", "3", "0"),
        ("18:30 to 19:00", "1", "0"),
    )


def test_the_same_hours_of_two_days() -> None:
    """The first half hour of the day has the hours of the last; the table tells them apart."""
    chart = timeline({"A": {MINUTE: 1, MINUTE - 1439: 2}}, NOW, UTC)
    assert chart.rows == (("yesterday 16:30 to 17:00", "2"), ("16:30 to 17:00", "1"))


def test_one_scale_for_all_lanes() -> None:
    """Lanes can be compared, and what is small beside others can still be seen."""
    chart = timeline({"A": {MINUTE: 1000}, "B": {MINUTE: 1}}, NOW, UTC)
    assert chart.lanes[0].columns[0].height == HEIGHT
    assert 1 <= chart.lanes[1].columns[0].height < HEIGHT / 10


def test_round_hours_below() -> None:
    """The labels are at round hours of the zone and at the end, where those half hours are drawn."""
    ticks = timeline({}, NOW, ZoneInfo("Europe/Berlin")).ticks
    assert [tick.text for tick in ticks] == ["00:00", "06:00", "12:00", "now"]
    assert ticks[0].place == round(100 * 11 / COLUMNS, 2)
    assert ticks[-1].place == 100.0


@given(st.dictionaries(st.integers(MINUTE - 3000, MINUTE + 3000), st.integers(1, 10**6), max_size=50))
@example({MINUTE + at: 1 for at in (-1440, -1439, 1439, 1440)})
def test_nothing_is_left_out(minutes: dict[int, int]) -> None:
    """Whatever minutes there are, the lane's sum is that of the last day, and so is the table's."""
    chart = timeline({"A": minutes}, NOW, UTC)
    assert int(chart.lanes[0].total.replace(",", "")) == last_day(minutes, NOW)
    assert sum(int(row[1].replace(",", "")) for row in chart.rows) == last_day(minutes, NOW)
    assert all(0 <= one.x < COLUMNS and one.y >= 0 and one.y + one.height <= HEIGHT for one in chart.lanes[0].columns)


def test_distribution() -> None:
    """A histogram is drawn on a scale of its own, its median told, and all buckets are in the table."""
    values = {
        "Fresh": HistogramValue((3, 1, 0), 9.0),
        "Old": HistogramValue((0, 0, 1), 99.0),
        "None": HistogramValue((0, 0, 0), 0.0),
    }
    chart = distribution(values, (10.0, 60.0))
    fresh, old, none = chart.lanes
    assert (fresh.total, fresh.note, fresh.text) == ("4", "half of them up to 10 s", "Fresh: 4; most in up to 10 s: 3")
    assert [(one.x, one.height) for one in fresh.columns] == [(0, HEIGHT), (1, round(HEIGHT / 3, 2))]
    assert (old.note, old.columns[0].height) == ("half of them over 1 min", HEIGHT)
    assert (none.note, none.columns) == ("", ())
    assert chart.rows == (("up to 10 s", "3", "0", "0"), ("up to 1 min", "1", "0", "0"), ("over 1 min", "0", "1", "0"))
    assert [(tick.text, tick.place) for tick in chart.ticks] == [("10 s", 33.33), ("1 min", 66.67)]
