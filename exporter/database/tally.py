"""Counting a large table cheaply: old rows in ranges of ids, remembered and counted anew in turn. Pure.

A count of ten million rows takes seconds, and the app may be waiting for the same disk. So the rows are
cut into ranges of `rows` rows by their ascending id. The count of each range is remembered;
only the newest rows, behind the last range, are counted each time: at most twice `tail`. Every range is counted
anew within `recount` seconds, a few at each call, so that updates and deletes of old rows are
seen within that time and no statement looks at more than a few ranges' rows.

Rows whose transaction commits late, below ids that were already counted, are seen at once among
the newest rows, and within `recount` seconds otherwise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROWS = 10_000
"""Rows of a range of old rows: about 3 ms on MariaDB."""
TAIL = 2_500
"""Rows of a range that is cut off the newest rows."""
MOST_RANGES = 2048
"""Where there would be more, the smallest neighbours are joined: memory is bounded, ranges grow with the table."""


class Source(Protocol):
    """What the table answers. Ids ascend; `after` None means from the first row on.

    Every count has an upper end: planners take a range without one for a quarter of the table.
    """

    def newest(self) -> int | None:
        """Return the highest id, None for an empty table."""

    def boundary(self, after: int | None, rows: int) -> int | None:
        """Return the id of the row that is the `rows`-th after the id `after`, None if there are fewer."""

    def count(self, after: int | None, upto: int) -> Mapping[str, int]:
        """Return the number of rows of each group with `after` < id <= `upto`."""


@dataclass(slots=True)
class _Range:
    """Rows up to and with the id `upper`, from behind the range before."""

    upper: int
    rows: int
    """How many rows it had when it was made."""
    counts: Mapping[str, int]


class Tally:
    """The number of rows of each group; see the module."""

    def __init__(self, recount: float, rows: int = ROWS, tail: int = TAIL, most: int = MOST_RANGES) -> None:
        """Count every row anew within `recount` seconds; `rows`, `tail` and `most` ranges as the module says."""
        self._recount = recount
        self._rows = rows
        self._tail = tail
        self._most = most
        self._ranges: list[_Range] = []
        self._total: Counter[str] = Counter()
        self._next = 0
        self._at: float | None = None

    @property
    def ranges(self) -> int:
        """The number of remembered ranges."""
        return len(self._ranges)

    def refresh(self, source: Source, now: float, more: Callable[[], bool]) -> Mapping[str, int] | None:
        """Return the present counts, or None while the first count is not complete: then call again.

        `now` is a time in seconds that never goes back. While `more` says False no range is added
        or counted anew. What `source` raises is passed on; what was counted before is kept.
        """
        newest = source.newest()
        self._drop_beyond(newest)
        if newest is None:
            return {}
        while self._is_far(newest):
            upper, rows = self._boundary(source, newest)
            if upper is None:
                break
            if not more():
                return None
            self._append(_Range(upper, rows, source.count(self._last, upper)))
        self._count_anew(source, now, more)
        counts = self._total + Counter(source.count(self._last, newest))
        return dict(counts)

    @property
    def _last(self) -> int | None:
        return self._ranges[-1].upper if self._ranges else None

    def _is_far(self, newest: int, rows: int | None = None) -> bool:
        """Tell whether there may be more than twice `rows` (the tail's) behind the last range."""
        last = self._last
        return last is None or newest - last > 2 * (rows or self._tail)

    def _boundary(self, source: Source, newest: int) -> tuple[int | None, int]:
        """Return where the next range ends, and its rows; None if too few are left for one."""
        if self._is_far(newest, self._rows):
            upper = source.boundary(self._last, self._rows)
            if upper is not None:
                return upper, self._rows
        return source.boundary(self._last, self._tail), self._tail

    def _drop_beyond(self, newest: int | None) -> None:
        """Forget ranges that end behind the newest row: the table was emptied or restored, and ids come again."""
        while self._ranges and (newest is None or self._ranges[-1].upper > newest):
            self._total.subtract(self._ranges.pop().counts)

    def _append(self, one: _Range) -> None:
        self._ranges.append(one)
        self._total.update(one.counts)
        if len(self._ranges) > self._most:
            at = min(range(len(self._ranges) - 1), key=lambda at: self._ranges[at].rows + self._ranges[at + 1].rows)
            left, right = self._ranges[at : at + 2]
            counts = Counter(left.counts) + Counter(right.counts)
            self._ranges[at : at + 2] = [_Range(right.upper, left.rows + right.rows, counts)]

    def _count_anew(self, source: Source, now: float, more: Callable[[], bool]) -> None:
        """Count as many ranges anew, in turn, as the time since the last call demands, and one at least."""
        if not self._ranges:
            return
        each = self._recount / len(self._ranges)
        demanded = 0 if self._at is None else int((now - self._at) / each)
        self._at = now if not demanded or self._at is None else self._at + demanded * each
        for left in range(max(1, demanded), 0, -1):
            if not more():
                self._at -= each * left
                return
            self._next = (self._next + 1) % len(self._ranges)
            lower = self._ranges[self._next - 1].upper if self._next else None
            one = self._ranges[self._next]
            counts = source.count(lower, one.upper)
            self._total.subtract(one.counts)
            self._total.update(counts)
            one.counts = counts
