"""Opening, reading and probing log files: the only place that touches them, and only to read.

Nothing here blocks on what is no regular file (FIFOs and devices are never waited for), and a
file's content is compared through an open descriptor, so that what was compared is what is read.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
from dataclasses import dataclass
from typing import ClassVar, Final

from exporter.tail import fingerprint

UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
RESERVED: Final = 32
"""File descriptors that logs leave to scrapes and to the listing of folders."""
_CAUSES: Final = {
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EIO: "io",
    errno.ESTALE: "stale",
    errno.EMFILE: "descriptors",
    errno.ENFILE: "descriptors",
}


class ReadError(Exception):
    """A file that cannot be opened or read; `cause` is a value of `read_errors_total`'s label."""

    def __init__(self, cause: str) -> None:
        """Take the cause."""
        super().__init__(cause)
        self.cause = cause


class Vanished(Exception):  # noqa: N818  (a state, not a failure)
    """The path no longer names a file."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """What `stat` says of a log file: identity hints, size in bytes, times in Unix seconds."""

    path: str
    device: int
    inode: int
    size: int
    modified: float
    links: int


def cause_of(error: OSError) -> str:
    """Return the closed-set name of an operating system error."""
    return _CAUSES.get(error.errno or 0, "other")


def _as_stat(path: str, found: os.stat_result) -> FileStat:
    return FileStat(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime, found.st_nlink)


def look(path: str) -> FileStat | None:
    """Return what is at `path` (symbolic links followed), or None where no regular file is.

    Raises ReadError where that cannot be found out, and with cause `not_a_file` for a directory,
    FIFO, socket or device.
    """
    try:
        found = os.stat(path)  # noqa: PTH116  (done for every file of a glob, again and again)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ReadError(cause_of(error)) from None
    if not stat.S_ISREG(found.st_mode):
        raise ReadError("not_a_file")
    return _as_stat(path, found)


class OpenFile:
    """An open log file. It stays readable when it is renamed or unlinked."""

    inflated: ClassVar[bool] = False
    """Whether what is read here is the content of a compressed file."""

    def __init__(self, path: str) -> None:
        """Open `path`; raises Vanished or ReadError."""
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except (FileNotFoundError, NotADirectoryError):
            raise Vanished from None
        except OSError as error:
            raise ReadError("not_a_file" if error.errno == errno.ENXIO else cause_of(error)) from None
        self.path = path
        # The lowest free number is taken, so a high one means that few are left.
        if self.descriptor >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED:
            self.close()
            raise ReadError("descriptors")
        try:
            regular = stat.S_ISREG(os.fstat(self.descriptor).st_mode)
        except OSError as error:
            self.close()
            raise ReadError(cause_of(error)) from None
        if not regular:
            self.close()
            raise ReadError("not_a_file")

    def stat(self) -> FileStat:
        """Return the open file's present state; raises ReadError."""
        try:
            return _as_stat(self.path, os.fstat(self.descriptor))
        except OSError as error:
            raise ReadError(cause_of(error)) from None

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from `offset`; return the bytes read, fewer only at the end. Raises ReadError."""
        got = 0
        try:
            while got < len(buffer):
                count = os.preadv(self.descriptor, [buffer[got:]], offset + got)
                if not count:
                    break
                got += count
        except OSError as error:
            raise ReadError(cause_of(error)) from None
        return got

    def read(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from `offset`; raises ReadError."""
        try:
            return os.pread(self.descriptor, length, offset)
        except OSError as error:
            raise ReadError(cause_of(error)) from None

    def head(self) -> bytes:
        """Return the first bytes, as many as a fingerprint takes."""
        return self.read(fingerprint.SPANS[-1], 0)

    def tail(self, position: int) -> bytes:
        """Return the fingerprint of the bytes before `position`."""
        start = fingerprint.tail_start(position)
        data = self.read(position - start, start) if position else b""
        return fingerprint.tail(data) if len(data) == position - start else b""

    def holds(self, head: bytes, tail: bytes, position: int) -> bool:
        """Tell whether the file has this head, and these bytes before `position`."""
        return fingerprint.same_head(head, self.head()) and self.tail(position) == tail

    def extent(self) -> int:
        """Return how many bytes of content there are; a compressed file is read to its end for it. Raises ReadError."""
        return self.stat().size

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self.descriptor)
