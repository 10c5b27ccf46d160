"""The daemon's own condition, computed from what is true now and never committed. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from exporter.model import Health, LogHealth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.tail.follow import Tail
    from exporter.tail.track import Tracker

_SHOWN = {"active": "active", "rotated": "rotated", "unlinked": "unlinked", "copy": "copy", "compressed": "compressed"}


class Condition:
    """Collects what the gauges of our own condition need. Times are Unix seconds."""

    def __init__(self, logs: tuple[str, ...]) -> None:
        """Begin with the configured logs' names."""
        self._logs = logs
        self._committed_bytes = 0
        self.last_commit: float | None = None
        self.commit_failing = False
        self.reload_successful = True
        self.reload_success_time = 0.0

    def follow(self, logs: tuple[str, ...]) -> None:
        """Take the names of other logs."""
        self._logs = logs

    def reloaded(self, now: float) -> None:
        """Note that another configuration is in force."""
        self.reload_successful = True
        self.reload_success_time = now

    def committed(self, now: float) -> None:
        """Note a commit."""
        self.last_commit = now
        self.commit_failing = False

    def health(
        self,
        tracker: Tracker,
        offsets: Mapping[str, float | None],
        records: Mapping[str, float | None],
        *,
        catching_up: bool,
        started: bool,
    ) -> Health:
        """Return the condition as the gauges show it; `offsets` and `records` are those of LogHealth, by log."""
        unreadable = Counter(log for log, _ in tracker.unreadable)
        return Health(
            logs={
                name: self._log_health(name, tracker, unreadable[name], offsets[name], records[name])
                for name in self._logs
            },
            last_commit=self.last_commit,
            uncommitted_bytes=sum(tail.uncommitted for tail in tracker.tails),
            commit_failing=self.commit_failing,
            catching_up=catching_up,
            ready=started and not self.commit_failing,
            reload_successful=self.reload_successful,
            reload_success_time=self.reload_success_time,
        )

    def _log_health(
        self, name: str, tracker: Tracker, unreadable: int, offset: float | None, record: float | None
    ) -> LogHealth:
        tails = [tail for tail in tracker.tails if tail.log == name]
        return LogHealth(
            up=not unreadable and _readable(tails),
            lag_bytes=sum(tail.unread for tail in tails),
            oldest_uncommitted=min((tail.since for tail in tails if tail.since is not None), default=None),
            clock_offset=offset,
            files=_by_state(tails, unreadable),
            written=max((tail.modified for tail in tails if tail.modified), default=None),
            last_record=record,
        )


def _readable(tails: list[Tail]) -> bool:
    """Tell whether a file is there, and none that should be read is refused."""
    states = {tail.state for tail in tails}
    return bool(states & {"active", "copy"}) and "refused" not in states


def _by_state(tails: list[Tail], unreadable: int) -> dict[str, int]:
    counts = {"unreadable": unreadable + sum(tail.state == "refused" for tail in tails)}
    for tail in tails:
        if tail.state in _SHOWN:
            counts[_SHOWN[tail.state]] = counts.get(_SHOWN[tail.state], 0) + 1
    return counts
