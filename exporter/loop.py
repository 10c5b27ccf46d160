"""The daemon's loop: look, read, commit, publish. Everything it touches is passed in.

Order matters: what is counted is published only after the transaction that holds it and the
positions it came from (guarantee G2). While a commit fails nothing more is read; files are still
held, so that rotation loses nothing meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from exporter.catalogue import OWN
from exporter.checkpoint.errors import CommitError
from exporter.checkpoint.rows import EXPOSED, GAPS, START_AT_END
from exporter.health import Condition
from exporter.records.block import Ending
from exporter.tail.files import ReadError
from exporter.web.collector import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.checkpoint.store import Store
    from exporter.config.schema import LogSettings
    from exporter.ledger.ledger import Ledger
    from exporter.model import Snapshot
    from exporter.pipeline import Pipeline
    from exporter.tail.follow import Tail
    from exporter.tail.track import Tracker

    Progress = Callable[[int, int], None]

_log = logging.getLogger(__name__)

COMMIT_INTERVAL: Final = 0.1
"""At most one commit in this many seconds."""
REFRESH_INTERVAL: Final = 5.0
"""The globs are evaluated this often, and when the directories change."""
POLL_INTERVAL: Final = 1.0
"""The slow poll behind inotify."""
LIVE_INTERVAL: Final = 0.1
"""Files that grow are looked at this often; at more than one write in it that is cheaper than inotify."""
LIVE: Final = 10.0
"""Seconds after the last growth for which that is done."""
RETRY_INTERVAL: Final = 1.0
"""A failed commit is tried again after this many seconds."""
TURN: Final = 0.25
"""Seconds for which one file is read before the next has its turn."""


@dataclass(slots=True)
class Start:
    """How this run begins: what the state said, and what the first commit must say."""

    exposed: bool
    at_end: frozenset[str]
    state_lost: float | None
    meta: dict[str, str]


class Loop:
    """One cycle at a time: `cycle` does what is due and returns how long nothing will be."""

    def __init__(  # noqa: PLR0913  (the composition root passes everything in)
        self,
        logs: tuple[LogSettings, ...],
        tracker: Tracker,
        pipeline: Pipeline,
        ledger: Ledger,
        store: Store,
        view: View,
        *,
        start: Start,
        clock: Callable[[], float],
        stopping: Callable[[], bool],
        progress: Progress | None = None,
        advanced: Callable[[View], None] | None = None,
    ) -> None:
        """Take the parts; nothing is read before `cycle`. `advanced` hears whenever the loop has got on."""
        self._tracker = tracker
        self._pipeline = pipeline
        self._ledger = ledger
        self._store = store
        self._view = view
        self._start = start
        self._clock = clock
        self._stopping = stopping
        self._progress = progress
        self._advanced = advanced
        self._quiet_after = {log.name: log.quiet_after for log in logs}
        self._refresh_at = 0.0
        self._refreshed = False
        self._gaps = tracker.content.gaps
        self._commit_at = 0.0
        self._catching_up = True
        self._started = False
        """Whether it has caught up once since its start: a reload that adds a log takes nothing of that back."""
        self.condition = Condition(tuple(self._quiet_after))
        self.work = True
        self.live = False
        """Whether a file has grown lately, so that all are looked at often and need not be watched for it."""

    def follow(self, logs: tuple[LogSettings, ...], pipeline: Pipeline, *, at_end: frozenset[str]) -> View:
        """Go on with another configuration, between two cycles; return the view that shows it from now on.

        The tracker and the ledger have taken it over already. Unknown files of the logs in `at_end` are
        read from their present end on. The old view stays as it is: it belongs to the old series.
        """
        now = self._clock()
        before, self._pipeline = self._pipeline, pipeline
        pipeline.take_over(before)
        self._catching_up = self._catching_up or any(log.name not in self._quiet_after for log in logs)
        self._quiet_after = {log.name: log.quiet_after for log in logs}
        self.condition.follow(tuple(self._quiet_after))
        self.condition.reloaded(now)
        self._start.at_end |= at_end
        self.refresh(now)
        self.work = True  # the names of new logs are to be remembered
        self._view = View(self._snapshot(), self._view.health)
        self.publish()
        return self._view

    def cycle(self, *, moved: bool = False) -> float:
        """Do all that is due; return the seconds until something may be due again."""
        now = self._clock()
        self._refreshed = False
        if moved or now >= self._refresh_at or now < self._refresh_at - REFRESH_INTERVAL:
            self.refresh(now)
        if self.condition.commit_failing:
            self._tracker.measure(now)
        else:
            self._drain()
            self._close_quiet()
        self.commit()
        self.publish()
        return self._until_due()

    def refresh(self, now: float) -> None:
        """Evaluate the globs."""
        self._refresh_at = now + REFRESH_INTERVAL
        self._refreshed = True
        self._tracker.refresh(now, at_end=self._start.at_end)
        self._start.at_end = frozenset()

    def _drain(self) -> None:
        """Read all files to their present ends, in turns; commit and publish on the way."""
        content = self._tracker.content
        again = True
        while again and not self._stopping() and not self.condition.commit_failing:
            content.moved = again = False
            for tail in self._in_order():
                again = self._read(tail) or again
            again = again or content.moved
        if self._catching_up and not again:
            now = self._clock()
            if not any(content.waits(tail, now) for tail in self._tracker.tails):
                self._caught_up()

    def _in_order(self) -> list[Tail]:
        """Rotated files first, then the older first: so history is counted in the order in which it happened.

        What is known goes before what is not read yet, which may be a copy of it. Of that, what has a name goes before
        what has none, which is gone after a crash.
        """
        return sorted(
            (tail for tail in self._tracker.tails if tail.log in self._quiet_after),
            key=lambda tail: (
                tail.fresh,
                tail.fresh and tail.state == "unlinked",
                tail.state not in {"rotated", "unlinked"},
                tail.modified,
                tail.path,
            ),
        )

    def _read(self, tail: Tail) -> bool:
        """Give one file its turn; return whether it has more."""
        try:
            if not self._tracker.content.look(tail, self._clock()):
                return False
            if tail.nameless and not self._refreshed:
                # Before it goes on: a copy of it at its place is told from it while both hold the same.
                self.refresh(self._clock())
                return True
            tail.since = tail.since or self._clock()
            return self._read_blocks(tail)
        except ReadError as error:
            self._tracker.failed(tail, error.cause, self._clock())
            return False

    def _read_blocks(self, tail: Tail) -> bool:
        blocks = 0
        begun = now = self._clock()
        while (abs(now - begun) < TURN or not self._start.exposed) and not self._stopping():
            if now >= self._refresh_at:
                self.refresh(now)
            live = not self._catching_up and blocks == 0
            length = self._pipeline.fill(tail)
            if not self._tracker.content.verify(tail, now):
                return True
            if not self._pipeline.count(tail, length, now, ending=Ending.MORE, live=live):
                return False
            self.work = True
            blocks += 1
            now = self._clock()
            if now >= self._commit_at:
                self.commit()
                self.publish()
                if self.condition.commit_failing:
                    return True
            if tail.position >= tail.size and not self._tracker.content.look(tail, now):
                return False
        return True

    def _close_quiet(self, *, ending: Ending = Ending.QUIET) -> None:
        """Look at the open records of files to which nothing was written for a while."""
        for tail in self._in_order():
            if tail.file is None or tail.fresh or tail.unread or (tail.judged and ending is Ending.QUIET):
                continue
            now = self._clock()
            if ending is Ending.QUIET and 0 <= now - tail.grown < self._quiet_after[tail.log]:
                continue  # a clock that was set back ends the wait
            try:
                length = self._pipeline.fill(tail)
                if length == tail.position - tail.start and self._tracker.content.verify(tail, now):
                    self._pipeline.count(tail, length, now, ending=ending, live=not self._catching_up)
                    self.work = True
            except ReadError as error:
                self._tracker.failed(tail, error.cause, now)

    def complete(self) -> None:
        """Read everything that is there, end all open records and commit (`--once`)."""
        self.refresh(self._clock())
        self._drain()
        self._tracker.content.settle(self._clock())
        self._drain()
        self._close_quiet(ending=Ending.FINAL)
        self.commit(forced=True)
        self.publish()

    def _caught_up(self) -> None:
        self._catching_up = False
        self._started = True
        if not self._start.exposed:
            self._start.exposed = True
            self._start.meta[EXPOSED] = "1"
            self.work = True

    def commit(self, *, forced: bool = False) -> None:
        """Commit what there is, if it is due; a failure is counted, told and tried again."""
        now = self._clock()
        early = self._commit_at - 2 * RETRY_INTERVAL < now < self._commit_at
        tails = [tail for tail in self._tracker.tails if tail.dirty]
        gaps = self._tracker.content.gaps
        if gaps != self._gaps:
            self._start.meta[GAPS] = gaps
        self.work = self.work or bool(tails or self._tracker.gone or gaps != self._gaps)
        if not self.work or (early and not forced):
            return
        gone = tuple(self._tracker.gone)
        changes = self._ledger.changes()
        try:
            seconds = self._store.commit(
                changes, [tail.row() for tail in tails], gone, self._start.meta, logs=self._quiet_after
            )
        except CommitError as error:
            self._commit_at = now + RETRY_INTERVAL
            self._ledger.add(OWN + "commit_failures_total")
            if not self.condition.commit_failing:
                _log.error("the state cannot be written, nothing is read until it can: %s", error)
            self.condition.commit_failing = True
            return
        if self.condition.commit_failing:
            _log.info("the state is written again")
        self._committed(tails, gone, seconds, now)

    def _committed(self, tails: list[Tail], gone: tuple[int, ...], seconds: float, now: float) -> None:
        self._gaps = self._start.meta.get(GAPS, self._gaps)
        self._ledger.committed()
        self._ledger.observe(OWN + "state_commit_seconds", (), seconds)
        self._start.meta.clear()
        for tail in tails:
            tail.dirty = False
            tail.uncommitted = 0
            if not tail.unread:
                tail.since = None
        del self._tracker.gone[: len(gone)]
        self._commit_at = now + COMMIT_INTERVAL
        self.condition.committed(now)
        self.work = False
        self._view.snapshot = self._snapshot()

    def _snapshot(self) -> Snapshot:
        return self._ledger.snapshot(state_lost=self._start.state_lost, exposed=self._start.exposed)

    def publish(self) -> None:
        """Show the present condition."""
        offsets: Mapping[str, float | None] = {name: self._pipeline.clock_offset(name) for name in self._quiet_after}
        records = {name: self._pipeline.last_record(name) for name in self._quiet_after}
        self._view.health = self.condition.health(
            self._tracker, offsets, records, catching_up=self._catching_up, started=self._started
        )
        if self._progress is not None and self._catching_up:
            total = sum(tail.size for tail in self._tracker.tails)
            self._progress(total - sum(tail.unread for tail in self._tracker.tails), total)
        if self._advanced is not None:
            self._advanced(self._view)

    def _until_due(self) -> float:
        """Return the seconds until the next poll, commit or end of silence."""
        now = self._clock()
        self.live = any(0 <= now - tail.grown < LIVE for tail in self._tracker.tails if tail.file is not None)
        if self.work:
            return min(RETRY_INTERVAL, max(0.0, self._commit_at - now))
        due = min(LIVE_INTERVAL if self.live else POLL_INTERVAL, max(0.0, self._refresh_at - now))
        for tail in self._tracker.tails:
            if tail.log in self._quiet_after and not tail.judged and tail.file is not None:
                due = min(due, max(0.01, tail.grown + self._quiet_after[tail.log] - now))
        return due

    def resetting(self) -> None:
        """Note in the next commit that this state has begun at the files' ends: no history is left to count."""
        self._start.meta[START_AT_END] = "0"
        self._start.meta[EXPOSED] = "1"
