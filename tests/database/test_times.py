"""Windows of wall-clock times, also in the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from exporter.database.times import stored_offset, window_start

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    """Return Unix seconds of a UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "seconds", "start"),
    [
        ("2025-07-01 12:00:00", 3600, "2025-07-01T13:00:00"),
        ("2025-07-01 12:00:00.9", 86400, "2025-06-30T14:00:00"),
        ("2025-03-30 01:30:00", 3600, "2025-03-30T01:30:00"),  # 03:30, an hour after 01:30
        ("2025-10-26 00:30:00", 3600, "2025-10-26T01:30:00"),  # 02:30 for the first time
        ("2025-10-26 01:30:00", 3600, "2025-10-26T02:00:00"),  # 02:30 for the second time
        ("2025-10-26 01:00:00", 3600, "2025-10-26T02:00:00"),  # the clock is just set back
        ("2025-10-26 02:30:00", 3600, "2025-10-26T02:30:00"),  # 03:30
        ("2025-10-26 12:00:00", 86400, "2025-10-25T14:00:00"),
    ],
)
def test_window_start(now: str, seconds: int, start: str) -> None:
    """The window begins at the earliest wall-clock time in it: rows of a repeated hour are never left out."""
    assert window_start(at(now), seconds, BERLIN).isoformat() == start


def test_window_in_utc() -> None:
    """An app in UTC has no such nights."""
    assert window_start(at("2025-10-26 01:30:00"), 3600, ZoneInfo("UTC")).isoformat() == "2025-10-26T00:30:00"


@pytest.mark.parametrize(
    ("created", "hours"),
    [
        (datetime(2025, 7, 1, 14, 0), None),  # noqa: DTZ001  # stored times have no zone
        (datetime(2025, 7, 1, 12, 0), -2),  # noqa: DTZ001
        (datetime(2025, 7, 1, 16, 1), 2),  # noqa: DTZ001
        (datetime(2025, 7, 1, 19, 30), 5.5),  # noqa: DTZ001
        (datetime(2025, 7, 1, 13, 40), None),  # noqa: DTZ001
        (datetime(2025, 6, 1, 14, 0), None),  # noqa: DTZ001
        (datetime(2025, 7, 1, 12, 0, tzinfo=UTC), None),
        (None, None),
        ("2025-07-01", None),
    ],
)
def test_stored_offset(created: object, hours: float | None) -> None:
    """Whole half hours tell of another zone; what no two zones can be apart does not."""
    offset = stored_offset(created, at("2025-07-01 12:00:00"), BERLIN)
    assert offset == (None if hours is None else hours * 3600)


def test_stored_offset_in_the_repeated_hour() -> None:
    """A time that occurs twice is taken for the nearer one."""
    created = datetime(2025, 10, 26, 2, 30)  # noqa: DTZ001  # stored times have no zone
    assert stored_offset(created, at("2025-10-26 00:30:00"), BERLIN) is None
    assert stored_offset(created, at("2025-10-26 01:30:00"), BERLIN) is None
