"""Whether a file still is what we read: appended, truncated, replaced, a copy. I/O through `tail.files` only.

The rules are those of ARCHITECTURE.md, "Rotation cases". Whatever is decided here changes
positions and is counted in the same transaction with them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from exporter.catalogue import OWN
from exporter.records.carry import Carry
from exporter.tail import fingerprint, kinship
from exporter.tail.between import Between
from exporter.tail.gap import Gap
from exporter.tail.heirs import Heirs
from exporter.tail.inflate import InflatedFile
from exporter.tail.neighbours import PATIENCE, Unreadable
from exporter.tail.parting import proves_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.tail.files import FileStat, OpenFile
    from exporter.tail.follow import State, Tail
    from exporter.tail.followed import Followed
    from exporter.tail.neighbours import Neighbours
    from exporter.tail.trouble import Report, Warn

    Opening = Callable[[str, FileStat, float], OpenFile | None]

YOUNG: Final = 1.0
"""How long a small file that begins like another waits for the copy it may become, in seconds."""
GRAIN: Final = 0.01
"""By how many seconds the time of a file that is written now may be behind our clock."""
PASSED_OVER: Final = Carry(kind="line", level=True, skipping=True)
"""What is open at the end of a file that is not read from its beginning: the rest of some record."""


class Continuity:
    """Looks at open files and keeps their positions true to their content.

    `moved` tells that content was found in another place, to be looked at; who does so resets it.
    """

    def __init__(
        self, followed: Followed, neighbours: Neighbours, opening: Opening, report: Report, warn: Warn, gaps: str
    ) -> None:
        """Take the followed files, what lies beside them, and the way to open what was found at a place.

        `gaps` is what the checkpoint remembers of them. Raises ValueError where that is damaged.
        """
        self.moved = False
        self._patient = True
        self._followed = followed
        self._neighbours = neighbours
        self._heirs = Heirs(followed, neighbours)
        self._between = Between(followed, neighbours, gaps)
        self._open = opening
        self._report = report
        self._warn = warn

    def follow(self, rotated: Mapping[str, tuple[str, ...]], globs: Mapping[str, tuple[str, ...]]) -> None:
        """Take where the files of other logs are sought; what was sought for a log that is gone is no more."""
        self._neighbours.follow(rotated, globs)
        self._between.follow(rotated)

    @property
    def gaps(self) -> str:
        """What the checkpoint must remember of places where content may have come and gone unseen."""
        return self._between.gaps

    def sight(self, paths: frozenset[str]) -> None:
        """Take the paths that the globs name at present."""
        self._between.sighted = paths

    def look(self, tail: Tail, now: float) -> bool:
        """Take over the file's present size; return whether there is something to read. Raises ReadError."""
        if tail.file is None:
            return False
        stat = tail.file.stat()
        if stat.size == tail.position == tail.size and stat.modified == tail.modified:
            return False
        # Compared before its size is believed: what other content has grown to is no loss of this one.
        if not tail.intact(stat):
            self.replaced(tail, now, cause_of_loss(tail, stat))
            return False
        if (tail.fresh or tail.state == "copy") and not self._classify(tail, stat, now):
            return False
        tail.grow(stat, now)
        return stat.size > tail.position

    def compare(self, tail: Tail, now: float) -> None:
        """Find out whether a fresh file holds what was read elsewhere; leave it fresh if it is new.

        Raises ReadError.
        """
        if tail.fresh and tail.file is not None:
            stat = tail.file.stat()
            if stat.size >= fingerprint.CERTAIN:
                self._classify(tail, stat, now, others_read=False)
                tail.recognise()

    def verify(self, tail: Tail, now: float) -> bool:
        """After a read: tell whether it came from the content we know. Raises ReadError."""
        if tail.file is None:
            return False
        stat = tail.file.stat()
        if tail.intact(stat):
            return True
        self.replaced(tail, now, cause_of_loss(tail, stat))
        return False

    def settle(self, now: float) -> None:
        """Wait for nothing any more: what is there now, and can be read now, is all that there will be."""
        self._patient = self._between.patient = False
        self.retry(now)

    def waits(self, tail: Tail, now: float) -> bool:
        """Tell whether a file's bytes are left unread for a moment, since it may be a copy in the making."""
        return tail.fresh and tail.size > 0 and self._young(tail, now)

    def _young(self, tail: Tail, now: float) -> bool:
        return self._patient and 0 <= now - tail.grown < YOUNG

    def refuse(self, tail: Tail) -> bool:
        """Tell whether an open file is none that can be read as a log, and let it go. Raises ReadError."""
        if tail.file is None:
            return True
        data = tail.file.head()
        if kinship.is_utf16(data):
            tail.state = "refused"
            self._report(OWN + "read_errors_total", (tail.log, "utf16"), 1)
            self._warn(tail.log, "utf16", tail.path)
        elif kinship.is_compressed(data):
            tail.state = "compressed"
        else:
            return False
        self._put_aside(tail, tail.file.stat().size)
        return True

    def _put_aside(self, tail: Tail, size: int) -> None:
        tail.size = size
        tail.fresh, tail.dirty = False, True
        tail.close()

    def begin_at_end(self, tail: Tail, end: int) -> None:
        """Begin at `end`, the size that the file had when it was found. Raises ReadError."""
        if tail.file is not None and not self.refuse(tail):
            self.begin_at(tail, min(end, tail.file.stat().size))

    def begin_at(self, tail: Tail, position: int) -> None:
        """Begin at `position`, passing over the rest of the record that it lies in. Raises ReadError."""
        tail.restart(position, PASSED_OVER if position else None)
        tail.size = position

    def _classify(self, tail: Tail, stat: FileStat, now: float, *, others_read: bool = True) -> bool:
        """Find out what a fresh file is, or what a copy has become; return whether it is to be read."""
        if tail.file is not None and tail.fresh and not stat.size and stat.modified != tail.modified:
            # What was written since the last look may have been copied and truncated: do not wait for more of it.
            tail.modified = stat.modified
            self.find_between(Gap(tail, tail.path, tail.begun - GRAIN, now))
        if tail.file is None or not stat.size or (tail.fresh and self.refuse(tail)):
            return False
        unread = tail.fresh
        data = tail.file.head()
        if len(data) < fingerprint.CERTAIN:
            tail.size = stat.size
            tail.recognise(data)
            tail.fresh = self._young(tail, now) and kinship.same_beginning(tail, data, self._followed.tails)
        elif stat.size > tail.position and not self._relate(tail, stat, data, now, others_read=others_read):
            tail.recognise(data)  # from here on other content at its place is a truncation, though nothing is read yet
            if not others_read:
                return False
            tail.fresh = False
            tail.state = _apart(tail)
        if unread and not tail.fresh and tail.state in {"active", "copy"}:
            # It may have been copied and truncated before it was read for the first time.
            self.find_between(Gap(tail, tail.path, tail.begun - GRAIN, now))
        if tail.state == "copy":
            tail.grow(stat, now)
        return not tail.fresh and tail.state != "copy"

    def _relate(self, tail: Tail, stat: FileStat, data: bytes, now: float, *, others_read: bool) -> bool:
        """Continue the file that `tail`, whose content can be told from others', holds the bytes of, if any.

        True also while one that it may be a copy of cannot be read, for a while.
        """
        for known in kinship.closest(tail, data, kinship.relatives(tail, data, self._followed.tails)):
            try:
                if self._relate_to(tail, stat, known, now, others_read=others_read):
                    return True
            except Unreadable:
                if self._postpones(tail, now):
                    return True
        return False

    def _relate_to(self, tail: Tail, stat: FileStat, known: Tail, now: float, *, others_read: bool) -> bool:
        if known.file is None:
            try:
                kinship.reopen(known)
            except Unreadable:
                if self._postpones(tail, now):
                    raise
        if known.file is None:
            return self._relate_to_released(tail, stat, known)
        if not kinship.intact(known):
            if not self.replaced(known, now, "truncated"):
                raise Unreadable  # what it held is sought in what cannot be read, and may be in this one
            # Truncated, and not looked at since: its copy takes its place before it is read as new.
            data = tail.file.head() if tail.file is not None else b""
            found = not tail.fresh and tail.state != "copy"
            return found or self._relate(tail, stat, data, now, others_read=others_read)
        common = kinship.common_length(tail, known)
        if common is None or common < tail.position:
            return False
        self._relate_to_intact(tail, stat, known, common, others_read=others_read)
        return True

    def _relate_to_intact(self, tail: Tail, stat: FileStat, known: Tail, common: int, *, others_read: bool) -> None:
        """Begin a file that shares its first `common` bytes with one that is open and holds what was read of it."""
        whole = known.file is not None and known.file.stat().size == common
        if common == stat.size:
            self._part(tail, stat, common)
        elif whole and known.position == common:
            # It holds all of the known one and more: it goes on with the record that is open there.
            self._exchange(tail, known)
        elif whole and not others_read:
            pass  # it waits until that is read, and for no other
        elif not whole and tail.fresh and known.position < common:
            self._share_out(tail, stat, known, common)
        else:
            self._part(tail, stat, common)

    def _share_out(self, tail: Tail, stat: FileStat, known: Tail, common: int) -> None:
        """Read on here what two files share that is not read yet, and pass over it in the other.

        Both places are committed together. If the other were read on, it might be gone before this one's is known, or
        the other way round: a crash would leave what they share to none, or to both. Raises ReadError.
        """
        own = kinship.common_length(known, tail) or common
        self._doubt(tail, stat, common)
        tail.recognise()
        tail.continue_from(known)
        tail.fresh = False
        tail.state = _apart(tail)
        self.begin_at(known, own)

    def _doubt(self, tail: Tail, stat: FileStat, common: int) -> None:
        """Tell a possible loss where two files that part may both have been written alike in one second."""
        if common < stat.size and tail.file is not None and not proves_copy(tail.file, common):
            self._followed.loss(tail, "replaced", 0)  # then what this one began with is not counted

    def _part(self, tail: Tail, stat: FileStat, common: int) -> None:
        """Read a file from where it parts from its original on, if it does. Raises ReadError."""
        self._doubt(tail, stat, common)
        self.begin_at(tail, common)
        tail.state = "copy" if common == stat.size else _apart(tail)

    def _relate_to_released(self, tail: Tail, stat: FileStat, known: Tail) -> bool:
        if kinship.holds(tail, known):
            self._continue(tail, known)
            self._followed.drop(known)
            return True
        if tail.file is None or not kinship.early_copy(tail.file, known):
            return False
        self.begin_at(tail, stat.size)
        tail.state = "copy"
        return True

    def _exchange(self, longer: Tail, shorter: Tail) -> None:
        """Go on in the longer of two files, of which the other is the beginning, read to its end. Raises ReadError."""
        longer.continue_from(shorter)
        longer.state = _apart(longer)
        self.begin_at(shorter, shorter.position)
        shorter.state = "copy"

    def _postpones(self, tail: Tail, now: float) -> bool:
        """Tell whether to wait on for what may have to do with `tail` and cannot be read."""
        if tail.sought is None:
            tail.sought = now
        return self._patient and 0 <= now - tail.sought < PATIENCE

    def _continue(self, heir: Tail, lost: Tail) -> None:
        heir.continue_from(lost)
        heir.state = _apart(heir)
        self.moved = True

    def replaced(self, tail: Tail, now: float, cause: str) -> bool:
        """Go on in a copy of the content that is gone from this file, if there is one, and begin anew here.

        A copy's bytes were counted in its original: nothing is lost with them. Nothing is changed,
        and False returned, while what may be the copy cannot be read. Raises ReadError.
        """
        inflated = tail.file is not None and tail.file.inflated
        if tail.state == "copy":
            # What it grew by was its own: where it stands at a log's place, that may be in a copy of it by now.
            self.find_between(Gap(tail, tail.path, tail.grown - GRAIN, now))
            tail.state = "active"
        else:
            try:
                heir = self.inherit(tail, now)
            except Unreadable:
                return False
            self._followed.rotation(tail, "truncated")
            if heir is None:
                self._followed.remember(tail, now)
            # Whatever was copied and truncated in turn came after its copy, or before it where nothing was read yet.
            since = tail.begun if tail.fresh else tail.grown
            since = since - GRAIN if tail.fresh or heir is None else heir.modified
            if inflated:
                tail.close()  # what it holds may be what is sought
            self.find_between(Gap(tail, tail.path, since, now, told=heir is None))
            if heir is None:  # how much was lost shows once it is known what of it was copied before
                self._followed.loss(tail, cause, self._followed.lost_with(tail))
        tail.restart()
        tail.size = 0
        tail.grown = tail.begun = now
        tail.since = None
        if inflated:  # another gzip file, or the same being made anew
            tail.state = "compressed"
            self._put_aside(tail, 0)
        self.moved = True
        return True

    def find_between(self, gap: Gap) -> None:
        """Follow what came to a place and was rotated in turn: see `tail.between`."""
        self.moved = self._between.find(gap) or self.moved

    def retry(self, now: float) -> None:
        """Look again for what could not be read when it was sought."""
        self.moved = self._between.retry(now) or self.moved

    def inherit(self, lost: Tail, now: float) -> Tail | None:
        """Let the file that now holds the content of `lost` go on at its position, and return it if there is one.

        What was not read yet may be in one that is read in its own right already: then nothing is changed.
        Raises Unreadable while the file itself was found and cannot be read, and for a while where
        something cannot be read that may be its copy. Raises ReadError.
        """
        late = lost.sought is not None and not self._postpones(lost, now)
        try:
            with self._neighbours.insisting(late=late):
                heir = self._heirs.find(lost, now)
        except Unreadable as error:
            if error.there:
                lost.sought = None  # it is not given up
            if error.there or self._postpones(lost, now):
                raise
            return None
        if heir is None:
            return kinship.counted(lost, self._followed.tails)
        self._continue(heir, lost)
        self._pass_over_shared(heir, lost)
        return heir

    def _pass_over_shared(self, heir: Tail, lost: Tail) -> None:
        """Begin an heir where it parts from a file that holds more of the same, and counts it in its own right."""
        if heir.file is None or not heir.position:
            return
        shared = heir.position
        for known in kinship.relatives(heir, heir.file.head(), self._followed.tails):
            if known is not lost:
                with suppress(Unreadable):
                    if known.file is None:
                        kinship.reopen(known)
                    shared = max(shared, kinship.common_length(heir, known) or 0)
        if shared > heir.position:
            self._part(heir, heir.file.stat(), shared)

    def finished(self, tail: Tail) -> bool:
        """Tell whether nothing more can come of a file that was compressed away."""
        file = tail.file
        return isinstance(file, InflatedFile) and file.complete and tail.position >= file.end and tail.judged


def cause_of_loss(tail: Tail, stat: FileStat) -> str:
    """Name what happened to a file that is not any more what was read of it."""
    return "truncated" if stat.size < tail.position else "overwritten"


def _apart(tail: Tail) -> State:
    """Return the state of a file that is no copy, or none any more. Raises ReadError."""
    if tail.state != "copy":
        return tail.state
    return "unlinked" if tail.file is not None and not tail.file.stat().links else "active"
