"""Known files that no glob names any more: read on where they are, sought where they may be, or let go.

The rules are those of ARCHITECTURE.md, "Rotation cases". I/O through `tail.files` only.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.tail import fingerprint
from exporter.tail.discover import listing_problem
from exporter.tail.files import ReadError
from exporter.tail.follow import UNREAD
from exporter.tail.gap import Gap
from exporter.tail.neighbours import Unreadable, generation
from exporter.tail.reconcile import rotation_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.tail.continuity import Continuity
    from exporter.tail.files import FileStat
    from exporter.tail.follow import Tail
    from exporter.tail.followed import Followed
    from exporter.tail.neighbours import Neighbours
    from exporter.tail.trouble import Troubles

    Reopening = Callable[[Tail, FileStat, float], None]

HOLD: Final = 48 * 3600.0
"""A renamed or idle file is held open this long after its last growth, in seconds."""
UNLINKED_QUIET: Final = 600.0
"""An unlinked file is held until nothing was written to it for this long, in seconds."""

_TICK: Final = 1.0
"""By how many seconds a file's time may be behind our clock."""


class Departed:
    """What becomes of files out of sight."""

    def __init__(
        self, followed: Followed, content: Continuity, neighbours: Neighbours, troubles: Troubles, reopening: Reopening
    ) -> None:
        """Take the followed files, what decides on their content, what lies beside them, and what cannot be read.

        `reopening` opens a known file that was found, and goes on in it or begins anew.
        """
        self._followed = followed
        self._content = content
        self._neighbours = neighbours
        self._troubles = troubles
        self._reopening = reopening

    def look(self, tail: Tail, taken: frozenset[str], looked: float, now: float) -> None:
        """Take over where a known file is that was not sighted. Raises ReadError.

        `taken` are the paths now in use by others, `looked` is when all was looked at before (Unix seconds).
        """
        if tail.log not in self._followed.rotated or tail.state == "missing":
            return
        if tail.state == "active" and tail.path not in taken and self._hidden(tail, now):
            return
        left, seen = tail.path, tail.seen
        if tail.file is None and self._is_sought(tail, looked) and self._reopen(tail, now):
            self._wait(tail, left, seen, now)
            return
        if tail.file is None and tail.state == "copy" and now - tail.grown <= HOLD:
            self._reopen_copy(tail, now)
        if tail.state in UNREAD:
            if not (tail.state == "compressed" and tail.position):
                self._followed.drop(tail)
        elif tail.file is not None:
            self._moved(tail, taken, left, seen, now)
        else:
            self._seek(tail, looked, now)

    def gone(self, tail: Tail, now: float) -> None:
        """Give up a file that is gone for good; what content it had stays known, since copies of it may be left."""
        if tail.state == "unlinked" and tail.unread:
            self._followed.loss(tail, "deleted", self._followed.lost_with(tail))
        if tail.position < fingerprint.CERTAIN:
            self._followed.drop(tail)
            return
        tail.close()
        tail.state, tail.size, tail.seen = "missing", tail.position, now
        tail.vacate()  # its inode may be another's by now

    def displaced(self, tail: Tail, now: float) -> None:
        """Give up the inode of a file that was gone or put aside: it is another's by now. Raises ReadError."""
        tail.vacate()
        if tail.state == "unlinked":
            self._seek_unlinked(tail, now)
        else:
            self.gone(tail, now)

    def came_since(self, tail: Tail, path: str, seen: float, now: float, *, deleted: bool = False) -> None:
        """Read what came to a place since a file was seen there, also the file itself, truncated and written anew."""
        self._content.find_between(Gap(tail, path, seen - _TICK, now, deleted=deleted))

    def _is_sought(self, tail: Tail, looked: float) -> bool:
        """Tell whether there may be something to read in a file that nobody holds open."""
        lately = tail.unopened or tail.unread > 0 or not tail.judged or looked - tail.grown <= HOLD
        return tail.state == "active" or (tail.state in {"rotated", "copy"} and lately)

    def _reopen(self, tail: Tail, now: float) -> bool:
        """Open a file again where it was left or rotated to; return whether it is there and cannot be opened now.

        What it holds by now shows when it is open. Of one that was never opened only the inode is known: where
        that cannot be looked for, it may be there.
        """
        if tail.fresh and not tail.head and not tail.unopened:
            return False  # an empty file's inode may be another's by now: only its content can tell
        try:
            stat = self._neighbours.itself(tail, now)
        except (ReadError, Unreadable):
            return tail.unopened
        if stat is None:
            return False
        self._reopening(tail, stat, now)
        if tail.file is None and (tail.log, stat.path) not in self._troubles.paths:
            return False  # it is gone again
        tail.place(stat, now)
        return tail.file is None

    def _wait(self, tail: Tail, left: str, seen: float, now: float) -> None:
        """Note where a file is that was at the path `left`, and cannot be opened at present."""
        if tail.state == "active":
            tail.state, tail.dirty = "rotated", True
            self._followed.rotation(tail, "renamed")
            self.came_since(tail, left, seen, now)

    def _reopen_copy(self, copy: Tail, now: float) -> None:
        """Open a copy again wherever it was moved, by whatever name: its worker may go on with it."""
        with suppress(Unreadable):
            found = self._neighbours.copy_of(copy, self._followed.held(), now)
            if found is not None:
                stat, copy.file = found
                copy.place(stat, now)

    def _hidden(self, tail: Tail, now: float) -> bool:
        """Tell whether a file is out of sight only because its place cannot be looked at."""
        if (tail.log, tail.path) in self._troubles.paths:
            return True
        directory = str(Path(tail.path).parent)
        cause = listing_problem(directory)
        if cause:
            self._troubles.note(tail.log, directory, cause, now)
        return cause is not None

    def _moved(self, tail: Tail, taken: frozenset[str], left: str, seen: float, now: float) -> None:
        """Follow a file on that is held open, and was at the path `left` when it was seen last."""
        if tail.file is None:
            return
        stat = tail.file.stat()
        links = stat.links
        if tail.state == "copy":
            if stat.size > tail.size:
                tail.grow(stat, now)
            elif not links and stat.modified == tail.modified and now - tail.grown > UNLINKED_QUIET:
                self._let_go(tail)
            return
        if tail.state == "active":
            self._followed.rotation(tail, rotation_kind(tail, links, taken))
            self.came_since(tail, left, seen, now, deleted=not links)
        if not links and tail.state != "unlinked":
            tail.grown = now  # its silence begins here: what it was before was not looked at lately, perhaps
        state = "rotated" if links else "unlinked"
        tail.dirty = tail.dirty or tail.state != state
        tail.state = state  # type: ignore[assignment]  # one of two literals
        tail.measure(now)

    def _let_go(self, copy: Tail) -> None:
        """Follow an unlinked copy no more; how much of what was not read in it was its own is not known."""
        if copy.size > copy.position:
            self._followed.loss(copy, "deleted", 0)
        self._followed.drop(copy)

    def _seek(self, tail: Tail, looked: float, now: float) -> None:
        """Look for what a file holds that nobody holds open."""
        if tail.state == "copy":
            self.came_since(tail, tail.path, tail.seen, now)  # it is none where it was truncated
            self._followed.drop(tail)
        elif tail.state == "unlinked":
            self._seek_unlinked(tail, now)
        elif tail.unopened:
            self._lose_unopened(tail, now)
        elif self._is_sought(tail, looked):
            self._seek_rotated(tail, looked, now)

    def _lose_unopened(self, tail: Tail, now: float) -> None:
        """Give up a file that was never opened and is not there any more."""
        if tail.state == "active":
            self._followed.rotation(tail, "deleted")
        self.came_since(tail, tail.path, tail.seen, now)
        if tail.size > tail.position:
            self._followed.loss(tail, "deleted", self._followed.lost_with(tail))
        self._followed.drop(tail)

    def _seek_unlinked(self, tail: Tail, now: float) -> None:
        """Look for a copy of a file that only our descriptor held."""
        with suppress(Unreadable):
            if self._content.inherit(tail, now):
                self._followed.drop(tail)
            else:
                self.gone(tail, now)

    def _seek_rotated(self, tail: Tail, looked: float, now: float) -> None:
        """Look for a file that was rotated while nobody held it, and read its rest there."""
        try:
            found = self._content.inherit(tail, now)
        except Unreadable:
            return
        if tail.state == "active":
            self._followed.rotation(tail, "renamed" if found else "deleted")
        self.came_since(tail, tail.path, tail.seen, now)
        if found:
            self._followed.drop(tail)
            return
        if not tail.size and self._may_be_unread(tail):
            self._followed.drop(tail)
            return
        if tail.unread or (tail.fresh and tail.certain) or looked - tail.grown < HOLD:
            self._followed.loss(tail, "deleted", self._followed.lost_with(tail))
        tail.state, tail.dirty = "missing", True

    def _may_be_unread(self, tail: Tail) -> bool:
        """Tell whether a file in which nothing was yet may be a generation that was found and is to be read."""
        unread = (one.path for one in self._followed.tails if one.fresh and one.log == tail.log)
        return any(path != tail.path and generation(path, tail.path) for path in unread)
