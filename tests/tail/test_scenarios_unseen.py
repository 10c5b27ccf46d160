"""Content that came and was rotated away before the daemon ever read it: read from where it is now."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import Store
from tests.support.stepper import Stepper, records

if TYPE_CHECKING:
    from pathlib import Path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


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
