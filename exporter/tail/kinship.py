"""Which file holds whose content: telling new files, copies and continuations apart. I/O, read-only.

Rules (ARCHITECTURE.md, "Rotation cases"): a file that holds a known file's bytes up to its
position continues it, if the known one is gone or was truncated; while the known one is intact
it is a copy, whose bytes count once, in the original. Below 256 bytes content proves nothing.
"""

from __future__ import annotations

import math
from contextlib import suppress
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, Literal

from exporter.tail import fingerprint
from exporter.tail.files import UTF16_MARKS, OpenFile, ReadError, Vanished
from exporter.tail.inflate import InflatedFile
from exporter.tail.neighbours import Unreadable
from exporter.tail.parting import in_common, own_part, parting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from exporter.tail.follow import Tail

Meeting = Literal["all", "part", ""]
COMPRESSED_MARKS: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")
"""How gzip (RFC 1952), zstd (RFC 8878), bzip2 and xz files begin."""


def is_utf16(data: bytes) -> bool:
    """Tell whether a file that begins with `data` has a UTF-16 byte order mark."""
    return data.startswith(UTF16_MARKS)


def is_compressed(data: bytes) -> bool:
    """Tell whether a file that begins with `data` is compressed."""
    return data.startswith(COMPRESSED_MARKS)


def is_no_text(data: bytes) -> bool:
    """Tell whether a file that begins with `data` is none that is read as a log."""
    return is_utf16(data) or is_compressed(data)


def intact(tail: Tail) -> bool:
    """Tell whether the file is open and still holds what was read of it. Raises Unreadable."""
    if tail.file is None:
        return False
    try:
        return tail.intact(tail.file.stat())
    except ReadError:
        raise Unreadable from None


def same_beginning(tail: Tail, data: bytes, tails: Iterable[Tail]) -> bool:
    """Tell whether another file of the same log begins with `data`, all that `tail` holds yet."""
    return any(
        other is not tail and other.log == tail.log and not other.fresh and other.head and _begins(other, data)
        for other in tails
    )


def _begins(known: Tail, data: bytes) -> bool:
    if known.file is not None:
        with suppress(ReadError):  # then the hashes say what they can
            return known.file.read(len(data), 0) == data
    return fingerprint.agrees(known.head, data)


def relatives(tail: Tail, data: bytes, tails: Iterable[Tail]) -> list[Tail]:
    """Return the known files that begin like `tail`, of which `data` is all or the head; furthest read first.

    One that is open may have been told from others, and not be read yet.
    """
    mine = fingerprint.beginning(data)
    known = [
        other
        for other in (tails if mine else ())
        if other.head.startswith(mine)
        and other is not tail
        and not other.fresh
        and (other.position >= fingerprint.CERTAIN or other.file is not None)
        and other.state != "copy"
    ]
    return sorted(known, key=lambda other: other.position, reverse=True)


def closest(tail: Tail, data: bytes, known: list[Tail]) -> Iterator[Tail]:
    """Yield files that begin like `tail` by how many of its bytes they hold: it parts last from its own original.

    `data` is its head. One that cannot be read comes first, since it may be that, unless its head shows that another
    holds more. Raises ReadError for `tail` itself.
    """
    if len(known) < 2:  # noqa: PLR2004  (nothing to order)
        yield from known
        return
    mine = fingerprint.head(data)
    # Hundreds may begin alike, so they are compared only as far as it takes to know which comes next.
    waiting = [(_most(data, mine, one), number, one) for number, one in enumerate(known)]
    waiting.sort(key=lambda one: one[0], reverse=True)
    compared: list[tuple[float, int, Tail]] = []
    for most, number, one in waiting:
        while compared and -compared[0][0] > most:
            yield heappop(compared)[2]
        heappush(compared, (-_shared(tail, one), number, one))
    while compared:
        yield heappop(compared)[2]


def _most(data: bytes, mine: bytes, known: Tail) -> float:
    """Return how many bytes of a file with the head `mine`, which begins with `data`, a known one can hold at most."""
    most = fingerprint.parts_before(known.head, mine)
    if known.file is not None and most < math.inf:
        with suppress(ReadError):  # the hashes say what they can
            return in_common(data, known.file.head())
    return most


def _shared(tail: Tail, known: Tail) -> float:
    try:
        if tail.file is not None and known.file is not None and intact(known):
            return parting(tail.file, known.file, min(tail.file.stat().size, known.file.stat().size))
        if holds(tail, known):
            return known.position
        return extent(tail) if tail.file is not None and early_copy(tail.file, known) else 0
    except Unreadable:
        return math.inf


def common_length(tail: Tail, original: Tail) -> int | None:
    """Return up to where the bytes of `tail` are those of an intact `original`, where its own begin.

    None where they share too little to prove it, which is so too where they part inside the first record
    of both, or where the original is not open and intact. Raises Unreadable where the original, and
    ReadError where the file itself cannot be read.
    """
    if tail.file is None or original.file is None or not intact(original):
        return None
    mine, theirs = tail.file.stat().size, original.file.stat().size
    length = min(mine, theirs)
    shared = parting(tail.file, original.file, length)
    if shared < fingerprint.CERTAIN:
        return None
    return shared if shared == length else own_part(tail.file, original.file, shared) or None


def holds(tail: Tail, lost: Tail) -> bool:
    """Tell whether the open file holds the bytes of `lost` up to its position."""
    return tail.file is not None and tail.file.holds(lost.head, lost.tail, lost.position)


def reopen(known: Tail) -> None:
    """Open a file that was closed for its idleness, to compare with it, if it is where and what it was.

    Raises Unreadable where that cannot be told at present.
    """
    file = None
    try:
        file = OpenFile(known.path)
        stat = file.stat()
        if (stat.device, stat.inode) == known.key and file.holds(known.head, known.tail, known.position):
            known.file, file = file, None
    except Vanished:
        pass
    except ReadError:
        raise Unreadable from None
    finally:
        if file is not None:
            file.close()


def goes_on_with_another(file: OpenFile, key: tuple[int, int], lost: Tail, tails: Iterable[Tail]) -> bool:
    """Tell whether an open file with this key holds what was read of another that is not open, and of which more was.

    Two files that parted may both be gone: what is left is the heir of the one that it shares most with.
    Raises ReadError.
    """
    return any(
        other is not lost
        and other.file is None
        and other.key != key
        and other.state != "copy"
        and other.position > lost.position
        and other.certain
        and fingerprint.parts_before(other.head, lost.head) > fingerprint.CERTAIN
        and file.holds(other.head, other.tail, other.position)
        for other in tails
    )


def find_heir(lost: Tail, tails: Sequence[Tail]) -> Tail | None:
    """Find the known file, not read yet, that holds the content of `lost` up to its position, and most of all.

    Raises Unreadable where none is found, and one cannot be read at present.
    """
    failed = False
    best: Tail | None = None
    for other in tails if lost.certain else ():
        if other is not lost and other.file is not None and (other.fresh or other.state == "copy"):
            try:
                more = lost.found_in(other.file) and (best is None or extent(other) > extent(best))
                if more and not goes_on_with_another(other.file, other.key, lost, tails):
                    best = other
            except ReadError:
                failed = True
    if best is None and failed:
        raise Unreadable
    return best


def counted(lost: Tail, tails: Iterable[Tail]) -> Tail | None:
    """Find the known file that holds all of content of which nothing was read, and counts in its own right."""
    if lost.position or not lost.certain:
        return None
    for other in tails:
        with suppress(ReadError):  # what cannot be read is not known to hold it
            own = other is not lost and other.position >= fingerprint.CERTAIN and other.state != "copy"
            if own and holds(other, lost) and extent(other) >= lost.size:
                return other
    return None


def extent(tail: Tail) -> int:
    """Return how many bytes of content an open file has, however far it is read; 0 for another. Raises ReadError."""
    return 0 if tail.file is None else tail.file.extent()


def met(file: OpenFile, tails: Iterable[Tail]) -> Meeting:
    """Tell what an open file, which content can tell from others', has of what was read before. Raises ReadError.

    "all" of what was read of a known file, or all that it has is the beginning of one that is open;
    "part" where it is taken for an early copy of one that is not; "" where it is new.
    """
    data = file.head()
    mine = fingerprint.beginning(data)
    known = [one for one in tails if one.head.startswith(mine)] if mine else []
    if any((one.position and file.holds(one.head, one.tail, one.position)) or _begins_open(file, one) for one in known):
        return "all"
    return "part" if any(early_copy(file, one) for one in known) else ""


def _begins_open(file: OpenFile, known: Tail) -> bool:
    """Tell whether all that a file has is the beginning of a known one that is open and intact."""
    if known.file is None or not intact(known) or file.read(1, known.position):
        return False
    size = file.extent()
    return size <= known.file.stat().size and parting(file, known.file, size) == size


def early_copy(file: OpenFile, released: Tail) -> bool:
    """Tell whether a file that begins like what is gone from where it was read is taken for an early copy of it.

    A shorter one can be compared at its head only. What was copied early was written before the
    other grew last; what only begins alike, as one day's log like another's, was written after. A
    compressed file is older than its time says while it is being made. Raises Unreadable and ReadError.
    """
    if not released.position or intact(released) or not fingerprint.agrees(released.head, file.head()):
        return False
    if file.read(1, released.position - 1):
        return False
    return file.stat().modified <= released.grown or (isinstance(file, InflatedFile) and not file.complete)


def begins_like(file: OpenFile, tails: Iterable[Tail]) -> bool:
    """Tell whether a file of which nothing was read yet begins as this one does. Raises ReadError for this one."""
    data = file.head()
    for other in tails:
        with suppress(ReadError):  # what cannot be read is not known to begin so
            head = other.file.head() if other.fresh and other.file is not None else b""
            if head and (head.startswith(data) or data.startswith(head)):
                return True
    return False


def copies(file: OpenFile, path: str) -> bool:
    """Tell whether an open file is, or may become, a copy of what is at `path`, by its beginning. Raises ReadError."""
    data = file.head()
    try:
        there = OpenFile(path)
    except (ReadError, Vanished):
        return not data
    try:
        head = there.head()
    finally:
        there.close()
    return not data or (head != b"" and (data.startswith(head) or head.startswith(data)))
