"""Sightings of one identifier in one layer within 7 days of the first, either way, are one incident.

Identifiers are held as keyed hashes only. An incident is forgotten 7 days of event time after it
was met, or earlier where 100,000 are held. Until then it is known, however many incidents of the
same identifier come from older files: each is an entry of its own, and counts towards the limit.

Incidents come and go in one order (see `ledger.pages`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from exporter.ledger.pages import Pages
from exporter.model import SIGHTING, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.model import Page

SPAN = 7 * 86400.0
"""Seconds of event time within which a repeat is the same incident."""

LIMIT = 100_000


class Incidents:
    """The known incidents, in the order in which they were met, each once.

    An incident stands under its identifier's hash; where another incident of that identifier stands there,
    which is more than 7 days off, under one made of the hash and its week. Two of one week would be one.
    """

    def __init__(self, state: Mapping[bytes, Sighting], front: int | None = None, limit: int = LIMIT) -> None:
        """Continue from `state`; at most `limit` are held.

        `front` is the number of the first in the state, where the others follow it without a gap.
        Else the next commit writes all of them anew.
        """
        # Nearly all are held since they were first seen: one time for each saves ten megabytes of a hundred thousand.
        self._first = {hashed: sighting.first for hashed, sighting in state.items()}
        self._later = {hashed: one.held for hashed, one in state.items() if one.held != one.first}
        # A dict alone is slow to empty from its front.
        self._order = deque(state if front is not None else sorted(state, key=lambda hashed: state[hashed].held))
        self._newest = self._held(self._order[-1]) if self._order else float("-inf")
        self._limit = limit
        self._pages = Pages(front, map(self._entry, self._order))
        self._weeks_behind = self._pages.front + len(self._order)
        """Behind the number of the last that may stand under its week: the state does not tell which do."""
        self._forget_old()  # two versions that took turns may have left what the other forgot

    def see(self, hashed: bytes, time: float, now: float) -> bool:
        """Note a sighting at the event time `time` (ahead of `now` it counts as now); True for a new incident."""
        when = min(time, now)
        if when > self._newest:
            self._newest = when
            self._forget_old()
        known = self._first.get(hashed)
        if known is not None and abs(when - known) <= SPAN:
            return False
        if self._pages.front < self._weeks_behind and self._known_by_week(hashed, when):
            return False
        if known is not None:
            hashed = _of_week(hashed, when // SPAN)
            self._weeks_behind = self._pages.front + len(self._order) + 1
        self._first[hashed] = when
        if when != self._newest:
            self._later[hashed] = self._newest
        self._order.append(hashed)
        self._pages.append(SIGHTING.pack(hashed, when, self._newest))
        return True

    def evict(self) -> int:
        """Forget the oldest beyond the limit and return how many these were."""
        excess = len(self._order) - self._limit
        if excess <= 0:
            return 0
        for _ in range(excess):
            self._forget_oldest()
        return excess

    def changes(self) -> Page | None:
        """Return what changed since the last `committed`, None for nothing."""
        return self._pages.changes()

    def committed(self) -> None:
        """Note that what the last `changes` returned is in the state."""
        self._pages.committed()

    def state(self) -> dict[bytes, Sighting]:
        """Return all known incidents, the oldest first."""
        return {hashed: Sighting(self._first[hashed], self._held(hashed)) for hashed in self._order}

    def _held(self, hashed: bytes) -> float:
        return self._later.get(hashed, self._first[hashed])

    def _entry(self, hashed: bytes) -> bytes:
        return SIGHTING.pack(hashed, self._first[hashed], self._held(hashed))

    def _known_by_week(self, hashed: bytes, when: float) -> bool:
        week = when // SPAN
        firsts = (self._first.get(_of_week(hashed, one)) for one in (week - 1, week, week + 1))
        return any(first is not None and abs(when - first) <= SPAN for first in firsts)

    def _forget_old(self) -> None:
        order = self._order
        while order and self._newest - self._held(order[0]) > SPAN:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        hashed = self._order.popleft()
        self._pages.front += 1
        del self._first[hashed]
        self._later.pop(hashed, None)


def _of_week(hashed: bytes, week: float) -> bytes:
    # Never the hash itself, whatever the week: years have four digits.
    return (int.from_bytes(hashed) ^ ((1 << 64) + (int(week) & 0xFFFFFFFF))).to_bytes(16)
