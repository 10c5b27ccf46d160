"""What came to a place and was rotated away again between two looks, and so was never seen there. I/O, read-only.

It is sought among the files beside that place: those named like its generations and written since the
last look, which nobody follows and which hold nothing that was read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from exporter.tail import kinship
from exporter.tail.discover import stirred
from exporter.tail.files import ReadError
from exporter.tail.follow import UNREAD
from exporter.tail.gap import Gap, dump, load
from exporter.tail.neighbours import PATIENCE, Unreadable, generation
from exporter.tail.trouble import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.tail.files import FileStat, OpenFile
    from exporter.tail.follow import Tail
    from exporter.tail.followed import Followed
    from exporter.tail.neighbours import Neighbours

_GONE: Final = frozenset({"missing", "unlinked"})
"""States of files whose inodes another may have, unless we hold them open."""


class Between:
    """Seeks what came and went unseen.

    `sighted` are the paths that the globs name at present; `patient` tells that what cannot be read may
    be tried again later.
    """

    def __init__(self, followed: Followed, neighbours: Neighbours, gaps: str = "") -> None:
        """Take the followed files, what lies beside them, and the gaps that the checkpoint remembers.

        Raises ValueError where these are damaged.
        """
        self.sighted: frozenset[str] = frozenset()
        self.patient = True
        self._gaps = load(gaps, followed.tails)
        looked = max((tail.seen for tail in followed.tails), default=0.0)
        self._stale = [gap for gap in self._gaps.values() if gap.begun + PATIENCE + LONGEST < looked]
        self._followed = followed
        self._neighbours = neighbours

    def follow(self, logs: Iterable[str]) -> None:
        """Take the names of the logs that are followed from now on; for others nothing is sought any more."""
        self._gaps = {path: gap for path, gap in self._gaps.items() if gap.tail.log in logs}

    @property
    def gaps(self) -> str:
        """The open gaps, as the checkpoint must remember them; "" where there are none."""
        return dump(self._gaps.values())

    def find(self, noticed: Gap) -> bool:
        """Follow what came to a path and was rotated in turn, in a gap that was noticed now; return whether any was.

        Where the file itself was deleted meanwhile, and what came after it was rotated, only the newest
        generations are kept: there may have been more. What cannot be read is tried again at the next looks,
        for a while; then it is a possible loss, unless one was told already.
        """
        log, path = noticed.tail.log, noticed.path
        if log in self._followed.rotated and (stirred(path, noticed.since) or self._followed.rotated[log]):
            gap = self._gaps.setdefault(path, noticed)
            gap.deleted = gap.deleted or noticed.deleted
            gap.since = min(gap.since, noticed.since)
            return self._fill(gap, noticed.begun)
        return False

    def retry(self, now: float) -> bool:
        """Look again for what could not be read when it was sought; return whether there was any.

        A gap that outlasted all patience was not looked after by an older version that ran meanwhile. What came since
        then may have been counted by that, and be known no more: it is not sought.
        """
        for gap in self._stale:
            del self._gaps[gap.path]
            if not gap.told:
                self._followed.loss(gap.tail, "deleted", 0)
        self._stale.clear()
        found = [self._fill(gap, now) for gap in list(self._gaps.values())]
        return any(found)

    def _fill(self, gap: Gap, now: float) -> bool:
        tail, met = gap.tail, set[str]()
        found: list[Tail] = []
        late = not (self.patient and 0 <= now - gap.begun < PATIENCE)
        try:
            with self._neighbours.insisting(late=late):
                self._follow(gap, met, found, now)
        except Unreadable:
            if not late:
                return bool(found)
            if not gap.told:
                self._followed.loss(tail, "deleted", 0)
            gap.told = True
            if not self.patient:
                return bool(found)  # what is sought once more before the end is no other loss
        new = any(one.path != gap.path and generation(one.path, gap.path) for one in found)
        if gap.deleted and new and not met and not gap.told and not self._elsewhere(tail, now):
            self._followed.loss(tail, "deleted", 0)
        del self._gaps[gap.path]
        return bool(found)

    def _follow(self, gap: Gap, met: set[str], found: list[Tail], now: float) -> None:
        """Follow what came and went, and add it to what was `found`; what is in `met` was read elsewhere."""
        unseen = self._unseen(gap, met, now)

        def passed(path: str) -> bool:
            return (not gap.deleted and self._by_itself(path, gap)) or self._is_unopened(path)

        for stat, file in self._neighbours.written_since(gap.tail.log, gap.path, gap.since, unseen, now, but=passed):
            self._followed.take_up((stat.device, stat.inode))
            one = self._followed.add(gap.tail.log, stat, file, now)
            one.state = "rotated"
            self._recognise([one])
            if stat.path not in met:
                self._followed.rotation(one, "renamed")
            found.append(one)

    def _by_itself(self, path: str, gap: Gap) -> bool:
        """Tell whether what is at a path was not rotated from the gap's: a glob names it, and not as a generation."""
        return path in self.sighted and (path == gap.path or not generation(path, gap.path))

    def _is_unopened(self, path: str) -> bool:
        """Tell whether at a path was a file that could not be opened yet, and is tried by itself."""
        return any(tail.unopened and tail.path == path for tail in self._followed.tails)

    def _elsewhere(self, tail: Tail, now: float) -> bool:
        """Tell whether a file beside holds what a deleted one held: it was compressed, and has its time still."""
        with suppress(Unreadable):
            found = self._neighbours.copy_of(tail, frozenset(), now)
            if found is not None:
                found[1].close()
                return True
        return False

    @staticmethod
    def _recognise(tails: Iterable[Tail]) -> None:
        """Take the heads of files that are not read yet, so that copies of them can be told."""
        for tail in tails:
            with suppress(ReadError):  # it is told when it is to be read
                tail.recognise()

    def _unseen(self, gap: Gap, met: set[str], now: float) -> Callable[[FileStat, OpenFile], bool]:
        """Return a test of whether a file is followed by nobody yet, which notes the paths of copies in `met`."""
        unheld = gap.tail if gap.tail.file is None else None  # its inode may hold other content by now
        recognised = False

        def test(stat: FileStat, file: OpenFile) -> bool:
            nonlocal recognised
            if not recognised:
                recognised = True
                self._recognise(self._followed.tails)
            lost = gap.tail
            if gap.deleted and file.holds(lost.head, lost.tail, lost.position):
                gap.deleted = False  # it was compressed, or copied; one too short to be told from others may have been
            if self._by_itself(stat.path, gap) or self._known(stat, file, unheld, gap.since, now):
                return False
            if gap.path in self.sighted and kinship.copies(file, gap.path):
                return False
            meeting = kinship.met(file, self._followed.tails)
            if meeting == "all":
                met.add(stat.path)
            return meeting != "part"

        return test

    def _known(self, stat: FileStat, file: OpenFile, but: Tail | None, since: float, now: float) -> bool:
        """Tell whether what was opened is followed, and not another file on the inode of one that is gone.

        Nor one that was first met and put aside for its compression since a time: it may hold what is sought.
        """
        for other in self._followed.tails:
            if other is but or other.key != (stat.device, stat.inode) or (other.file is None and other.state in _GONE):
                continue
            if other.unopened:
                return True
            if other.state in UNREAD and not other.position:
                return not (file.inflated and since <= other.grown <= now)  # not after now: by a clock set back since
            if other.file is not None or file.holds(other.head, other.tail, other.position):
                return True
        return False
