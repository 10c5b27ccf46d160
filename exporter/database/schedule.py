"""When each query is due. Pure: times are those of one clock that never goes back, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

REST: Final = 19
"""A query rests this many times as long as it took: it never takes more than a twentieth of the time."""
SLICE_REST: Final = 4
"""The same between two slices of long work, which is done seldom."""


class Schedule:
    """The due time of each query; all are due at the beginning, in the order of `intervals`."""

    def __init__(self, intervals: Mapping[str, float], now: float) -> None:
        """Take the seconds between the beginnings of two samples, by query."""
        self._intervals = intervals
        self._retry = min(intervals.values())
        self._due = dict.fromkeys(intervals, now)

    def due(self, now: float) -> list[str]:
        """Return the queries that are due, those that wait longest first."""
        return sorted((query for query, at in self._due.items() if at <= now), key=self._due.__getitem__)

    def at(self, query: str) -> float:
        """Return when the query is due next."""
        return self._due[query]

    def ended(self, query: str, begin: float, end: float) -> None:
        """Note that the query was carried out."""
        self._due[query] = max(begin + self._intervals[query], end + REST * (end - begin))

    def failed(self, query: str, begin: float, end: float) -> None:
        """Note that the query failed: it is tried again as soon as the most frequent one is due."""
        self._due[query] = max(begin + self._retry, end + REST * (end - begin))

    def sliced(self, query: str, begin: float, end: float) -> None:
        """Note that a slice of the query was carried out, and more is to come."""
        self._due[query] = end + SLICE_REST * (end - begin)

    def wait(self, now: float) -> float:
        """Return the seconds until a query is due."""
        return max(0.0, min(self._due.values()) - now)
