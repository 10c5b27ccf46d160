"""Times of records: zones, the repeated and the skipped hour, and texts that are no times."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.records.time import FoldWatch, Times, repeated_days

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2025, 10, 26, 0, 30, tzinfo=UTC).timestamp()
REPEATED = b"2025-10-26 02:30:00"


def test_local_time() -> None:
    """A header's time is read in the log's zone, with or without fractions."""
    times = Times(BERLIN)
    expected = datetime(2025, 10, 6, 16, 22, 12, tzinfo=UTC).timestamp()
    assert times.resolve(b"2025-10-06 18:22:12") == expected
    assert times.resolve(b"2025-10-06T18:22:12.25") == expected + 0.25


@pytest.mark.parametrize("offset", [b"+02:00", b"+0200"])
def test_absolute(offset: bytes) -> None:
    """A time that carries its offset needs no zone, whatever the fold."""
    text = b"2025-10-06T18:22:12.123456" + offset
    times = Times(ZoneInfo("Asia/Tokyo"))
    expected = datetime(2025, 10, 6, 16, 22, 12, 123456, tzinfo=UTC).timestamp()
    assert times.resolve(text) == times.resolve(text, fold=1) == times.resolve(text, near=0.0) == expected
    assert times.resolve(b"2025-10-06T16:22:12Z") == expected - 0.123456


def test_repeated_hour() -> None:
    """A time that the clock shows twice is the pass of the fold, or live the one nearer to now."""
    times = Times(BERLIN)
    assert times.resolve(REPEATED) == FIRST
    assert times.resolve(REPEATED, fold=1) == FIRST + 3600
    assert times.resolve(REPEATED, fold=1, near=FIRST + 5) == FIRST
    assert times.resolve(REPEATED, near=FIRST + 3595) == FIRST + 3600
    assert times.repeated(REPEATED)
    assert not times.repeated(b"2025-10-26 03:30:00")


@pytest.mark.parametrize("fold", [0, 1])
def test_skipped_hour(fold: int) -> None:
    """A time that the clock skips is moved forward, whatever the fold."""
    expected = datetime(2025, 3, 30, 1, 30, tzinfo=UTC).timestamp()
    assert Times(BERLIN).resolve(b"2025-03-30 02:30:00", fold=fold) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"2025",
        b"2025-02-30 10:00:00",
        b"2025-13-01 10:00:00",
        b"0000-00-00 00:00:00",
        b"2025-10-06 25:00:00",
        b"2025-10-06 18:22:60",
        b"2025-10-06 18:22:1e999",
        b"2025-10-06 18:22:-5",
        b"2025-10-06 18:22:nan",
        b"2025-02-30T10:00:00+02:00",
        b"2025-10-06 18:22:12+99:00",
        b"\xff\xfe",
        b"2025-10-06 18:22:12 \xff",
    ],
)
def test_no_time(text: bytes) -> None:
    """A text that is no time resolves to None, and repeats nothing."""
    times = Times(BERLIN)
    assert times.resolve(text) is None
    assert not times.repeated(text)


@given(st.one_of(st.binary(max_size=40), st.from_regex(rb"[0-9]{4}-[01][0-9]-[0-3][0-9][ T][0-9:.+eZ-]{0,12}")))
def test_any_bytes(text: bytes) -> None:
    """Any bytes resolve to a finite time or to None."""
    for zone in ("America/New_York", "Asia/Tokyo"):
        time = Times(ZoneInfo(zone)).resolve(text, fold=1)
        assert time is None or abs(time) < 1e12


def test_remembered_minutes_are_bounded() -> None:
    """The memory of minutes is emptied before it grows without end, and answers stay right."""
    times = Times(BERLIN)
    for hour in range(24):
        for minute in range(60):
            for day in (b"01", b"02", b"03"):
                times.resolve(b"2025-10-%b %02d:%02d:00" % (day, hour, minute))
    assert len(times._minutes) <= 4096
    assert times.resolve(REPEATED) == FIRST


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("Europe/Berlin", {b"2025-10-26", b"2025-10-27"}),
        ("America/New_York", {b"2025-11-01", b"2025-11-02"}),
        ("Asia/Tokyo", set()),
    ],
)
def test_repeated_days(zone: str, days: set[bytes]) -> None:
    """The days that may hold a repeated hour are those about the night when the clock is set back."""
    assert repeated_days(ZoneInfo(zone), 2025) == days


@pytest.mark.parametrize("year", [0, 1, 9999])
def test_years_without_calendar(year: int) -> None:
    """Years that only a broken record names have no such day, in any zone."""
    assert repeated_days(ZoneInfo("America/New_York"), year) == frozenset()
    assert repeated_days(ZoneInfo("Asia/Tokyo"), year) == frozenset()


def test_fold_by_file_order() -> None:
    """Once the times of a file step back inside the repeated hour, the rest of it is the second pass."""
    watch = FoldWatch(Times(BERLIN))
    texts = [b"01:59:00", b"02:10:00", b"02:58:00", b"02:57:00", b"02:01:00", b"02:01:00", b"02:59:00", b"03:00:00"]
    assert [watch.observe(b"2025-10-26 " + text) for text in texts] == [0, 0, 0, 0, 1, 1, 1, 0]
    assert (watch.latest, watch.fold) == (0.0, 0)


def test_fold_resumes() -> None:
    """A watch goes on from the state of a file, and is not moved by a text that is no time."""
    watch = FoldWatch(Times(BERLIN), latest=FIRST, fold=0)
    assert watch.observe(b"2025-10-26 02:05:00") == 1
    assert watch.observe(b"no time") == 1
    assert FoldWatch(Times(BERLIN), latest=FIRST, fold=1).observe(REPEATED) == 1
