"""The simulated loss of power takes back what may be lost, and nothing else."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.torture.crash import CALLS, FILES
from tests.torture.power import CHANGE, Change, lose_power, read_changes, unsynced

if TYPE_CHECKING:
    from pathlib import Path

SYNCED = Change("write", "wal", 0, 0, b"", b"a" * 512)
SYNC = Change("sync", "wal", 0, 0, b"", b"")
OVER = Change("write", "wal", 0, 512, b"a" * 512, b"b" * 512)
BEHIND = Change("write", "wal", 512, 512, b"", b"c" * 1024)


def note(undo: Path, *changes: Change) -> None:
    """Write changes as the library does."""
    with undo.open("ab") as file:
        for one in changes:
            numbers = (CALLS.index(one.call), FILES.index(one.file), one.offset, one.size)
            file.write(CHANGE.pack(*numbers, len(one.before), len(one.after)) + one.before + one.after)


@pytest.mark.parametrize("cut", [1, 30, 50, 551])
def test_what_was_noted_is_read_back(tmp_path: Path, cut: int) -> None:
    """The changes come back as they were noted, but for one that a kill cut off, behind which the next are read."""
    undo = tmp_path / "undo"
    note(undo, SYNCED)
    whole = undo.stat().st_size
    note(undo, SYNCED)
    os.truncate(undo, whole + cut)
    assert read_changes(undo) == [SYNCED]
    note(undo, SYNC, OVER)
    assert read_changes(undo) == [SYNCED, SYNC, OVER]
    assert read_changes(tmp_path / "none") == []


def test_only_what_no_sync_followed_may_be_lost() -> None:
    """A sync keeps all changes of its file before it; a renamed file takes its changes along."""
    assert unsynced([SYNCED, SYNC, OVER, BEHIND]) == {"wal": [OVER, BEHIND]}
    assert unsynced([OVER, SYNC]) == {}
    fresh = Change("write", "new state", 0, 0, b"", b"x")
    renamed = Change("rename", "database", FILES.index("new state"), 0, b"", b"")
    assert unsynced([fresh, renamed])["database"] == [fresh]


def test_synced_bytes_stay_and_each_sector_behind_them_is_old_or_new(tmp_path: Path) -> None:
    """After a loss of power each 512 bytes written since the last sync are as before, or as written, or not there."""
    wal = tmp_path / "state.sqlite-wal"
    seen = set()
    for seed in range(40):
        wal.write_bytes(b"b" * 512 + b"c" * 1024)
        note(tmp_path / "undo", SYNCED, SYNC, OVER, BEHIND)
        lose_power(tmp_path / "state.sqlite", tmp_path / "undo", Random(seed))
        data = wal.read_bytes()
        assert data[:512] in {b"a" * 512, b"b" * 512}
        assert set(data[512:]) <= {0, ord("c")}
        seen.add((data[:1], len(data)))
        assert not (tmp_path / "undo").exists()
    assert seen == {(letter, size) for letter in (b"a", b"b") for size in (512, 1024, 1536)}
