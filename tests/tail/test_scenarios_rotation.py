"""How files are rotated, followed through the whole daemon: every record once."""

from __future__ import annotations

import gzip
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from exporter.config.schema import LogSettings
from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86400.0


def test_file_that_appears_later_is_read_from_its_beginning(daemon: Stepper, logs: Path) -> None:
    """A file created after the start is counted from its first byte, whatever was written before discovery."""
    daemon.settle()
    append(logs / "laravel.log", records(0, 30))
    daemon.settle()
    assert daemon.created() == 30


def test_growth_in_pieces(daemon: Stepper, logs: Path) -> None:
    """Records that arrive cut at any byte are counted once each."""
    data = records(0, 12)
    for begin in range(0, len(data), 37):
        append(logs / "laravel.log", data[begin : begin + 37])
        daemon.step(0.2)
    daemon.settle()
    assert daemon.created() == 12
    assert daemon.counters()["read_bytes_total{app}"] == len(data)


def test_rename_with_a_writer_on_the_old_file(daemon: Stepper, logs: Path) -> None:
    """After a rename both files are read: the old one as long as a worker writes to it."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    log.rename(logs / "laravel.log.1")
    append(log, records(10, 20))
    append(logs / "laravel.log.1", records(20, 30))
    daemon.settle()
    append(logs / "laravel.log.1", records(30, 33))
    daemon.settle()
    assert daemon.created() == 33
    assert daemon.rotations() == {"renamed": 1}
    assert daemon.losses() == {}


def test_rename_inside_the_glob(wide: Stepper, logs: Path) -> None:
    """A file that is renamed and still named by the glob goes on where it was."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    wide.settle()
    log.rename(logs / "laravel.log.1")
    append(log, records(10, 15))
    append(logs / "laravel.log.1", records(15, 20))
    wide.settle()
    assert wide.created() == 20
    assert wide.rotations() == {"renamed": 1}
    assert wide.states() == {"laravel.log": "active", "laravel.log.1": "active"}


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_rotated_twice_between_two_looks(daemon: Stepper, logs: Path, *, off: bool) -> None:
    """A file that came and was rotated away between two looks is found beside the one that was known."""
    log, first, second = logs / "laravel.log", logs / "laravel.log.1", logs / "laravel.log.2"
    append(logs / "laravel.log.9", records(500, 520))  # rotated before the first start: not of this daemon
    os.utime(logs / "laravel.log.9", (daemon.now - DAY, daemon.now - DAY))
    append(log, records(0, 10))
    daemon.settle()
    if off:
        daemon.stop()
    append(log, records(10, 20))
    log.rename(first)
    append(log, records(20, 30))
    first.rename(second)
    log.rename(first)
    append(log, records(30, 40))
    for path in (log, first, second):
        os.utime(path, (daemon.now + 1, daemon.now + 1))
    daemon.advance(2)
    if off:
        daemon.start()
    daemon.settle()
    assert daemon.created() == 40
    assert daemon.rotations() == {"renamed": 2}
    daemon.crash()
    daemon.settle()
    assert (daemon.created(), daemon.rotations(), daemon.losses()) == (40, {"renamed": 2}, {})


def test_delete_and_recreate(daemon: Stepper, logs: Path) -> None:
    """A file that is deleted is read to its end; the one created in its place from its beginning."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    append(log, records(10, 15))
    log.unlink()
    append(log, records(15, 20))
    daemon.settle()
    assert daemon.created() == 20
    assert daemon.rotations() == {"replaced": 1}


def test_same_inode_after_a_stop(daemon: Stepper, logs: Path) -> None:
    """A new file that got the inode of the old one is recognised by its content and read from its beginning."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    log.write_bytes(records(100, 130))  # the same inode with other content is what reuse looks like
    daemon.start()
    daemon.settle()
    assert daemon.created() == 40
    assert daemon.losses() == {"possible_losses_total{app,overwritten}": 1}


def test_atomic_replace_by_another_file(daemon: Stepper, logs: Path) -> None:
    """A file replaced through a rename is read to its end, and the new one from its beginning."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    append(log, records(10, 12))
    append(logs / "new", records(50, 60))
    (logs / "new").replace(log)
    daemon.settle()
    assert daemon.created() == 22
    assert daemon.rotations() == {"replaced": 1}


def test_atomic_replace_by_a_longer_copy(daemon: Stepper, logs: Path) -> None:
    """A file replaced by its own copy with more behind it goes on where it was."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    append(logs / "new", records(0, 14))
    (logs / "new").replace(log)
    daemon.settle()
    assert daemon.created() == 14


@pytest.mark.parametrize("name", ["laravel.log.1", "laravel.log.1.gz"])
@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
def test_copytruncate(tmp_path: Path, logs: Path, name: str, glob: str) -> None:
    """What was unread at a truncation is read from the copy beside it, plain or compressed, in the glob or not."""
    log, copy = logs / "laravel.log", logs / name
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        append(log, records(0, 10))
        daemon.settle()
        append(log, records(10, 25))
        copy.write_bytes(gzip.compress(log.read_bytes()) if name.endswith("gz") else log.read_bytes())
        os.truncate(log, 0)
        append(log, records(25, 30))
        daemon.settle()
        assert daemon.created() == 30
        daemon.crash()
        daemon.settle()
        append(log, records(30, 40))
        daemon.settle()
        assert daemon.created() == 40
        assert daemon.losses() == {}
        assert daemon.rotations() == {"truncated": 1}


@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
def test_crash_right_after_a_copytruncate(tmp_path: Path, logs: Path, glob: str) -> None:
    """A truncation that was dealt with is not dealt with again after a crash, also while the file is still empty."""
    log = logs / "laravel.log"
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        append(log, records(0, 10))
        daemon.settle()
        append(log, records(10, 25))
        shutil.copyfile(log, logs / "laravel.log.1")
        os.truncate(log, 0)
        daemon.settle()
        daemon.crash()
        daemon.settle()
        append(log, records(25, 30))
        daemon.settle()
        assert daemon.created() == 30
        assert daemon.rotations() == {"truncated": 1}
        assert daemon.losses() == {}


def test_copytruncate_without_a_copy(daemon: Stepper, logs: Path) -> None:
    """A truncation without a copy is a possible loss, with what was known to be unread as its lower bound."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    unread = records(10, 25)
    daemon.store.failing = True
    append(log, record(9))
    daemon.step(0.2)
    append(log, unread)
    daemon.step(0.2)
    os.truncate(log, 0)
    daemon.step(0.2)
    daemon.store.failing = False
    daemon.settle()
    assert daemon.losses() == {
        "possible_losses_total{app,truncated}": 1,
        "possible_loss_bytes_total{app,truncated}": len(unread),
    }
    append(log, records(25, 30))
    daemon.settle()
    assert daemon.created() == 16


def test_copy_that_lacks_the_end(daemon: Stepper, logs: Path) -> None:
    """What stood behind the end of the copy when the file was truncated is a possible loss."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.store.failing = True
    append(log, records(10, 20))
    daemon.step(0.2)
    append(log, records(20, 30))
    shutil.copyfile(log, logs / "laravel.log.1")
    append(log, record(30))
    daemon.step(0.2)
    os.truncate(log, 0)
    daemon.store.failing = False
    daemon.settle()
    assert daemon.created() == 30
    assert daemon.losses() == {
        "possible_losses_total{app,truncated}": 1,
        "possible_loss_bytes_total{app,truncated}": len(record(30)),
    }


def test_truncated_and_grown_beyond_the_old_position(daemon: Stepper, logs: Path) -> None:
    """A file that was truncated and is longer than before when looked at is read from its new beginning."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    log.write_bytes(records(100, 150))
    daemon.settle()
    assert daemon.created() == 60
    assert daemon.losses() == {"possible_losses_total{app,overwritten}": 1}


def test_truncated_and_grown_to_the_same_end(daemon: Stepper, logs: Path) -> None:
    """A new content that has, where the old one ended, just the same bytes is told by its beginning."""
    log = logs / "laravel.log"
    append(log, records(0, 10) + record(1, pad=400))
    daemon.settle()
    os.truncate(log, 0)
    append(log, records(0, 10).replace(b"10:53", b"10:54") + record(1, pad=400) + record(2))
    daemon.settle()
    assert (daemon.created(), daemon.rotations()) == (23, {"truncated": 1})


def test_overwritten_with_equal_size(daemon: Stepper, logs: Path) -> None:
    """A file overwritten with as many bytes is read again from its beginning."""
    log = logs / "laravel.log"
    append(log, records(100, 110))
    daemon.settle()
    log.write_bytes(records(200, 210))
    os.utime(log, (daemon.now, daemon.now))
    daemon.settle()
    assert daemon.created() == 20
    assert daemon.losses() == {"possible_losses_total{app,overwritten}": 1}


def test_equal_beginnings(daemon: Stepper, logs: Path) -> None:
    """Truncated and written anew with the same first kilobytes, a file is still recognised as another."""
    log = logs / "laravel.log"
    same = records(0, 60)
    append(log, same + records(60, 90))
    daemon.settle()
    log.write_bytes(same + records(160, 230))
    daemon.settle()
    assert daemon.created() == 90 + 130


@pytest.mark.parametrize("form", ["json", "line"])
def test_equal_first_halves_of_a_first_record(daemon: Stepper, logs: Path, form: str) -> None:
    """Logs whose first records begin alike over more than 256 bytes are files of their own: each counts whole."""
    same = b"x" * 600
    head, tail = {
        "json": (
            b'{"message":"Public booking created","context":{"note":"' + same,
            b'%d"},"level":200,"level_name":"INFO","channel":"production","datetime":"2025-10-09T10:00:0%d+00:00","extra":{}}\n',
        ),
        "line": (
            b'[2025-10-09 10:00:00] production.INFO: Public booking created {"note":"' + same,
            b'%d","second":%d} \n',
        ),
    }[form]
    log = logs / "laravel.log"
    log.write_bytes(head + tail % (1, 1) + records(0, 9))
    daemon.settle()
    log.rename(logs / "laravel.log.1")
    log.write_bytes(head + tail % (2, 2) + records(10, 19))
    daemon.settle()
    assert daemon.created() == 20
    assert daemon.losses() == {}
    assert daemon.counters()["read_bytes_total{app}"] == sum(one.stat().st_size for one in logs.iterdir())


def test_daily_switch(daemon: Stepper, logs: Path) -> None:
    """The next day's file is read from its beginning, yesterday's to its end."""
    first, second = logs / "laravel-2025-10-09.log", logs / "laravel-2025-10-10.log"
    append(first, records(0, 10))
    daemon.settle()
    append(first, records(10, 12))
    append(second, records(12, 20))
    daemon.settle()
    append(first, records(20, 21))
    daemon.settle()
    assert daemon.created() == 21
    assert daemon.rotations() == {}


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_switched_current_symlink(tmp_path: Path, *, off: bool) -> None:
    """After a deploy the new release's log is read, and the last records of the old one, also if it was off."""
    for number in (1, 2):
        (tmp_path / f"release{number}").mkdir()
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "release1")
    with Stepper.following(tmp_path, f"{current}/laravel*.log") as daemon:
        append(tmp_path / "release1" / "laravel.log", records(0, 10))
        daemon.settle()
        if off:
            daemon.stop()
        append(tmp_path / "release1" / "laravel.log", records(10, 15))
        current.unlink()
        current.symlink_to(tmp_path / "release2")
        append(tmp_path / "release2" / "laravel.log", records(15, 22))
        if off:
            daemon.start()
        daemon.settle()
        assert daemon.created() == 22
        assert daemon.losses() == {}
        assert str(tmp_path / "release2") in daemon.daemon.tracker.directories


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard", "symbolic"])
def test_two_names_for_one_file(daemon: Stepper, logs: Path, link: object) -> None:
    """A file with two names that the glob matches is counted once."""
    assert callable(link)
    append(logs / "laravel.log", records(0, 10))
    link(logs / "laravel.log", logs / "laravel-same.log")
    daemon.settle()
    append(logs / "laravel.log", records(10, 20))
    daemon.settle()
    assert daemon.created() == 20
    assert len(daemon.states()) == 1


def test_first_log_owns_a_file_that_two_match(tmp_path: Path, logs: Path) -> None:
    """A file that two logs match is counted once, in the log that is configured first."""
    first, second = LogSettings("first", (f"{logs}/laravel*.log",)), LogSettings("second", (f"{logs}/*.log",))
    append(logs / "laravel.log", records(0, 10))
    append(logs / "other.log", records(10, 14))
    with Stepper(tmp_path, first, second) as daemon:
        daemon.settle()
        assert daemon.created() == 14
        assert daemon.counters()["read_bytes_total{first}"] == len(records(0, 10))
        assert daemon.counters()["read_bytes_total{second}"] == len(records(10, 14))


def test_renamed_file_is_released_after_two_days(daemon: Stepper, logs: Path) -> None:
    """A renamed file is held until 48 h after its last growth, then closed; its row is kept for 30 days."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    log.rename(logs / "laravel.log.1")
    daemon.step(1)
    daemon.step(47 * 3600)
    assert daemon.held() == 1
    daemon.step(2 * 3600)
    assert daemon.held() == 0
    daemon.step(27 * DAY)
    assert daemon.states() == {"laravel.log": "rotated"}
    daemon.step(2 * DAY)
    assert daemon.states() == {}
    daemon.settle()
    assert daemon.store.load().files == ()


def test_idle_file_that_grows_again(daemon: Stepper, logs: Path) -> None:
    """A file that was idle for more than two days, and so was closed, is read on when it grows."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.step(3 * DAY)
    assert (daemon.held(), daemon.daemon.tracker.asleep) == (0, frozenset({str(log)}))
    append(log, records(10, 13))
    daemon.settle()
    assert (daemon.created(), daemon.daemon.tracker.asleep) == (13, frozenset())
    daemon.step(3 * DAY)
    assert daemon.held() == 0
    os.utime(log, (daemon.now, daemon.now))
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (13, {})
    log.write_bytes(records(50, 63))
    os.utime(log, (daemon.now, daemon.now))
    daemon.settle()
    assert daemon.created() == 26


def test_written_to_after_days_without_a_look(daemon: Stepper, logs: Path) -> None:
    """What a worker wrote to a truncated and renamed file is read, though the daemon had not looked for days."""
    log = logs / "laravel.log"
    append(log, records(0, 20))
    daemon.settle()
    os.truncate(log, 0)
    append(log, records(20, 25))
    log.rename(logs / "laravel.log.1")
    daemon.advance(3 * DAY)
    daemon.settle()
    assert daemon.created() == 25
