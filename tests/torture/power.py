"""Power loss: takes back what a dead daemon wrote to its state and had not synced.

The crash library notes each change of content with the bytes before and after. Of those that no
fsync of their file followed, any may be missing after a power loss, in whole or in parts of 512
bytes. Names (created, renamed, removed) are taken to be kept, in their order.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from tests.torture.crash import CALLS, FILES

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

CHANGE = struct.Struct("=IIQQQQ")
"""`struct change` of crash.c."""
_SECTOR = 512
_PATHS = {"database": "", "wal": "-wal", "journal": "-journal"}
"""The suffixes of what is taken back. SQLite makes -shm anew after a reboot; a state being built is not in use yet."""


class Change(NamedTuple):
    """One noted call: where it wrote, how long the file was, and the bytes before and after."""

    call: str
    file: str
    offset: int
    size: int
    before: bytes
    after: bytes


def read_changes(undo: Path) -> list[Change]:
    """Read what the library noted since the last loss of power, over all lives.

    A last note that a kill cut off is removed from the file, since the next life appends to it; what
    it announced did not happen.
    """
    if not undo.exists():
        return []
    data = undo.read_bytes()
    changes = []
    at = 0
    while at + CHANGE.size <= len(data):
        call, file, offset, size, before, after = CHANGE.unpack_from(data, at)
        begin, middle, end = at + CHANGE.size, at + CHANGE.size + before, at + CHANGE.size + before + after
        if end > len(data):
            break
        changes.append(Change(CALLS[call], FILES[file], offset, size, data[begin:middle], data[middle:end]))
        at = end
    os.truncate(undo, at)
    return changes


def unsynced(changes: list[Change]) -> dict[str, list[Change]]:
    """Return per file the changes that no sync followed, in their order."""
    waiting: dict[str, list[Change]] = {}
    for change in changes:
        if change.call in {"sync", "unlink"}:
            waiting.pop(change.file, None)
        elif change.call == "rename":
            waiting[change.file] = waiting.pop(FILES[change.offset], [])
        else:
            waiting.setdefault(change.file, []).append(change)
    return waiting


def lose_power(state: Path, undo: Path, rng: Random) -> int:
    """Take back a random choice of what was not synced; return how many changes were hit."""
    hit = 0
    for file, changes in unsynced(read_changes(undo)).items():
        if file not in _PATHS or not changes:
            continue
        path = state.with_name(state.name + _PATHS[file])
        if path.exists():
            hit += _take_back(path, changes, rng)
    shm = state.with_name(state.name + "-shm")
    if shm.exists():
        shm.write_bytes(rng.randbytes(shm.stat().st_size))
    undo.unlink(missing_ok=True)
    return hit


def _take_back(path: Path, changes: list[Change], rng: Random) -> int:
    hit = 0
    kept = rng.choice((0.0, 0.5, 0.9))
    descriptor = os.open(path, os.O_RDWR)
    try:
        for change in reversed(changes):
            os.pwrite(descriptor, change.before, change.offset)
            os.ftruncate(descriptor, change.size)
        for change in changes:
            if change.call == "truncate":
                if rng.random() < kept:
                    os.ftruncate(descriptor, change.offset)
                    continue
            else:
                parts = range(0, len(change.after), _SECTOR)
                left = [at for at in parts if rng.random() < kept]
                for at in left:
                    os.pwrite(descriptor, change.after[at : at + _SECTOR], change.offset + at)
                if len(left) == len(parts):
                    continue
            hit += 1
    finally:
        os.close(descriptor)
    return hit
