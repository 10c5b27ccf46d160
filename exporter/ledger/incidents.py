"""Repeats of one identifier in one layer within 7 days are one incident.

Identifiers are held as keyed hashes only. An incident is forgotten 7 days of event time after it
was first seen, or earlier where 100,000 are held.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from exporter.ledger.changed import Changed
from exporter.model import Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping

SPAN = 7 * 86400.0
"""Seconds of event time within which a repeat is the same incident."""

LIMIT = 100_000


class Incidents:
    """The known incidents, in the order in which they were first seen."""

    def __init__(self, state: Mapping[bytes, Sighting], limit: int = LIMIT) -> None:
        """Continue from `state`; at most `limit` are held."""
        # Nearly all are held since they were first seen: one time for each saves ten megabytes of a hundred thousand.
        self._first = {hashed: sighting.first for hashed, sighting in state.items()}
        self._later = {hashed: one.held for hashed, one in state.items() if one.held != one.first}
        # A dict alone is slow to empty from its front, which is what pruning does.
        self._order = deque(sorted(state, key=lambda hashed: state[hashed].held))
        self._newest = state[self._order[-1]].held if self._order else float("-inf")
        self._limit = limit
        self._changed: Changed[bytes] = Changed()

    def see(self, hashed: bytes, time: float, now: float) -> bool:
        """Note a sighting at the event time `time` (ahead of `now` it counts as now); True for a new incident."""
        when = min(time, now)
        self._newest = max(self._newest, when)
        while self._order and self._newest - self._held(self._order[0]) > SPAN:
            self._forget_oldest()
        known = self._first.get(hashed)
        if known is None:
            first = when
        elif abs(when - known) <= SPAN:
            return False
        else:
            # Files may be read in any order: the later of two incidents is the one remembered.
            first = max(when, known)
            self._order.remove(hashed)
            self._later.pop(hashed, None)
        self._changed.touch(hashed, held=known is not None)
        self._first[hashed] = first
        if first != self._newest:
            self._later[hashed] = self._newest
        self._order.append(hashed)
        return True

    def evict(self) -> int:
        """Forget the oldest beyond the limit and return how many these were."""
        excess = max(0, len(self._first) - self._limit)
        for _ in range(excess):
            self._forget_oldest()
        return excess

    def changes(self) -> dict[bytes, Sighting | None]:
        """Return what changed since the last `committed`: sightings, None for forgotten incidents."""
        return {
            hashed: self._sighting(hashed) if hashed in self._first else None
            for hashed in self._changed.hand_out(self._first)
        }

    def committed(self) -> None:
        """Note that what the last `changes` returned is in the state."""
        self._changed.settle()

    def state(self) -> dict[bytes, Sighting]:
        """Return all known incidents."""
        return {hashed: self._sighting(hashed) for hashed in self._first}

    def _held(self, hashed: bytes) -> float:
        return self._later.get(hashed, self._first[hashed])

    def _sighting(self, hashed: bytes) -> Sighting:
        return Sighting(self._first[hashed], self._held(hashed))

    def _forget_oldest(self) -> None:
        hashed = self._order.popleft()
        self._changed.touch(hashed)
        del self._first[hashed]
        self._later.pop(hashed, None)
