"""What the bytes of a log file tell: whether it is a log, and whether its times fit the time zone; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.records.parse import HEADER, parse
from exporter.tail.files import UTF16_MARKS

if TYPE_CHECKING:
    from exporter.records.parse import Record
    from exporter.records.time import Times

_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
"""The first bytes of gzip, bzip2, xz, zstd and zip."""

_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_BINARY_SHARE = 0.05

_STEP = 1800.0
_TOLERANCE = 60.0
_LARGEST_OFFSET = 14 * 3600.0
"""Beyond it no two time zones can be the reason."""


def compressed(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is compressed."""
    return head.startswith(_COMPRESSED)


def unreadable(head: bytes) -> str | None:
    """Return what is wrong with the file that begins with `head`, and the remedy; None if it may be a log.

    UTF-16 is recognised by its mark or by its zeros. NULs at the beginning are what copytruncate leaves.
    """
    if head.startswith(UTF16_MARKS) or _zeros_alternate(head):
        return "is UTF-16, which is refused; let the app write UTF-8"
    text = head.lstrip(b"\0")
    if len(_BINARY.findall(text)) > _BINARY_SHARE * len(text):
        return "is binary, not text; narrow the glob"
    return None


def _zeros_alternate(head: bytes) -> bool:
    even, odd = head[0:64:2], head[1:64:2]
    return len(odd) > 1 and (_all_zero(even) != _all_zero(odd))


def _all_zero(data: bytes) -> bool:
    return not data.strip(b"\0")


def has_record(head: bytes) -> bool:
    """Tell whether a record begins in one of the lines of `head`."""
    return any(parse(line) is not None for line in head.splitlines(keepends=True))


def newest_record(tail: bytes) -> Record | None:
    """Return the last record that begins at a line's beginning in `tail`, None if there is none."""
    for line in reversed(tail.splitlines(keepends=True)):
        record = parse(line)
        if record is not None:
            return record
    return None


def clock_offset(record: Record, modified: float, times: Times) -> float | None:
    """Return by how many seconds the file's newest record is dated after its last change, if that tells of a zone.

    That is a whole number of half hours other than none, and one that two time zones can be
    apart. None else: then the times fit, or the file was copied, or was last written by hand.
    `modified` is the time of the change (Unix seconds).
    """
    if HEADER.match(record.raw) is None:
        return None  # JSON records carry their offset
    time = times.resolve(record.time_text, near=modified)
    if time is None:
        return None
    offset = time - modified
    whole = round(offset / _STEP) * _STEP
    if not whole or abs(whole) > _LARGEST_OFFSET or abs(offset - whole) > _TOLERANCE:
        return None
    return whole
