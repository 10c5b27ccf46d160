"""The set of followed files: what appears, moves and goes. I/O through `tail.files` only.

The states and rules are those of ARCHITECTURE.md, "Rotation cases". Everything noticed is
counted through `report`, in the same transaction as the positions.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from exporter.tail import fingerprint, kinship
from exporter.tail.continuity import Continuity, cause_of_loss
from exporter.tail.departed import HOLD, UNLINKED_QUIET, Departed
from exporter.tail.discover import discover
from exporter.tail.files import OpenFile, ReadError, Vanished
from exporter.tail.first import FirstMeetings
from exporter.tail.follow import UNREAD
from exporter.tail.followed import Followed
from exporter.tail.inflate import nothing, open_content
from exporter.tail.neighbours import Neighbours
from exporter.tail.reconcile import pair
from exporter.tail.trouble import Troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from exporter.config.schema import LogSettings
    from exporter.model import LabelValues
    from exporter.tail.files import FileStat
    from exporter.tail.follow import Tail
    from exporter.tail.trouble import Report, Warn

SPARED: Final = 2
"""For so many looks more it is held if something in it is not read: nobody looked for long, or commits just failed."""
FORGET: Final = 30 * 86400.0
"""A file's row is kept this long after the last sighting, in seconds."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the checkpoint remembers: files, whether the machine was not restarted since, the names of logs, gaps."""

    tails: Sequence[Tail] = ()
    same_boot: bool = True
    met: frozenset[str] = frozenset()
    gaps: str = ""


class Tracker:
    """All followed files of all logs.

    `report(metric, labels, amount)` counts, `warn(log, cause, path)` tells the operator of a file
    that cannot be read. `content` decides what a file's bytes are to those known.
    """

    def __init__(
        self,
        logs: Sequence[LogSettings],
        remembered: Remembered,
        *,
        report: Report,
        warn: Warn,
        working: Callable[[], None] = nothing,
    ) -> None:
        """Take the configured logs and what the checkpoint remembers. Raises ValueError where its gaps are damaged.

        `working` is called again and again during what may take long: to restore compressed files.
        """
        self._working = working
        self._logs = logs
        self._report = report
        self._followed = Followed(remembered.tails, {log.name: log.rotated for log in logs}, self._count)
        self._troubles = Troubles(self._count, warn)
        globs = {log.name: log.paths for log in logs}
        self._neighbours = Neighbours(self._followed.rotated, self._troubles, globs, working)
        opening = partial(self._open, inflate=True)
        self.content = Continuity(self._followed, self._neighbours, opening, self._count, warn, remembered.gaps)
        self._departed = Departed(self._followed, self.content, self._neighbours, self._troubles, self._reopen)
        self._first = FirstMeetings(self._followed, self.content, opening)
        self.directories: set[str] = set()
        self._earlier_boot = set() if remembered.same_boot else {tail.id for tail in self.tails}
        self._asleep: frozenset[str] = frozenset()
        self._overdue: dict[int, int] = {}
        self._looked = max((tail.seen for tail in self.tails), default=math.inf)
        self._unmet = {log.name for log in logs} - remembered.met - {tail.log for tail in self.tails}

    def follow(self, logs: Sequence[LogSettings], *, met: AbstractSet[str], heirs: Mapping[str, str]) -> None:
        """Follow these logs from the next `refresh` on; `met` are the names of those that were known before.

        `heirs` are the names of logs that take over the files of one that is gone. What else belongs
        to no log is let go, and its place kept.
        """
        names = {log.name for log in logs}
        for gone in {log.name for log in self._logs} - names:
            self._hand_over(gone, heirs.get(gone))
        self._logs = logs
        self._followed.rotated = {log.name: log.rotated for log in logs}
        self.content.follow(self._followed.rotated, {log.name: log.paths for log in logs})
        self._unmet = names - met - {tail.log for tail in self.tails}

    def _count(self, metric: str, labels: LabelValues, amount: float) -> None:
        """Count what happens to a file, unless its log is configured no more: others are compared with it still."""
        if labels[0] in self._followed.rotated:
            self._report(metric, labels, amount)

    def _hand_over(self, gone: str, heir: str | None) -> None:
        for tail in self.tails:
            if tail.log == gone and heir is None:
                tail.close()
            elif tail.log == gone and heir is not None:
                tail.log, tail.dirty = heir, True

    @property
    def tails(self) -> list[Tail]:
        """All known files."""
        return self._followed.tails

    @property
    def gone(self) -> list[int]:
        """The ids of files whose rows are to be deleted; who has done so removes them."""
        return self._followed.gone

    @property
    def unreadable(self) -> AbstractSet[tuple[str, str]]:
        """The logs and paths that cannot be read at present, without rotated files, for which no log waits."""
        paths = self._troubles.paths
        if not paths:  # asked at each cycle, and mostly so
            return paths
        rotated = {(tail.log, tail.path) for tail in self.tails if tail.unopened and tail.state == "rotated"}
        return paths - rotated

    @property
    def asleep(self) -> frozenset[str]:
        """The paths of files in sight that were closed for their idleness."""
        return self._asleep

    def refresh(self, now: float, *, at_end: frozenset[str] = frozenset()) -> None:
        """Evaluate the globs. Unknown files of the logs in `at_end` are read from their present end on."""
        self._troubles.begin()
        sightings = discover(self._logs)
        self.directories = sightings.directories
        for log, path, cause in sightings.errors:
            self._troubles.note(log, path, cause, now)
        pairing = pair(sightings.files, self.tails)
        first_met = self._unmet & {log for log, _ in pairing.unknown}
        taken = frozenset(stat.path for _, stat in sightings.files)
        self.content.sight(taken)
        unknown = pairing.unknown + self._strangers(pairing.known, now)
        for tail in sorted(pairing.unsighted, key=lambda one: one.state != "copy"):  # others may be sought in copies
            with self._guarded(tail, now):
                if tail.state != "missing" and any(tail is one for one in self.tails):  # else another took its place
                    self._departed.look(tail, taken, self._looked, now)
        present = len(self.tails)
        for log, stat in unknown:
            self._unknown(log, stat, now, end=stat.size if log in at_end else 0)
        self._unmet = set()
        # At a later look, what lies beside a new name was written since the last.
        self._first.add(tail for tail in self.tails[present:] if tail.log in first_met)
        for tail in self._first.ready():
            with self._guarded(tail, now):
                self._first.pass_over(tail, now)
        before, self._looked = min(self._looked, now), now
        for tail in [one for one in self.tails if one.fresh]:
            with self._guarded(tail, now):
                self.content.refuse(tail)  # before others are compared: what is missed may be in a compressed one
        self.content.retry(now)
        for tail in [one for one in self.tails if one.fresh]:
            # Before anything is read: what a copy shares with its original is found while that is where both part.
            with self._guarded(tail, now):
                self.content.compare(tail, now)
        self._forget(before, now)
        self._followed.forget_left(before)
        closed = {(tail.log, tail.path) for tail in self.tails if tail.file is None and tail.state == "active"}
        self._asleep = frozenset(path for _, path in closed - self._troubles.paths)
        self._troubles.end(now)

    def _strangers(self, known: Iterable[tuple[str, FileStat, Tail]], now: float) -> list[tuple[str, FileStat]]:
        """Take over where known files were sighted; return those that are others: they may hold what is missed."""
        strangers = []
        for log, stat, tail in known:
            with self._guarded(tail, now):
                if not self._sighted(log, tail, stat, now):
                    strangers.append((log, stat))
        return strangers

    @contextmanager
    def _guarded(self, tail: Tail, now: float) -> Iterator[None]:
        try:
            yield
        except ReadError as error:
            self.failed(tail, error.cause, now)

    def failed(self, tail: Tail, cause: str, now: float) -> None:
        """Deal with a followed file that could not be read: count, let go, try again later."""
        self._troubles.note(tail.log, tail.path, cause, now, tail.key)
        if tail.state not in {"rotated", "unlinked"}:
            tail.close()

    def measure(self, now: float) -> None:
        """Take over how far the files have grown without reading them, while that must wait."""
        for tail in self.tails:
            with self._guarded(tail, now):
                tail.measure(now)

    def _sighted(self, log: str, tail: Tail, stat: FileStat, now: float) -> bool:
        """Take over where a known file was sighted; return False where it is another, which is not known yet."""
        gone = tail.state in {"missing", "unlinked"} and tail.file is None
        aside = tail.state in UNREAD and (stat.path, stat.modified) != (tail.path, tail.modified)
        same = self._same(tail, stat, now) if gone or aside else True
        if same is None:
            return True
        if not same:
            self._departed.displaced(tail, now)
            return False
        if tail.log != log:
            tail.log, tail.dirty = log, True
        left, seen = tail.path, tail.seen
        renamed = tail.state == "active" and left != stat.path
        tail.place(stat, now)
        if tail.state in {"missing", "rotated", "unlinked"}:
            tail.state, tail.dirty = "active", True
        if tail.state in UNREAD:
            return True
        if tail.unopened:
            tail.size = stat.size
        idle = stat.size == tail.position and stat.modified == tail.modified and now - tail.grown > HOLD
        if tail.file is None and not idle:
            self._reopen(tail, stat, now)
        if renamed:
            self._followed.left[left] = seen
            self._followed.rotation(tail, "renamed")
            self._departed.came_since(tail, left, seen, now)
        return True

    def _same(self, tail: Tail, stat: FileStat, now: float) -> bool | None:
        """Tell whether a file that was gone or put aside is what was sighted, not another that has its inode now.

        None where that is not to be told at present: it cannot be opened, or was moved since it was sighted.
        """
        unread = tail.state in UNREAD and not tail.position
        file = self._open(tail.log, stat, now, inflate=not unread)
        if file is None:
            return None
        try:
            same = kinship.is_no_text(file.head()) if unread else file.holds(tail.head, tail.tail, tail.position)
        finally:
            file.close()
        if same and tail.state in UNREAD:
            tail.modified, tail.grown = stat.modified, now  # it may be another, made since on the same inode
        return same

    def _reopen(self, tail: Tail, stat: FileStat, now: float) -> None:
        """Open a known file again, and go on where we were if its content is still the same."""
        if tail.unopened or (tail.fresh and not tail.head):
            self._open_first(tail, stat, now)
            return
        tail.file = self._open(tail.log, stat, now, inflate=True)
        if tail.file is None:
            return
        if not tail.file.holds(tail.head, tail.tail, tail.position) and not self._replaced(tail, tail.file.stat(), now):
            return
        self._earlier_boot.discard(tail.id)
        if not tail.fresh:
            tail.grow(tail.file.stat(), now)

    def _open_first(self, tail: Tail, stat: FileStat, now: float) -> None:
        """Open a file of which only the inode is known."""
        tail.file = self._open(tail.log, stat, now, inflate=False)
        if tail.unopened and tail.file is not None:
            tail.tail, tail.size = b"", 0
            tail.dirty = True
            if tail.position:
                self.content.begin_at_end(tail, tail.position)
        # At once: what is missed may be sought in a gzip file, which no open file is; its inode may be given to one.
        if tail.fresh and self.content.refuse(tail):
            tail.grown = now

    def _replaced(self, tail: Tail, stat: FileStat, now: float) -> bool:
        """Deal with a file that was opened again and is not what it was; return whether it is to be read on."""
        if stat.size < tail.position and tail.id in self._earlier_boot and _lost_page_cache(tail, stat.size):
            self._followed.loss(tail, "truncated", tail.unread)
            self.content.begin_at(tail, stat.size)
            return True
        return self.content.replaced(tail, now, cause_of_loss(tail, stat)) and tail.state not in UNREAD

    def _open(self, log: str, stat: FileStat, now: float, *, inflate: bool) -> OpenFile | None:
        """Open what was sighted; None where it cannot be opened, or is another file by now."""
        key = (stat.device, stat.inode)
        if self._troubles.waits(log, stat.path, now, key):
            return None
        file = None
        try:
            file = open_content(stat.path, self._working) if inflate else OpenFile(stat.path)
            opened = file.stat()
        except Vanished:
            return None
        except ReadError as error:
            if file is not None:
                file.close()
            self._troubles.note(log, stat.path, error.cause, now, key)
            return None
        if (opened.device, opened.inode) != key:
            file.close()
            return None
        self._troubles.solved(log, stat.path)
        return file

    def _unknown(self, log: str, stat: FileStat, now: float, *, end: int) -> None:
        """Follow a file that is not known yet, from `end` on; one that cannot be opened is known by its inode."""
        key = (stat.device, stat.inode)
        known = self._followed.by_key(key)
        if known is not None:  # found beside a rotated file just now
            same = True
            with self._guarded(known, now):
                same = self._sighted(log, known, stat, now)
            if same:
                return
        file = self._open(log, stat, now, inflate=False)
        if file is None and (log, stat.path) not in self._troubles.paths:
            return  # it is gone again
        tail = self._followed.add(log, stat, file, now)
        looked = now if log in self._unmet else min(now, self._looked)  # with no file known nothing came unseen
        tail.begun = self._followed.vacant_since(tail, looked)
        if file is None:
            tail.remain_unopened(stat, end)
        elif end:
            with self._guarded(tail, now):
                self.content.begin_at_end(tail, end)

    def _forget(self, before: float, now: float) -> None:
        """Let go of files that are finished; what is gone is known once more if nobody looked for long `before`."""
        self._overdue = {tail.id: self._overdue[tail.id] for tail in self.tails if tail.id in self._overdue}
        for tail in list(self.tails):
            lately = max(tail.grown, tail.seen)
            idle = now - lately
            gone = tail.state == "missing" and not tail.inode
            done = (tail.judged and not tail.unread) or self._overdue.get(tail.id, 0) == SPARED
            if tail.state == "unlinked" and idle > UNLINKED_QUIET and done:
                self._departed.gone(tail, now)
            elif tail.state == "unlinked" and idle > UNLINKED_QUIET:
                self._overdue[tail.id] = 1 + self._overdue.get(tail.id, 0)
            elif idle > FORGET or (gone and before - lately > HOLD):
                self._followed.drop(tail)
            elif self.content.finished(tail):  # its row stays: what it holds is not to be counted again
                tail.state, tail.dirty = "compressed", True
                tail.close()
            elif not tail.unread and tail.judged and now - tail.grown > HOLD and not tail.fresh:
                with self._guarded(tail, now):
                    tail.close_unless_changed()


def _lost_page_cache(tail: Tail, size: int) -> bool:
    """After a crash of the machine a file may be shorter than what was read of it before."""
    if tail.file is None or size < fingerprint.SPANS[0]:
        return False
    return fingerprint.agrees(tail.head, tail.file.head())
