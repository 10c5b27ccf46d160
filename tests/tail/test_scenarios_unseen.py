"""Content that came and was rotated away before the daemon ever read it: read from where it is now."""

from __future__ import annotations

import gzip
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import Store
from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path


def copytruncate(log: Path, daemon: Stepper) -> None:
    """Rotate as logrotate's copytruncate does, a second later."""
    daemon.advance(1)
    first, second = log.with_name("laravel.log.1"), log.with_name("laravel.log.2")
    if first.exists():
        first.rename(second)
    shutil.copyfile(log, first)
    os.truncate(log, 0)
    for path in (first, log, log.parent):
        os.utime(path, (daemon.now, daemon.now))


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_truncated_twice_between_two_looks(daemon: Stepper, logs: Path, *, off: bool) -> None:
    """Of two copies made between two looks both are read: the rest of the first, all of the second."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    if off:
        daemon.stop()
    append(log, records(10, 20))
    copytruncate(log, daemon)
    append(log, records(20, 30))
    copytruncate(log, daemon)
    append(log, records(30, 40))
    if off:
        daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (40, {})
    daemon.crash()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (40, {})


def test_truncated_before_the_first_look(daemon: Stepper, logs: Path) -> None:
    """A file that was known but not read yet when its content was copied and truncated is read in the copy."""
    log = logs / "laravel.log"
    append(log, b"")
    daemon.settle()
    daemon.stop()
    append(log, records(0, 10))
    copytruncate(log, daemon)
    append(log, records(10, 20))
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (20, {})


def test_truncated_before_the_successor_was_seen(daemon: Stepper, logs: Path) -> None:
    """What came after a rename and was copied and truncated, all while the daemon was off, is read in the copies."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    log.rename(logs / "laravel.log.0")
    daemon.settle()
    daemon.stop()
    for first in (10, 20):
        append(log, records(first, first + 10))
        copytruncate(log, daemon)
    append(log, records(30, 40))
    daemon.advance(10)
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (40, {})


def test_truncated_and_then_renamed_while_off(daemon: Stepper, logs: Path) -> None:
    """The known content goes on in its copy, the file that held it since is read under its new name."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    append(log, records(10, 20))
    copytruncate(log, daemon)
    append(log, records(20, 30))
    (logs / "laravel.log.1").rename(logs / "laravel.log.2")
    os.utime(log, (daemon.now, daemon.now))
    log.rename(logs / "laravel.log.1")
    append(log, records(30, 40))
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (40, {})


def test_copy_in_the_making_after_a_truncation(daemon: Stepper, logs: Path) -> None:
    """While a rotation follows another at once, the copy that is being made is not read beside its original."""
    log, copy = logs / "laravel.log", logs / "laravel.log.1"
    append(log, records(0, 10))
    daemon.settle()
    append(log, records(10, 20))
    copytruncate(log, daemon)
    append(log, records(20, 40))
    copy.rename(logs / "laravel.log.2")
    data = log.read_bytes()
    copy.write_bytes(data[: len(data) // 2])
    daemon.step()
    copy.write_bytes(data)
    daemon.settle()
    os.truncate(log, 0)
    append(log, records(40, 50))
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (50, {})


def test_inode_of_a_deleted_file_used_again(daemon: Stepper, logs: Path) -> None:
    """A new file on the inode of one that was read to its end and deleted is read, and there is no loss."""
    log, other = logs / "laravel.log", logs / "laravel-other.log"
    append(log, records(0, 10))
    daemon.settle()
    log.unlink()
    daemon.settle()
    daemon.stop()
    append(other, records(10, 13))
    with Store.open(daemon.path, now=daemon.now, mountinfo="") as store:
        store._connection.execute("UPDATE files SET inode = ? WHERE state = 'unlinked'", (other.stat().st_ino,))
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (13, {})


@pytest.mark.parametrize(
    ("state", "losses"), [("unlinked", {}), ("rotated", {"possible_losses_total{app,deleted}": 1})]
)
def test_copy_on_the_inode_of_a_file_that_is_gone(
    daemon: Stepper, logs: Path, state: str, losses: dict[str, float]
) -> None:
    """A copy that got the inode of a rotated file removed before is found: logrotate removes, then copies."""
    log, old, copy = logs / "laravel.log", logs / "laravel.log.9", logs / "laravel.log.1"
    append(log, records(500, 510))
    daemon.settle()
    log.rename(old)
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    old.unlink()
    append(log, records(10, 20))
    copytruncate(log, daemon)
    append(log, records(20, 30))
    with Store.open(daemon.path, now=daemon.now, mountinfo="") as store:
        store._connection.execute(
            "UPDATE files SET inode = ?, state = ? WHERE state = 'rotated'", (copy.stat().st_ino, state)
        )
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (40, losses)


def test_copied_and_truncated_while_the_file_stays_empty(tmp_path: Path, logs: Path) -> None:
    """What was written and copied away after a truncation is read at the next look, not when the log grows again."""
    log = logs / "laravel.log"
    with Stepper.following(tmp_path, f"{logs}/laravel*.log") as daemon:
        append(log, records(0, 10))
        daemon.settle()
        copytruncate(log, daemon)
        daemon.settle()
        append(log, records(10, 20))
        copytruncate(log, daemon)
        daemon.settle()
        assert (daemon.created(), daemon.losses()) == (20, {})


def test_copy_with_more_while_the_original_grows_too(daemon: Stepper, logs: Path) -> None:
    """A copy that replaced its original shares what was read before both went on, though both did between two looks."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    with log.open("ab") as worker:
        shutil.copyfile(log, logs / "new")
        append(logs / "new", records(10, 13))
        (logs / "new").replace(log)
        worker.write(records(20, 22))
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (15, {})


def test_copy_that_ends_inside_a_record(wide: Stepper, logs: Path) -> None:
    """Of two files of which one is the beginning of the other, the longer goes on with the record open in both."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    append(copy, records(0, 10) + record(10)[:10])
    wide.settle()
    append(log, records(0, 11))
    wide.settle()
    assert wide.states() == {"laravel.log": "active", "laravel-copy": "copy"}
    append(log, record(11))
    append(copy, b"\n" + records(20, 22))
    wide.settle()
    assert (wide.created(), wide.losses(), wide.rotations()) == (14, {}, {})


@pytest.mark.parametrize("shared", [9, 3000], ids=["small", "large"])
def test_copy_with_more_before_anything_was_read(daemon: Stepper, logs: Path, shared: int) -> None:
    """What a file shares with the copy that replaced it counts once, where both grew before the first look."""
    log = logs / "laravel.log"
    append(log, records(0, shared))
    with log.open("ab") as worker:
        daemon.refresh()  # the file is known and held, and nothing of it read
        shutil.copyfile(log, logs / "new")
        append(logs / "new", records(5000, 5003))
        (logs / "new").replace(log)
        worker.write(records(6000, 6002))
    daemon.settle()
    assert (daemon.created(), daemon.counters().get("unparsed_lines_total{app}"), daemon.losses()) == (
        shared + 5,
        None,
        {},
    )


def test_rotated_while_off_for_days(daemon: Stepper, logs: Path) -> None:
    """The rest of a file that was rotated is read, however long ago the daemon last saw it grow."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    append(log, records(10, 20))
    log.rename(logs / "laravel.log.1")
    daemon.advance(3 * 86400)
    append(log, records(20, 30))
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_old_file_that_a_worker_still_writes_to(daemon: Stepper, logs: Path, *, off: bool) -> None:
    """A file that was rotated before the first start is never counted from its beginning, only what it grows by."""
    log, old = logs / "laravel.log", logs / "laravel.log.1"
    append(old, records(500, 550))
    append(log, records(0, 10))
    daemon.settle()
    if off:
        daemon.stop()
    append(old, records(10, 12))
    old.rename(logs / "laravel.log.2")
    log.rename(old)
    append(log, records(12, 20))
    if off:
        daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (20, {})


@pytest.mark.parametrize("rotated", [False, True], ids=["truncated", "renamed"])
@pytest.mark.parametrize("dated", [False, True], ids=["there", "under another name"])
def test_new_content_before_a_deployment_while_off(tmp_path: Path, *, rotated: bool, dated: bool) -> None:
    """What came to a log's place is read in its folder, though `current` leads to another release by the next look."""
    current, log = tmp_path / "current", tmp_path / "1" / "laravel.log"
    for release in "12":
        (tmp_path / release).mkdir()
    current.symlink_to("1")
    with Stepper.following(tmp_path, f"{current}/laravel*.log") as daemon:
        append(log, records(0, 10))
        daemon.settle()
        daemon.stop()
        if rotated:
            log.rename(log.with_name("laravel.log.1"))
        else:
            os.truncate(log, 0)
        append(log, records(10, 20))
        if dated:
            log.rename(log.with_name("laravel-1.log"))
        elif not rotated:
            os.utime(log.parent, (0, 0))  # no name changed there
        current.unlink()
        current.symlink_to("2")
        append(tmp_path / "2" / "laravel.log", records(20, 30))
        daemon.start()
        daemon.settle()
        assert daemon.created() == 30


def test_copy_of_a_file_that_is_not_read_yet(daemon: Stepper, logs: Path) -> None:
    """A copy beside a log that is met for the first time keeps no file from being read."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    shutil.copyfile(log, logs / "laravel.log.1")
    log.rename(logs / "laravel-1.log")
    append(log, records(10, 15))
    daemon.settle()
    assert daemon.created() == 15


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_copied_truncated_and_compressed_before_the_first_look(tmp_path: Path, logs: Path, *, off: bool) -> None:
    """What came after a known log was deleted, and was copied, truncated and compressed at once, is read."""
    log, archive = logs / "laravel.log", tmp_path / "archive"
    archive.mkdir()
    with Stepper.following(tmp_path, f"{logs}/laravel*.log", rotated=(f"{archive}/*",)) as daemon:
        append(log, records(0, 10))
        daemon.settle()
        if off:
            daemon.crash()
        log.unlink()
        append(log, records(10, 14))
        (archive / "laravel.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        os.truncate(log, 0)
        daemon.settle()
        assert daemon.created() == 14


def test_compressed_copy_found_again(daemon: Stepper, logs: Path) -> None:
    """A compressed copy that was read to its end is not read again at the next rotation, nor is a plain one of it."""
    log, packed = logs / "laravel.log", logs / "laravel.log.1.gz"
    append(log, b"")
    daemon.step()
    packed.write_bytes(gzip.compress(records(0, 10)))
    for path in (packed, log, logs):
        os.utime(path, (daemon.now + 1, daemon.now + 1))
    daemon.settle()
    assert daemon.created() == 10
    (logs / "laravel.log.2").write_bytes(records(0, 10))
    for path in (log, logs, logs / "laravel.log.2"):
        os.utime(path, (daemon.now, daemon.now))
    append(log, records(10, 15))
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (15, {})


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_compressed_file_whose_original_was_released(daemon: Stepper, logs: Path, *, off: bool) -> None:
    """What was compressed is known by its content, whatever the times of files and clocks say."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    log.rename(logs / "laravel.log.1")
    append(log, records(10, 20))
    daemon.step()
    (logs / "laravel.log.1.gz").write_bytes(gzip.compress(records(0, 10)))
    (logs / "laravel.log.1").unlink()
    daemon.settle()
    daemon.step(700)  # the descriptor is released
    daemon.advance(-7200)
    if off:
        daemon.crash()
    (logs / "laravel.log.1.gz").rename(logs / "laravel.log.2.gz")
    log.rename(logs / "laravel.log.1")
    append(log, records(20, 30))
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})
    assert daemon.rotations() == {"renamed": 2}
