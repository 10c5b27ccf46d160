"""Record times: local header times of a configured zone, or times that carry their offset. Pure.

A local time that the clock shows twice (the night when daylight saving ends) is resolved live by
nearness to now, else by file order: once the times of a file have stepped back inside that hour,
the rest of it is the second pass (PEP 495's `fold=1`). A local time that the clock skips is moved
forward, as `zoneinfo` does for `fold=0`. Time never orders or drops records.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_MINUTE: Final = len("2025-10-06 18:22")
_SECOND: Final = len("2025-10-06 18:22:12")
_SECONDS: Final = 60.0
_CACHED: Final = 4096
_BACKWARD: Final = 300.0
"""A step back of more than this many seconds inside a repeated hour is its second pass; less is disorder."""


class Times:
    """Resolves the header times of one log.

    >>> from zoneinfo import ZoneInfo
    >>> Times(ZoneInfo("Europe/Berlin")).resolve(b"2025-10-06 18:22:12")
    1759767732.0
    """

    def __init__(self, zone: ZoneInfo) -> None:
        """Take the zone of the local times."""
        self._zone = zone
        self._minutes: dict[bytes, tuple[float, float]] = {}

    def resolve(self, text: bytes, *, fold: int = 0, near: float | None = None) -> float | None:
        """Return the Unix time of a header's or JSON record's time text, or None where it is no time.

        Where the local time is ambiguous the answer is the one nearer to `near` (live), or the
        one of `fold` if `near` is None.
        """
        if len(text) > _SECOND and text[_SECOND:].strip(b".0123456789"):
            return _absolute(text)
        try:
            both = self._minutes.get(text[:_MINUTE]) or self._minute(text[:_MINUTE])
            seconds = float(text[_MINUTE + 1 :])
        except ValueError:
            return None
        if not 0 <= seconds < _SECONDS:
            return None
        first, second = both[0] + seconds, both[1] + seconds
        if near is not None:
            return min(first, second, key=lambda time: abs(time - near))
        return second if fold else first

    def _minute(self, text: bytes) -> tuple[float, float]:
        local = datetime.fromisoformat(text.decode()).replace(tzinfo=self._zone)
        times = (local.timestamp(), local.replace(fold=1).timestamp())
        if times[1] < times[0]:  # a skipped time: only the reading before the change moves it forward
            times = (times[0], times[0])
        if len(self._minutes) >= _CACHED:
            self._minutes.clear()
        self._minutes[text] = times
        return times

    def repeated(self, text: bytes) -> bool:
        """Tell whether the clock shows this local time twice."""
        first, second = self.resolve(text, fold=0), self.resolve(text, fold=1)
        return first != second


def _absolute(text: bytes) -> float | None:
    try:
        return datetime.fromisoformat(text.decode()).timestamp()
    except ValueError:
        return None


@cache
def repeated_days(zone: ZoneInfo, year: int) -> frozenset[bytes]:
    """Return the local dates of `year` (`YYYY-MM-DD`) on which the clock of `zone` is set back."""
    days: set[bytes] = set()
    if not MINYEAR < year < MAXYEAR:  # what `datetime` cannot move between zones
        return frozenset(days)
    midnight = datetime(year, 1, 1, tzinfo=UTC)
    while midnight.year == year:
        following = midnight + timedelta(days=1)
        before, after = midnight.astimezone(zone).utcoffset(), following.astimezone(zone).utcoffset()
        if before is not None and after is not None and after < before:
            days |= {moment.astimezone(zone).strftime("%Y-%m-%d").encode() for moment in (midnight, following)}
        midnight = following
    return frozenset(days)


@dataclass(slots=True)
class FoldWatch:
    """Follows a file's local times through a repeated hour, in file order.

    `latest` is the newest local time seen in the hour (seconds by the first reading), `fold` the
    pass that holds. Both are part of a file's committed state.
    """

    times: Times
    latest: float = 0.0
    fold: int = 0

    def observe(self, text: bytes) -> int:
        """Take the next header's time; return the fold that holds from it on."""
        time = self.times.resolve(text)
        if time is None:
            return self.fold
        if not self.times.repeated(text):
            self.latest, self.fold = (0.0, 0)
        elif time < self.latest - _BACKWARD:
            self.fold = 1
        else:
            self.latest = time
        return self.fold
