"""A file's identity is its content: hashes of its head and of the bytes before a position. Pure.

Device and inode only order the candidates: inodes are reused, and device numbers change over
reboots. Where the head holds fewer than 256 bytes too many files look alike (every Laravel log
begins with a bracketed time), so there only the inode identifies.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final

SPANS: Final = (64, 256, 1024, 4096)
"""The head's hashed lengths in bytes; a head holds one hash for each that the file has reached."""
TAIL: Final = 256
"""How many bytes before a position are hashed."""
CERTAIN: Final = 256
"""From this position on, head and tail identify a file by themselves."""
_SIZE: Final = 8


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SIZE).digest()


def head(data: bytes) -> bytes:
    """Return the head's hashes for a file that begins with `data` (its first 4096 bytes, or all it has)."""
    return b"".join(_hash(data[:span]) for span in SPANS if len(data) >= span)


def head_span(hashes: bytes) -> int:
    """Return how many bytes of the file `hashes` covers; 0 where there are none."""
    count = len(hashes) // _SIZE
    return SPANS[count - 1] if count else 0


def same_head(known: bytes, data: bytes) -> bool:
    """Tell whether a file that begins with `data` has all the head that `known` describes."""
    span = head_span(known)
    return len(data) >= span and (not span or _hash(data[:span]) == known[-_SIZE:])  # the longest covers the others


def agrees(known: bytes, data: bytes) -> bool:
    """Tell whether a file that begins with `data` agrees with the head `known` as far as both reach."""
    if len(data) >= head_span(known):
        return same_head(known, data)
    return known.startswith(head(data))


def beginning(data: bytes) -> bytes:
    """Return how the head of each file begins that begins like `data`, as far as identifies; empty for too few bytes.

    Files that begin alike may part behind it.
    """
    return head(data[:CERTAIN]) if len(data) >= CERTAIN else b""


def parts_before(known: bytes, mine: bytes) -> float:
    """Return a length below which two files with these heads part; infinity where the heads show none."""
    for at, span in enumerate(SPANS, 1):
        if min(len(known), len(mine)) < at * _SIZE:
            break
        if known[: at * _SIZE] != mine[: at * _SIZE]:
            return span
    return math.inf


def tail(data: bytes) -> bytes:
    """Return the hash of `data`, the up to 256 bytes before a position; empty for no bytes."""
    return _hash(data) if data else b""


def tail_start(position: int) -> int:
    """Return where the bytes begin that `tail` takes for `position`."""
    return max(0, position - TAIL)
