"""The last 24 hours in one-minute buckets of event time, and the prevention rate made of them.

Two sets of them are kept: all rejections beside the appointments created, and the rejections of each layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.ledger.changed import Changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REJECTIONS = "rejections"
CREATED = "created"
KINDS = (REJECTIONS, CREATED)
MINUTES = 24 * 60


def prevention_rate(rejections: Mapping[int, int], created: Mapping[int, int], now: float) -> float:
    """Return the rejections of the last 24 h in percent of rejections and appointments created.

    Both map a minute (Unix time // 60) to a number; `now` is Unix time in seconds. 0.0 where
    nothing happened. The present minute is the last of the 1,440 that count.

    >>> prevention_rate({100: 1}, {100: 3}, now=100 * 60)
    25.0
    """
    rejected = last_day(rejections, now)
    return 100.0 * rejected / (rejected + last_day(created, now)) if rejected else 0.0


def last_day(counts: Mapping[int, int], now: float) -> int:
    """Return the sum of the minutes that count at `now` (Unix seconds)."""
    minute = int(now // 60)
    return sum(count for at, count in counts.items() if _inside(at, minute))


def _inside(at: int, minute: int) -> bool:
    # A clock that was set back leaves minutes ahead of it: a day's worth still counts as recent.
    return abs(at - minute) < MINUTES


class Windows:
    """The buckets of each kind, at most a day of each."""

    def __init__(self, state: Mapping[tuple[str, int], int], kinds: Iterable[str] = KINDS) -> None:
        """Continue from `state`: numbers by kind and minute. Those of other kinds than `kinds` only grow old."""
        self._values = dict(state)
        self._changed: Changed[tuple[str, int]] = Changed()
        self._handed: dict[tuple[str, int], int | None] = {}
        self._pruned: int | None = None
        self._shown: Mapping[str, Mapping[int, int]] = {
            kind: {minute: count for (of, minute), count in state.items() if of == kind} for kind in kinds
        }

    def add(self, kind: str, time: float, now: float, times: int = 1) -> None:
        """Count `times` happenings in the minute of `time`.

        A time ahead of `now` counts as now, one older than 24 h not at all.
        """
        present = int(now // 60)
        minute = min(int(time // 60), present)
        self._prune(present)
        if _inside(minute, present):
            key = (kind, minute)
            self._changed.touch(key, held=key in self._values)
            self._values[key] = self._values.get(key, 0) + times

    def changes(self) -> dict[tuple[str, int], int | None]:
        """Return what changed since the last `committed`: numbers, None for minutes that are gone."""
        self._handed = {key: self._values.get(key) for key in self._changed.hand_out(self._values)}
        return self._handed

    def committed(self) -> None:
        """Show what the last `changes` returned."""
        self._changed.settle()
        if self._handed:
            changed = {kind: dict(self._shown[kind]) for kind in {kind for kind, _ in self._handed} & set(self._shown)}
            for (kind, minute), count in self._handed.items():
                if kind not in changed:
                    continue
                if count is None:
                    changed[kind].pop(minute, None)
                else:
                    changed[kind][minute] = count
            self._handed = {}
            self._shown = {**self._shown, **changed}

    @property
    def shown(self) -> Mapping[str, Mapping[int, int]]:
        """The numbers of each kind by minute as last committed; mappings that never change."""
        return self._shown

    def state(self) -> dict[tuple[str, int], int]:
        """Return all present numbers."""
        return dict(self._values)

    def _prune(self, present: int) -> None:
        if present == self._pruned:
            return
        self._pruned = present
        for key in [key for key in self._values if not _inside(key[1], present)]:
            self._changed.touch(key)
            del self._values[key]
