"""Copies beside and inside the glob, followed through the whole daemon: their bytes count once."""

from __future__ import annotations

import gzip
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path


def test_copy_that_grows_along(wide: Stepper, logs: Path) -> None:
    """A copy that is brought up to date with its original adds nothing."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    append(log, records(0, 10))
    wide.settle()
    for number in range(10, 30, 5):
        shutil.copyfile(log, copy)
        wide.settle()
        append(log, records(number, number + 5))
        wide.settle()
    assert wide.created() == 30
    assert wide.states() == {"laravel.log": "active", "laravel-copy": "copy"}
    wide.crash()
    wide.settle()
    shutil.copyfile(log, copy)
    wide.settle()
    assert (wide.created(), wide.losses(), wide.rotations()) == (30, {}, {})
    assert wide.states() == {"laravel.log": "active", "laravel-copy": "copy"}


def test_copy_that_diverges(wide: Stepper, logs: Path) -> None:
    """What is written to a copy alone is counted from where it left its original."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    append(log, records(0, 10))
    wide.settle()
    shutil.copyfile(log, copy)
    wide.settle()
    append(copy, records(100, 105))
    append(log, records(10, 12))
    wide.settle()
    assert wide.created() == 17
    assert "unparsed_lines_total{app}" not in wide.counters()


def test_longer_copy(wide: Stepper, logs: Path) -> None:
    """A copy that is seen first when it has grown beyond its original is read from the original's end."""
    append(logs / "laravel.log", records(0, 10))
    wide.settle()
    append(logs / "laravel-copy", records(0, 16))
    wide.settle()
    assert wide.created() == 16


@pytest.mark.parametrize("idle", [0.0, 3 * 86400.0], ids=["live", "idle"])
def test_copy_in_the_making(wide: Stepper, logs: Path, idle: float) -> None:
    """A copy that is seen while it is being made, from its first bytes on, adds nothing."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    data = records(0, 80)
    append(log, data)
    wide.settle()
    wide.step(idle)
    for begin in range(0, len(data), 150):
        append(copy, data[begin : begin + 150])
        wide.step(0.2)
    wide.settle()
    assert wide.created() == 80
    assert wide.states()["laravel-copy"] == "copy"


def test_copy_used_for_something_else(wide: Stepper, logs: Path) -> None:
    """A copy that is written anew is read from its beginning; nothing was lost with it."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    append(log, records(0, 30))
    wide.settle()
    shutil.copyfile(log, copy)
    wide.settle()
    copy.write_bytes(records(100, 110))
    wide.settle()
    assert wide.created() == 40
    assert (wide.losses(), wide.rotations()) == ({}, {})


def test_copy_used_for_something_else_while_off(wide: Stepper, logs: Path) -> None:
    """The same holds when it happens while the daemon is off."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    append(log, records(0, 30))
    wide.settle()
    shutil.copyfile(log, copy)
    wide.settle()
    wide.stop()
    copy.write_bytes(records(100, 110))
    wide.start()
    wide.settle()
    assert wide.created() == 40
    assert (wide.losses(), wide.rotations()) == ({}, {})


def test_copy_goes_on_when_its_original_is_truncated(wide: Stepper, logs: Path) -> None:
    """A copy that was known before the truncation is read on from the original's position."""
    log, copy = logs / "laravel.log", logs / "laravel.log-20251009"
    append(log, records(0, 10))
    wide.settle()
    shutil.copyfile(log, copy)
    wide.step(0.2)
    wide.store.failing = True
    append(log, record(10))
    wide.step(0.2)
    append(log, records(11, 20))
    shutil.copyfile(log, copy)
    os.truncate(log, 0)
    wide.store.failing = False
    wide.settle()
    append(log, records(20, 25))
    wide.settle()
    assert wide.created() == 25
    assert wide.losses() == {}
    assert wide.states() == {"laravel.log": "active", "laravel.log-20251009": "active"}


def test_copies_that_go(wide: Stepper, logs: Path) -> None:
    """A copy that is deleted leaves nothing behind, one that is moved out of the glob is known; neither is a loss."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    wide.settle()
    shutil.copyfile(log, logs / "laravel-a")
    shutil.copyfile(log, logs / "laravel-b")
    wide.settle()
    (logs / "laravel-a").unlink()
    (logs / "laravel-b").rename(logs / "b")
    wide.settle()
    wide.step(700)
    assert sorted(wide.states().values()) == ["active", "copy"]
    wide.crash()
    wide.settle()
    assert wide.states() == {"laravel.log": "active", "b": "copy"}
    assert (wide.created(), wide.losses(), wide.rotations()) == (10, {}, {})
    append(logs / "b", records(10, 12))
    wide.settle()
    assert (wide.created(), wide.losses()) == (12, {})


def test_two_small_files_with_the_same_bytes(wide: Stepper, logs: Path) -> None:
    """Under 256 bytes content proves nothing: both files count, the second after a second of patience."""
    append(logs / "laravel-a", record(1))
    wide.settle()
    append(logs / "laravel-b", record(1))
    wide.step(0.2)
    assert wide.created() == 1
    wide.settle()
    assert wide.created() == 2


def test_small_files_before_the_first_exposition(wide: Stepper, logs: Path) -> None:
    """History is complete before anything is exposed, that of a small file that waits to be told apart too (G3)."""
    append(logs / "laravel-a", record(1))
    append(logs / "laravel-b", record(1))
    shown = []
    for _ in range(12):
        wide.step(0.2)
        if wide.exposed():
            shown.append(wide.created())
    assert set(shown) == {2.0}


def test_two_identical_files_that_diverge_later(wide: Stepper, logs: Path) -> None:
    """Of two identical files one counts; what they hold differently counts in each."""
    append(logs / "laravel-a", records(0, 10))
    append(logs / "laravel-b", records(0, 10))
    wide.settle()
    assert wide.created() == 10
    append(logs / "laravel-a", records(10, 13))
    append(logs / "laravel-b", records(20, 24))
    wide.settle()
    assert wide.created() == 17


def test_gzip_inside_the_glob(wide: Stepper, logs: Path) -> None:
    """Compressed files in the glob are not read: what they hold was counted, or is history."""
    append(logs / "laravel.log", records(0, 10))
    wide.settle()
    (logs / "laravel.log.2.gz").write_bytes(gzip.compress(records(100, 140)))
    (logs / "laravel.log.3.gz").write_bytes(gzip.compress(records(0, 10)))
    wide.settle()
    assert wide.created() == 10
    assert wide.health().logs["app"].files["compressed"] == 2
    (logs / "laravel.log.2.gz").write_bytes(record(200))
    (logs / "laravel.log.3.gz").unlink()
    wide.settle()
    assert wide.created() == 11
    assert wide.losses() == {}


@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
def test_compressed_away_while_off(tmp_path: Path, logs: Path, glob: str) -> None:
    """A file that was renamed and compressed while the daemon was off is read on in the compressed file."""
    log = logs / "laravel.log"
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        append(log, records(0, 10))
        daemon.settle()
        daemon.stop()
        append(log, records(10, 2000, pad=500))
        (logs / "laravel.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
        append(log, records(2000, 2005))
        daemon.start()
        daemon.step()
        daemon.crash()
        daemon.settle()
        assert daemon.created() == 2005
        rotations = daemon.rotations()
        assert sum(rotations.values()) == 1  # as truncated, where the new file got the old one's inode
        assert daemon.losses() == {}
        daemon.crash()
        daemon.settle()
        assert (daemon.created(), daemon.rotations()) == (2005, rotations)
        assert daemon.states()["laravel.log"] == "active"


def test_longer_copy_that_was_compressed_before_it_was_seen(wide: Stepper, logs: Path) -> None:
    """What a copy holds beyond its original is read, though it is found compressed, beside a held original."""
    log, packed = logs / "laravel.log", logs / "laravel.log.1.gz"
    append(log, records(0, 10))
    wide.settle()
    log.unlink()
    packed.write_bytes(gzip.compress(records(0, 14)))
    wide.settle()
    assert (wide.created(), wide.losses()) == (14, {})
    assert wide.states()["laravel.log.1.gz"] == "compressed"


def test_half_written_gzip(daemon: Stepper, logs: Path) -> None:
    """A compressed copy that is still being written is read as far as it is, and on when it has grown."""
    log, packed = logs / "laravel.log", logs / "laravel.log.1.gz"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    append(log, b"".join(record(number, pad=number * 7 % 300) for number in range(10, 400)))
    whole = gzip.compress(log.read_bytes())
    packed.write_bytes(whole[: len(whole) // 2])
    log.unlink()
    daemon.start()
    daemon.settle()
    assert 10 < daemon.created() < 400
    append(packed, whole[len(whole) // 2 :])
    daemon.settle()
    assert daemon.created() == 400
    assert daemon.losses() == {}


@pytest.mark.parametrize("finished", [False, True], ids=["put aside", "read to its end"])
@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
def test_inode_of_a_compressed_file_used_again(tmp_path: Path, logs: Path, glob: str, *, finished: bool) -> None:
    """A log on the inode of a compressed file that is gone is read from its beginning."""
    log, packed = logs / "laravel.log", logs / "laravel.log.1.gz"
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        append(log, records(0, 10))
        daemon.settle()
        if finished:
            daemon.stop()
            packed.write_bytes(gzip.compress(log.read_bytes()))
            log.unlink()
            daemon.start()
        else:
            packed.write_bytes(gzip.compress(records(100, 110)))
        daemon.settle()
        packed.write_bytes(records(10, 40))
        packed.rename(logs / "laravel-new.log")
        daemon.settle()
        assert (daemon.created(), daemon.losses()) == (40, {})
        assert daemon.states()["laravel-new.log"] == "active"


def test_copy_out_of_sight_that_grows_after_a_restart(tmp_path: Path) -> None:
    """What a worker writes to a copy in the folder of an earlier release is counted over a restart, too."""
    current = tmp_path / "current"
    for release in "12":
        (tmp_path / release).mkdir()
    current.symlink_to("1")
    with Stepper.following(tmp_path, f"{current}/laravel*.log") as daemon:
        append(tmp_path / "1" / "laravel.log", records(0, 10))
        daemon.settle()
        append(tmp_path / "1" / "laravel-1.log", records(0, 10))
        daemon.settle()
        current.unlink()
        current.symlink_to("2")
        daemon.settle()
        daemon.crash()
        daemon.settle()
        append(tmp_path / "1" / "laravel-1.log", records(10, 12))
        daemon.settle()
        assert (daemon.created(), daemon.losses()) == (12, {})
