"""Stored times: wall-clock times of the app's zone, without a zone of their own. Pure.

Eloquent writes `created_at` in `app.timezone`, and the session's time zone is never set, so the
bounds of a window are wall-clock times too. Times of our own are Unix seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_STEP = 1800.0
_TOLERANCE = 120.0
_LARGEST_OFFSET = 14 * 3600.0
"""Beyond it no two time zones can be the reason."""


def wall_time(now: float, zone: ZoneInfo) -> datetime:
    """Return the wall-clock time of `zone` at `now`, to the second and without zone."""
    return datetime.fromtimestamp(int(now), zone).replace(tzinfo=None, fold=0)


def window_start(now: float, seconds: int, zone: ZoneInfo) -> datetime:
    """Return the earliest wall-clock time in the last `seconds` (at most a day).

    That is the one at their beginning, unless the clock was set back since: in the hour that is
    then repeated, rows of both passes look alike, and all are taken rather than some left out.

    >>> from zoneinfo import ZoneInfo
    >>> window_start(1761442200, 3600, ZoneInfo("Europe/Berlin")).isoformat()  # 02:30 for the second time
    '2025-10-26T02:00:00'
    """
    begin = int(now) - seconds
    back = _set_back(begin, int(now), zone)
    first = wall_time(begin, zone)
    return first if back is None else min(first, wall_time(back, zone))


def _set_back(begin: int, end: int, zone: ZoneInfo) -> int | None:
    """Return the second in which the clock of `zone` was set back after `begin` and until `end`."""
    if _offset(end, zone) >= _offset(begin, zone):
        return None
    while end - begin > 1:
        middle = (begin + end) // 2
        if _offset(middle, zone) < _offset(begin, zone):
            end = middle
        else:
            begin = middle
    return end


def _offset(moment: int, zone: ZoneInfo) -> timedelta:
    return datetime.fromtimestamp(moment, zone).utcoffset() or timedelta()


def stored_offset(created: object, now: float, zone: ZoneInfo) -> float | None:
    """Return by how many seconds a row that was just created is dated wrong, if that tells of another zone.

    That is a whole number of half hours, as two zones can be apart. None: it is dated about
    now, or so that no zone explains it, or is no time. A time in the repeated hour is taken for the nearer one.
    """
    if not isinstance(created, datetime):
        return None
    offset = min((_seconds(created, zone, fold) - now for fold in (0, 1)), key=abs)
    whole = round(offset / _STEP) * _STEP
    if not whole or abs(whole) > _LARGEST_OFFSET or abs(offset - whole) > _TOLERANCE:
        return None
    return whole


def _seconds(created: datetime, zone: ZoneInfo, fold: int) -> float:
    if created.tzinfo is not None:  # PostgreSQL's timestamptz comes in the session's zone
        return created.astimezone(UTC).timestamp()
    return created.replace(tzinfo=zone, fold=fold).timestamp()
