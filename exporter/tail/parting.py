"""How far two open files hold the same bytes, and where a record of one's own begins there. I/O, read-only.

Files that part were the same up to a point, mostly a record's end. What both share was counted in
the original; from the parting on each is a file of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from exporter.records.parse import HEADER, JSON_START, LIMIT, TIME
from exporter.tail import fingerprint

if TYPE_CHECKING:
    from exporter.tail.files import OpenFile

WINDOW: Final = 1 << 16
"""Bytes before a point that are compared there: traces may be alike over more than a fingerprint's 256."""
_TIMES: Final = re.compile(rb'^(?:\[(%b)\] |\{"message":.*"datetime":"(%b)")' % (TIME, TIME), re.MULTILINE)
"""The times of records of either format."""
_NEAR: Final = 256
"""Bytes in which a record's header ends; Monolog's channel has at most 64 here."""


def agree(one: OpenFile, other: OpenFile, length: int) -> bool:
    """Tell whether two files agree at `length` bytes: by their heads, and by the bytes before it. Raises ReadError."""
    start, span = max(0, length - WINDOW), min(length, fingerprint.SPANS[-1])
    if length <= 0 or one.read(span, 0) != other.read(span, 0):
        return False
    before = one.read(length - start, start)
    return len(before) == length - start and before == other.read(length - start, start)


def parting(one: OpenFile, other: OpenFile, end: int) -> int:
    """Return how many of their first `end` bytes, which both files have, they share. Raises ReadError.

    Reads a logarithmic number of windows, whatever the files' sizes. Where two files agree at a
    point, they are taken to agree before it, as everywhere where content identifies.
    """
    if agree(one, other, end):
        return end
    low, high = 0, end
    while high - low > WINDOW:
        middle = (low + high) // 2
        if agree(one, other, middle):
            low = middle
        else:
            high = middle
    return low + in_common(one.read(high - low, low), other.read(high - low, low))


def in_common(one: bytes, other: bytes) -> int:
    """Return how many of their first bytes are the same."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:  # they differ somewhere from `low` on, and before `high`
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def proves_copy(file: OpenFile, shared: int) -> bool:
    """Tell whether the first `shared` bytes, which another file has too, must have been copied. Raises ReadError.

    Records of two different times, or of one finer than a second, are written alike by nobody; those
    of one second may be, by a loop beside a rotation.
    """
    start = max(0, shared - WINDOW)
    data = file.read(min(shared, WINDOW), 0) + b"\n" + file.read(shared - start, start)
    times = {found[1] or found[2] for found in _TIMES.finditer(data)}
    return len(times) > 1 or any(b"." in time for time in times)


def own_part(one: OpenFile, other: OpenFile, shared: int) -> int:
    """Return where reading `one` begins, which shares its first `shared` bytes with `other`. Raises ReadError.

    Two records may begin alike, if only by their time: where the files part inside a record's first
    line, that record is read in both. Where its first line is shared, or a header in the middle of
    the line shows that it was left half written, it is the same record, and counts in the original.
    """
    start = _line_start(one, shared)
    torn = any(_begins_record(file.read(_NEAR, shared)) for file in (one, other))
    return start if not torn and _begins_record(one.read(_NEAR, start)) else shared


def _begins_record(data: bytes) -> bool:
    return HEADER.match(data) is not None or data.startswith(JSON_START)


def _line_start(file: OpenFile, at: int) -> int:
    """Return where the line begins that `at` lies in; `at` itself for one longer than a record may be."""
    lowest = max(0, at - LIMIT)
    end = at
    while end > lowest:
        begin = max(lowest, end - WINDOW)
        found = file.read(end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return at if lowest else 0
