"""One followed file: where we are in it, and the descriptor that keeps it readable when it is rotated.

The position only advances over bytes that were read from the content that the fingerprint
describes: the bytes before it are compared after each read, so a truncation in between, even one
that the file has outgrown already, is found before anything is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, cast

from exporter.model import FileRow
from exporter.records.carry import Carry
from exporter.tail import fingerprint

if TYPE_CHECKING:
    from exporter.tail.files import FileStat, OpenFile

State = Literal["active", "rotated", "unlinked", "copy", "missing", "refused", "compressed"]
"""active: named by a glob. rotated: known elsewhere. unlinked: only our descriptor holds it.
copy: holds what another followed file holds, not read. missing: sought and not found.
refused: UTF-16, not read. compressed: not read (history in it is for backfill), or read to its end."""
UNREAD: Final[frozenset[State]] = frozenset({"refused", "compressed"})
"""States of files that are none of ours to read; they are not held open."""


UNOPENED: Final = b"unopened"
"""Stands for the hash of the bytes before the position in a file that could not be opened yet, which no bytes have."""
LEFT: Final[frozenset[State]] = frozenset({"rotated", "unlinked", "missing"})
"""States of files that have left the place at which a glob named them."""


@dataclass(slots=True)
class Tail:
    """A file and our place in it.

    `fresh` until its content could be told from other files', nothing is read before; `judged` once
    nothing of the open record waits for silence; `begun` when this content was first met, and
    `since` when the oldest byte not yet committed was seen (both Unix seconds); `uncommitted` the
    bytes evaluated since the last commit; `sought` since when this content, or what it may be a copy of,
    is sought in what cannot be read.
    """

    id: int
    log: str
    path: str
    device: int
    inode: int
    state: State = "active"
    fresh: bool = True
    file: OpenFile | None = None
    position: int = 0
    start: int = 0
    carry: Carry = field(default_factory=Carry)
    size: int = 0
    modified: float = 0.0
    links: int = 1
    head: bytes = b""
    tail: bytes = b""
    grown: float = 0.0
    begun: float = 0.0
    seen: float = 0.0
    dirty: bool = True
    judged: bool = True
    since: float | None = None
    sought: float | None = None
    uncommitted: int = 0
    probed: tuple[bytes, bytes] = (b"", b"")

    @classmethod
    def from_row(cls, row: FileRow) -> Tail:
        """Return the file as the checkpoint remembers it, not opened yet. Raises ValueError for a bad carry."""
        return cls(
            id=row.id,
            log=row.log,
            path=row.path,
            device=row.device,
            inode=row.inode,
            state=cast("State", row.state),
            fresh=not row.position and row.state not in UNREAD,
            position=row.position,
            start=row.record_start,
            carry=Carry.load(row.record),
            size=row.size,
            head=row.head,
            tail=row.tail,
            grown=row.grown,
            begun=row.grown,
            seen=row.seen,
            dirty=False,
            judged=False,
        )

    def row(self) -> FileRow:
        """Return what the checkpoint must remember."""
        return FileRow(
            id=self.id,
            log=self.log,
            path=self.path,
            device=self.device,
            inode=self.inode,
            position=self.position,
            record_start=self.start,
            record=self.carry.dump(),
            size=self.size,
            head=self.head,
            tail=self.tail,
            grown=self.begun if self.fresh else self.grown,  # since when what is not read yet may have come and gone
            seen=self.seen,
            state=self.state,
        )

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode: the hint by which candidates are ordered."""
        return self.device, self.inode

    @property
    def unopened(self) -> bool:
        """Whether only its inode is known, since it could not be opened yet; it is read from its position on."""
        return self.tail == UNOPENED

    @property
    def unread(self) -> int:
        """Bytes known to be there and not evaluated."""
        known = self.state not in UNREAD and self.state != "copy" and not self.unopened
        return max(0, self.size - self.position) if known else 0

    @property
    def certain(self) -> bool:
        """Whether its content can be told from others': by its head, also of a file that is not read yet."""
        return fingerprint.head_span(self.head) >= fingerprint.CERTAIN

    @property
    def nameless(self) -> bool:
        """Whether it lost its name since it was last sighted: another may be at its place, also its copy."""
        return self.state == "active" and not self.links

    def stems_from(self, other: Tail) -> bool:
        """Tell by its name whether this file may have been at the path of `other` before it was rotated."""
        return self is not other and self.log == other.log and self.path.startswith(other.path)

    def remain_unopened(self, stat: FileStat, end: int) -> None:
        """Note that a file could not be opened yet, and is to be read from `end` on once it can be."""
        self.tail = UNOPENED
        self.position = self.start = end
        self.size = stat.size
        self.fresh = end == 0
        self.dirty = True

    def place(self, stat: FileStat, now: float) -> None:
        """Take over what a sighting says."""
        if (stat.path, stat.device, stat.inode) != (self.path, self.device, self.inode):
            self.path, self.device, self.inode = stat.path, stat.device, stat.inode
            self.dirty = True
        self.seen = now

    def vacate(self) -> None:
        """Note that the file's inode is another's by now: only its content can tell where it is."""
        self.device = self.inode = 0  # no file has these
        self.dirty = True

    def grow(self, stat: FileStat, now: float) -> None:
        """Take over the file's present size."""
        if stat.size > self.size:
            self.grown = now
        self.size = stat.size
        self.modified = stat.modified
        self.links = stat.links

    def measure(self, now: float) -> None:
        """Take over that the file has grown, and since when it waits to be read. Raises ReadError."""
        if self.file is None or self.state == "copy":
            return
        stat = self.file.stat()
        if stat.size > self.size and self.intact(stat):
            self.grow(stat, now)
            self.since = self.since or now

    def intact(self, stat: FileStat) -> bool:
        """Tell whether the head and the bytes before the position are still what they were. Raises ReadError.

        Both, since a file that was truncated and has grown past the position may hold the same record there.
        """
        return (
            stat.size >= self.position
            and self.file is not None
            and self.file.holds(self.head, self.tail, self.position)
        )

    def found_in(self, file: OpenFile) -> bool:
        """Tell whether an open file holds all that was read of this one. Raises ReadError.

        A copy of what was not read yet may be an early one: it is shorter, and agrees as far as it reaches.
        """
        if self.position or not self.certain:
            return file.holds(self.head, self.tail, self.position)
        data = file.head()
        return len(data) >= fingerprint.CERTAIN and fingerprint.agrees(self.head, data)

    def recognise(self, data: bytes | None = None) -> None:
        """Take the head of an open file that is not read yet, if it still begins as it did. Raises ReadError.

        `data` is how it begins, where that was read already.
        """
        if self.fresh and self.file is not None:
            head = fingerprint.head(self.file.head() if data is None else data)
            if head != self.head and head.startswith(self.head):
                self.head, self.dirty = head, True

    def probe(self, block: bytearray, length: int) -> None:
        """Take the fingerprint that holds once `block[:length]`, just read from `self.start`, is evaluated.

        To be called between the read and `intact`: what was read before the old bytes were found
        to be in their place is from the same content. Raises ReadError.
        """
        position = self.start + length
        tail, head = self.tail, self.head
        if length >= fingerprint.TAIL or self.start == 0:
            tail = fingerprint.tail(bytes(block[max(0, length - fingerprint.TAIL) : length]))
        elif self.file is not None:
            tail = self.file.tail(position)
        if fingerprint.head_span(head) < min(position, fingerprint.SPANS[-1]):
            if self.start == 0:
                head = fingerprint.head(bytes(block[: min(length, fingerprint.SPANS[-1])]))
            elif self.file is not None:
                head = fingerprint.head(self.file.read(min(position, fingerprint.SPANS[-1]), 0))
        self.probed = (head, tail)

    def advance(self, length: int, start: int, carry: Carry) -> None:
        """Note that the `length` bytes last probed are evaluated; the next block begins at `start` in them."""
        self.head, self.tail = self.probed
        self.position = self.start + length
        self.start += start
        self.carry = carry
        self.sought = None
        self.dirty = True

    def restart(self, at: int = 0, carry: Carry | None = None) -> None:
        """Begin anew at `at`: what was known of the content holds no more. Raises ReadError."""
        self.position = self.start = at
        self.carry = carry or Carry()
        self.sought = None
        self.head = self.tail = b""
        self.fresh = at == 0
        self.judged = True
        self.dirty = True
        if at and self.file is not None:
            self.head = fingerprint.head(self.file.read(min(at, fingerprint.SPANS[-1]), 0))
            self.tail = self.file.tail(at)

    def continue_from(self, other: Tail) -> None:
        """Take over the place of `other`, whose bytes up to its position this file holds.

        Where that is the beginning, this file is told from others for itself: one may have been read meanwhile.
        """
        self.position, self.start, self.carry = other.position, other.start, other.carry
        if other.position:
            self.head, self.tail = other.head, other.tail
        self.fresh = other.fresh or not other.position
        self.judged = other.judged
        self.dirty = True

    def close_unless_changed(self) -> None:
        """Release the descriptor if nothing was written since the last look. Raises ReadError."""
        if self.file is not None and self.file.stat().modified == self.modified:
            self.close()

    def close(self) -> None:
        """Release the descriptor, if there is one."""
        if self.file is not None:
            self.file.close()
            self.file = None
