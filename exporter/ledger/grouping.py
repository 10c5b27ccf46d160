"""Which of the several reports of one unique-key violation counts.

The app logs one violation two to four times: the failed save itself, and the framework's reports
of the same exception. Every failed save counts. A report counts only where the same log had no
failed save with its key within 60 s of event time, before or after, and no equal report within
one second, counted or not. Only what was read earlier is known: a failed save that stands behind
its report counts beside it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import TYPE_CHECKING

from exporter.ledger.changed import Changed
from exporter.model import Violated

if TYPE_CHECKING:
    from collections.abc import Mapping


NEAR = 60.0
"""Seconds of event time within which a failed save covers reports, and is the cause of a compensation."""

SAME = 1.0
"""Seconds of event time within which equal reports are one."""

LIMIT = 4096
ROLES = ("failed_save", "report")


class Grouping:
    """The violations of late, at most 4,096, by a number that rises with their arrival."""

    def __init__(self, state: Mapping[int, Violated], limit: int = LIMIT) -> None:
        """Continue from `state`; beyond `limit` the oldest by arrival are forgotten."""
        self._held: dict[int, Violated] = {}
        self._times: dict[tuple[bytes, str], list[float]] = {}
        # A dict alone is slow to empty from its front.
        self._order: deque[int] = deque()
        self._limit = limit
        self._changed: Changed[int] = Changed()
        for number in sorted(state):
            self._remember(number, state[number])
        self._next = max(state, default=0) + 1

    def counts(self, hashed: bytes, role: str, time: float) -> bool:
        """Remember a violation of the key `hashed` at the event time `time`; tell whether it counts."""
        counts = role == "failed_save" or not (
            self._within(hashed, "failed_save", time, NEAR) or self._within(hashed, "report", time, SAME)
        )
        self._changed.touch(self._next, held=False)
        self._remember(self._next, Violated(hashed, role, time))
        self._next += 1
        return counts

    def violated(self, hashed: bytes, time: float) -> bool:
        """Tell whether a violation of the key `hashed`, counted or not, is known within 60 s of `time`."""
        return any(self._within(hashed, role, time, NEAR) for role in ROLES)

    def changes(self) -> dict[int, Violated | None]:
        """Return what changed since the last `committed`: violations, None for forgotten ones."""
        return {number: self._held.get(number) for number in self._changed.hand_out(self._held)}

    def committed(self) -> None:
        """Note that what the last `changes` returned is in the state."""
        self._changed.settle()

    def state(self) -> dict[int, Violated]:
        """Return all remembered violations."""
        return dict(self._held)

    def _within(self, hashed: bytes, role: str, time: float, span: float) -> bool:
        times = self._times.get((hashed, role), ())
        at = bisect_left(times, time - span)
        return at < len(times) and times[at] <= time + span

    def _remember(self, number: int, violated: Violated) -> None:
        self._held[number] = violated
        self._order.append(number)
        insort(self._times.setdefault((violated.key, violated.role), []), violated.time)
        if len(self._held) > self._limit:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        number = self._order.popleft()
        gone = self._held.pop(number)
        self._changed.touch(number)
        times = self._times[gone.key, gone.role]
        times.pop(bisect_left(times, gone.time))
        if not times:
            del self._times[gone.key, gone.role]
