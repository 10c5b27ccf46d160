"""Which of the several reports of one unique-key violation counts.

The app logs one violation two to four times: the failed save itself, and the framework's reports
of the same exception. Every failed save counts. A report counts only where the same log had no
failed save with its key within 60 s of event time, before or after, and no equal report within
one second, counted or not. Only what was read earlier is known: a failed save that stands behind
its report counts beside it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from exporter.ledger.pages import Pages
from exporter.model import VIOLATED, Violated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.model import Page


NEAR = 60.0
"""Seconds of event time within which a failed save covers reports, and is the cause of a compensation."""

SAME = 1.0
"""Seconds of event time within which equal reports are one."""

LIMIT = 4096
ROLES = ("failed_save", "report")


class Grouping:
    """The violations of late, at most 4,096, by a number that rises with their arrival."""

    def __init__(self, state: Mapping[int, Violated], front: int | None = None, limit: int = LIMIT) -> None:
        """Continue from `state`; beyond `limit` the oldest by arrival are forgotten.

        `front` is the lowest number in the state, where the others follow it without a gap. Else they
        are numbered, and the next commit writes all of them anew.
        """
        self._held: dict[int, Violated] = {}
        self._times: dict[tuple[bytes, str], list[float]] = {}
        self._limit = limit
        violations = [state[number] for number in sorted(state)]
        self._pages = Pages(front, map(_entry, violations))
        self._next = self._pages.front
        for violated in violations:
            self._remember(violated)

    def counts(self, hashed: bytes, role: str, time: float) -> bool:
        """Remember a violation of the key `hashed` at the event time `time`; tell whether it counts."""
        counts = role == "failed_save" or not (
            self._within(hashed, "failed_save", time, NEAR) or self._within(hashed, "report", time, SAME)
        )
        violated = Violated(hashed, role, time)
        self._pages.append(_entry(violated))
        self._remember(violated)
        return counts

    def violated(self, hashed: bytes, time: float) -> bool:
        """Tell whether a violation of the key `hashed`, counted or not, is known within 60 s of `time`."""
        return any(self._within(hashed, role, time, NEAR) for role in ROLES)

    def changes(self) -> Page | None:
        """Return what changed since the last `committed`, None for nothing."""
        return self._pages.changes()

    def committed(self) -> None:
        """Note that what the last `changes` returned is in the state."""
        self._pages.committed()

    def state(self) -> dict[int, Violated]:
        """Return all remembered violations."""
        return dict(self._held)

    def _within(self, hashed: bytes, role: str, time: float, span: float) -> bool:
        times = self._times.get((hashed, role), ())
        at = bisect_left(times, time - span)
        return at < len(times) and times[at] <= time + span

    def _remember(self, violated: Violated) -> None:
        self._held[self._next] = violated
        self._next += 1
        insort(self._times.setdefault((violated.key, violated.role), []), violated.time)
        if len(self._held) > self._limit:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        gone = self._held.pop(self._pages.front)
        self._pages.front += 1
        times = self._times[gone.key, gone.role]
        times.pop(bisect_left(times, gone.time))
        if not times:
            del self._times[gone.key, gone.role]


def _entry(violated: Violated) -> bytes:
    return VIOLATED.pack(violated.key, violated.role == ROLES[0], violated.time)
