"""What rotation storms found (`make storm`): rotations many times a second, while the daemon is stopped and killed."""

from __future__ import annotations

import gzip
import os
import resource
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from exporter.tail.files import RESERVED
from tests.support.stepper import records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stepper import Stepper


def write(path: Path, data: bytes, daemon: Stepper) -> None:
    """Write a file as if it was written now by the daemon's clock; what is named .gz is compressed."""
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    os.utime(path, (daemon.now, daemon.now))


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Let nothing be opened that is a log, as if all descriptors that logs may have were in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (RESERVED + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_copied_truncated_and_compressed_twice_between_two_looks(wide: Stepper, logs: Path) -> None:
    """A compressed generation in the glob that came between two looks is read, if it came after its log's own copy."""
    log = logs / "laravel.log"
    write(log, records(0, 10), wide)
    wide.settle()
    wide.advance(1)
    write(logs / "laravel.log.2.gz", records(0, 20), wide)
    wide.advance(1)
    write(logs / "laravel.log.1.gz", records(20, 30), wide)
    write(log, records(30, 35), wide)
    wide.settle()
    assert (wide.created(), wide.losses()) == (35, {})


def test_rotated_while_off_from_a_vacant_place(daemon: Stepper, logs: Path) -> None:
    """What came and went while off is read, though nothing was at its place, and what had been there is missed."""
    log = logs / "laravel.log"
    write(log, records(0, 10), daemon)
    daemon.settle()
    log.unlink()
    daemon.settle()
    daemon.stop()
    daemon.advance(1)
    write(logs / "laravel.log.1", records(10, 20), daemon)
    write(log, records(20, 30), daemon)
    daemon.advance(5)
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})


def test_gzip_file_on_the_inode_of_an_empty_one(wide: Stepper, logs: Path) -> None:
    """An empty file is not gone on with in a compressed one that has its inode, which is sought as what it holds."""
    log = logs / "laravel.log"
    write(log, records(0, 10), wide)
    wide.settle()
    log.rename(logs / "laravel.log.1")
    log.touch()
    wide.settle()
    wide.stop()
    wide.advance(1)
    (logs / "laravel.log.1").rename(logs / "laravel.log.3")
    write(logs / "laravel.log.2.gz", records(10, 20), wide)
    log.rename(logs / "laravel.log.1.gz")
    write(logs / "laravel.log.1.gz", records(20, 30), wide)
    write(log, records(30, 40), wide)
    wide.advance(5)
    wide.start()
    wide.settle()
    assert (wide.created(), wide.losses()) == (40, {})


def test_compressed_from_a_place_that_was_vacant_at_both_looks(wide: Stepper, logs: Path) -> None:
    """A compressed generation in the glob is read though its log was at its place at no look."""
    log = logs / "laravel.log"
    write(log, records(0, 10), wide)
    wide.settle()
    log.rename(logs / "laravel.log.1")
    wide.settle()
    wide.advance(1)
    (logs / "laravel.log.1").rename(logs / "laravel.log.2")
    write(logs / "laravel.log.1.gz", records(10, 20), wide)
    wide.settle()
    write(log, records(20, 30), wide)
    wide.settle()
    assert (wide.created(), wide.losses()) == (30, {})


def test_inode_of_a_missing_file_that_cannot_be_opened_at_once(wide: Stepper, logs: Path, tmp_path: Path) -> None:
    """A file on the inode of a missing one is not taken for it while it cannot be opened: nothing more seems lost."""
    log, away = logs / "laravel.log", tmp_path / "away"
    write(log, records(0, 10), wide)
    wide.settle()
    wide.stop()
    log.rename(away)
    wide.start()
    wide.settle()
    told = wide.losses()  # of the old one, which was moved away
    write(away, records(10, 20), wide)
    away.rename(logs / "laravel.log.1")
    write(log, records(20, 30), wide)
    with no_descriptors_left():
        wide.step()
    for _ in range(4):
        wide.step(30)
    assert (wide.created(), wide.losses()) == (30, told)


def test_empty_when_the_daemon_was_stopped_and_compressed_since(daemon: Stepper, logs: Path, tmp_path: Path) -> None:
    """A file in which nothing was is no loss where it is gone and generations came since: it may be one of them."""
    log = logs / "laravel.log"
    write(log, records(0, 10), daemon)
    daemon.settle()
    log.rename(logs / "laravel.log.1")
    log.touch()
    daemon.settle()
    daemon.stop()
    daemon.advance(1)
    log.rename(tmp_path / "away")
    (logs / "laravel.log.1").rename(logs / "laravel.log.3")
    write(logs / "laravel.log.2.gz", records(10, 20), daemon)
    write(log, records(20, 30), daemon)
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})


def test_inode_of_an_unlinked_file_given_to_the_next(daemon: Stepper, logs: Path) -> None:
    """What an unlinked file held that was not read is read in its gzip file, though a new log has its inode."""
    log = logs / "laravel.log"
    write(log, records(0, 10), daemon)
    daemon.settle()
    write(logs / "laravel.log.2.gz", records(0, 20), daemon)
    write(log, records(0, 20), daemon)
    log.unlink()
    daemon.advance(5)
    write(logs / "laravel-2.log", records(20, 30), daemon)
    daemon.refresh()
    daemon.stop()
    daemon.advance(5)
    write(log, records(30, 40), daemon)
    with closing(sqlite3.connect(daemon.path)) as state, state:  # as file systems do that give inodes away at once
        state.execute("UPDATE files SET inode = ? WHERE state = 'unlinked'", (log.stat().st_ino,))
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (40, {})


def test_gzip_file_on_the_inode_of_a_rotated_one(daemon: Stepper, logs: Path) -> None:
    """A compressed generation that came while off is read, though it has the inode of one that was read before."""
    log = logs / "laravel.log"
    write(log, records(0, 10), daemon)
    daemon.settle()
    log.rename(logs / "laravel.log.1")
    daemon.settle()
    daemon.stop()
    daemon.advance(1)
    write(logs / "laravel.log.3.gz", records(0, 10), daemon)
    daemon.advance(1)
    (logs / "laravel.log.1").rename(logs / "laravel.log.2.gz")
    write(logs / "laravel.log.2.gz", records(10, 20), daemon)
    daemon.advance(5)
    daemon.start()
    daemon.settle()
    write(log, records(20, 30), daemon)
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})
