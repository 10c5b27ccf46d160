"""A log record by record, as the daemon's own cutter cuts it: for `explain`.

Reads a stream in blocks as `exporter.pipeline` reads a file, and hands out every record and every
line before the first one, where the daemon looks only at records in which something was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from exporter.model import LEVELS
from exporter.pipeline import BLOCK, CAPACITY
from exporter.records.block import Ending
from exporter.records.carry import Carry
from exporter.records.parse import LIMIT, parse
from exporter.records.time import FoldWatch, Times
from exporter.tail.files import UTF16_MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase
    from zoneinfo import ZoneInfo

    from exporter.model import Match
    from exporter.records.block import Cut
    from exporter.records.cut import Cutter
    from exporter.records.parse import Record


class Utf16Error(ValueError):
    """The stream is UTF-16, which no log may be."""


@dataclass(slots=True)
class Piece:
    """What begins in line `line` (from 1) and spans `lines`: a record, or a line before the first one.

    `level` is the one that it is counted by, None where it counts as no record. `unparsed` are the
    unparsed lines that it counts as, `suspects` those of them behind its first line. `raw` ends at
    the record limit; `cut` tells that there was more. `matches` are what the daemon counts for it,
    `fold` the pass of a repeated hour that it stands in.
    """

    line: int
    raw: bytes = b""
    lines: int = 1
    level: str | None = None
    unparsed: int = 0
    suspects: int = 0
    cut: bool = False
    fold: int = 0
    matches: tuple[Match, ...] = ()

    @property
    def record(self) -> Record | None:
        """The parsed record, None where this is none."""
        return parse(self.raw)


def pieces(stream: BufferedIOBase, cutter: Cutter, zone: ZoneInfo) -> Iterator[Piece]:
    """Yield the pieces of a log, whose times are those of `zone`, in order, each as soon as the next one begins.

    Raises OSError where the stream cannot be read, Utf16Error where it is UTF-16.
    """
    reader = _Reader(cutter, zone)
    more = reader.read(stream)
    if reader.buffer.startswith(UTF16_MARKS):
        raise Utf16Error
    while more:
        yield from reader.cut(Ending.MORE)
        more = reader.read(stream)
    yield from reader.cut(Ending.FINAL)


class _Counts(NamedTuple):
    """What a block has counted up to some offset."""

    levels: tuple[int, ...] = (0,) * len(LEVELS)
    unparsed: int = 0
    oversized: int = 0
    outcomes: int = 0


class _Reader:
    """Cuts blocks, and makes pieces of what the cutter tells about them."""

    def __init__(self, cutter: Cutter, zone: ZoneInfo) -> None:
        self.buffer = bytearray(CAPACITY)
        self._length = 0  # of the text in the buffer
        self._cutter = cutter
        self._carry = Carry()
        self._seen = 0
        self._watch = FoldWatch(Times(zone))
        self._done: list[Piece] = []
        self._counts = _Counts()  # of the block, as far as it was dealt with
        self._at = 0  # where that ends, and in which line
        self._line = 1
        self._orphan = b""  # the beginning of a line before the first record
        self._piece: Piece | None = None  # the open record, and where it begins (-1: passed over)
        self._start = -1

    def read(self, stream: BufferedIOBase) -> bool:
        """Read what there is now, as far as there is room; return False at the end of the stream."""
        room = CAPACITY if self._length >= BLOCK else BLOCK
        with memoryview(self.buffer) as view, view[self._length : room] as part:
            read = stream.readinto1(part)
        self._length += read
        return read > 0

    def cut(self, ending: Ending) -> list[Piece]:
        """Cut the text in the buffer, and keep of it what the next block must begin with; return what is complete."""
        self._counts = _Counts()
        cut = self._cutter.cut(
            self.buffer,
            self._length,
            self._carry,
            seen=self._seen,
            ending=ending,
            observe=self._watch.observe,
            visit=self._visit,
        )
        self._settle(cut)
        if self._piece is not None and 0 <= self._start < cut.start:
            self._take_raw(self._piece, self._length)
        if ending is Ending.FINAL:
            self._end()
        self._pass_by(cut.start)
        self._carry = cut.carry
        self._seen = self._length - cut.start
        self.buffer[: self._seen] = self.buffer[cut.start : self._length]
        self._length = self._seen
        self._start -= cut.start if self._start >= 0 else 0
        self._at = 0
        done, self._done = self._done, []
        return done

    def _visit(self, begin: int, cut: Cut) -> None:
        """Deal with what lies before the record that begins at `begin`."""
        self._settle(cut)
        self._pass_by(begin)
        if self._piece is not None:
            self._finish(self._piece, begin, self._line)
        self._piece = Piece(self._line)
        self._start = begin
        self._orphan = b""

    def _settle(self, cut: Cut) -> None:
        """Let the open record have what was counted since the last one began."""
        before = self._counts
        self._counts = _Counts(tuple(cut.levels), cut.unparsed, cut.oversized, len(cut.outcomes))
        if self._piece is None:
            return
        for level, old, new in zip(LEVELS, before.levels, cut.levels, strict=True):
            if new > old:
                self._piece.level = level
        self._piece.unparsed += cut.unparsed - before.unparsed
        self._piece.cut = self._piece.cut or cut.oversized > before.oversized
        self._piece.matches += tuple(match for _, match, _ in cut.outcomes[before.outcomes :])

    def _pass_by(self, end: int) -> None:
        """Count the lines up to `end`; those before the first record are pieces."""
        if self._piece is not None:
            self._line += self.buffer.count(b"\n", self._at, end)
        elif end > self._at:
            *lines, rest = bytes(self.buffer[self._at : end]).split(b"\n")
            for text in lines:
                self._done.append(Piece(self._line, self._orphan + text + b"\n", unparsed=1))
                self._orphan = b""
                self._line += 1
            self._orphan = (self._orphan + rest)[:LIMIT]
        self._at = max(self._at, end)

    def _end(self) -> None:
        """Deal with the last piece: nothing follows."""
        self._pass_by(self._length)
        unfinished = self._length > 0 and not self.buffer.endswith(b"\n", 0, self._length)
        if self._piece is not None:
            self._finish(self._piece, self._length, self._line + unfinished)
        elif self._orphan:
            self._done.append(Piece(self._line, self._orphan))

    def _finish(self, piece: Piece, end: int, line: int) -> None:
        """Complete the open record, which ends at the offset `end` and before line `line`."""
        if self._start >= 0:
            self._take_raw(piece, end)
        piece.lines = max(1, line - piece.line)
        piece.fold = self._watch.fold
        piece.suspects = piece.unparsed - (piece.level is None)
        self._done.append(piece)

    def _take_raw(self, piece: Piece, end: int) -> None:
        piece.raw = bytes(self.buffer[self._start : min(end, self._start + LIMIT)])
        self._start = -1
