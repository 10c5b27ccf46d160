"""Reading on in a log that was compressed away: gzip files, read as the log that they hold.

gzip (RFC 1952) can only be read from its beginning, so a window of the latest bytes is kept: as much
as one open record can need again. A file that is still being compressed is read as far as it is.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from exporter.tail import fingerprint
from exporter.tail.files import OpenFile, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.tail.files import FileStat

MARK: Final = b"\x1f\x8b"
"""How gzip files begin."""
KEPT: Final = 4 << 20
"""Bytes of content kept in memory: more than a block and a record at its limit."""
AHEAD: Final = 1 << 30
"""How far beyond what was read `extent` looks: a small file may hold terabytes (a bomb), and the loop waits for it."""
_PIECE: Final = 1 << 18
_GZIP: Final = 16 + zlib.MAX_WBITS


class ContentError(ReadError):
    """What a file is compressed to cannot be restored: trying again is of no use."""


def nothing() -> None:
    """Take no notice of the work that gets on."""


def open_content(path: str, working: Callable[[], None] = nothing) -> OpenFile:
    """Open `path` to read the log in it, which may be compressed with gzip. Raises Vanished or ReadError.

    `working` is called again and again while content is restored, which may take minutes.
    """
    file = OpenFile(path)
    try:
        compressed = file.read(len(MARK), 0) == MARK
    except ReadError:
        file.close()
        raise
    if not compressed:
        return file
    file.close()
    return InflatedFile(path, working=working)


class InflatedFile(OpenFile):
    """An open gzip file, whose size and bytes are those of its content, as far as known yet."""

    inflated: ClassVar[bool] = True

    def __init__(self, path: str, ahead: int = AHEAD, working: Callable[[], None] = nothing) -> None:
        """Open `path`; raises Vanished or ReadError."""
        super().__init__(path)
        self._ahead = ahead
        self._working = working
        self._reach = 0
        self._rewind()

    def stat(self) -> FileStat:
        """Return the file's present state; its size is at least a byte beyond what was read, if there is one."""
        found = super().stat()
        self._inflate(self._reach + 1)
        return replace(found, size=self._end)

    def extent(self) -> int:
        """Return how many bytes of content can be restored at present, as far as `ahead` goes. Raises ReadError."""
        with suppress(ContentError):  # what stands before the damage is content
            self._inflate(self._reach + self._ahead)
        return self._end

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from the content's `offset`; return the bytes read. Raises ReadError."""
        data = self.read(len(buffer), offset)
        buffer[: len(data)] = data
        return len(data)

    def read(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes of the content from `offset`; raises ReadError."""
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        if offset < self._end - len(self._window):
            self._rewind()
        self._reach = max(self._reach, offset)
        self._inflate(offset + length)
        self._reach = max(self._reach, min(offset + length, self._end))
        begin = offset - (self._end - len(self._window))
        return bytes(self._window[begin : begin + length]) if begin >= 0 else b""

    @property
    def complete(self) -> bool:
        """Whether the end of the compressed data was reached."""
        return self._inflater.eof

    @property
    def barely_begun(self) -> bool:
        """Whether it is still being made and holds too little to be told from others: its original is there as well."""
        return len(self.head()) < fingerprint.CERTAIN and not self.complete

    @property
    def end(self) -> int:
        """How many bytes of content are known."""
        return self._end

    def _rewind(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP)
        self._taken = 0
        self._waiting = b""
        self._window = bytearray()
        self._head = b""
        self._end = 0
        self._reach = 0

    def _inflate(self, end: int) -> None:
        """Go on until the content is known up to `end`, or there is no more."""
        while self._end < end:
            if not self._waiting:
                self._waiting = super().read(_PIECE, self._taken)
                self._taken += len(self._waiting)
            if self._inflater.eof:
                if not self._waiting.startswith(MARK):
                    return  # nothing, or padding behind the last member
                self._inflater = zlib.decompressobj(_GZIP)
            ended = not self._waiting
            try:
                data = self._inflater.decompress(self._waiting, _PIECE)
            except zlib.error:
                raise ContentError("other") from None
            if ended and not data:
                return
            self._waiting = self._inflater.unconsumed_tail or self._inflater.unused_data
            self._keep(data)
            self._working()

    def _keep(self, data: bytes) -> None:
        missing = fingerprint.SPANS[-1] - len(self._head)
        if missing:
            self._head += data[:missing]
        self._window += data
        self._end += len(data)
        del self._window[: max(0, len(self._window) - KEPT)]
