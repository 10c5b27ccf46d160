"""Every way in which a log grows and is rotated, followed by a real daemon: all records once, none lost."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import ROOT_DROPS, Daemon
from tests.support.oracle import differences
from tests.support.packages import need_program
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@pytest.fixture
def writer(logs: Path, start: datetime) -> Iterator[LogWriter]:
    """Return a writer into `logs`."""
    one = LogWriter(logs, seed=11, start=start, styles=("line", "json"))
    yield one
    one.close()


@pytest.fixture
def daemon(tmp_path: Path, logs: Path) -> Daemon:
    """Return a daemon that follows `logs`, not started."""
    return Daemon(tmp_path / "daemon", "--log", f"{logs}/laravel*.log", "--log", f"{logs}/calcom*.log")


def settle(daemon: Daemon, writer: LogWriter) -> list[str]:
    """Wait until all that was written is counted; return the differences that remain after a while: none."""
    shown = daemon.settle(writer.expected.values)
    left = differences(writer.expected.values, shown.samples)
    if shown.total("booking_exporter_possible_losses_total"):
        left.append("a possible loss was reported")
    return left


def test_file_written_before_the_daemon_first_started(daemon: Daemon, writer: LogWriter) -> None:
    """What stands in the files at the first start is counted from their beginning."""
    writer.write(300)
    with daemon:
        assert settle(daemon, writer) == []


def test_file_that_appears_later_is_read_from_its_beginning(daemon: Daemon, writer: LogWriter, logs: Path) -> None:
    """A file created after the start is read from its first byte, whatever was written before it was found."""
    with daemon:
        writer.write(300)
        assert settle(daemon, writer) == []
        assert (logs / "laravel.log").stat().st_size > 0


def test_folder_that_appears_later(tmp_path: Path, start: datetime) -> None:
    """A log in a folder that does not exist yet is followed once it does."""
    later = tmp_path / "later" / "logs"
    with Daemon(tmp_path / "daemon", "--log", f"{later}/*.log") as daemon:
        later.mkdir(parents=True)
        writer = LogWriter(later, seed=1, start=start)
        writer.write(200)
        assert settle(daemon, writer) == []
        writer.close()


def test_growth_in_pieces(daemon: Daemon, writer: LogWriter) -> None:
    """Records written in pieces, cut anywhere, are counted once each."""
    with daemon:
        for _ in range(30):
            writer.write(30)
        assert settle(daemon, writer) == []


def test_rename_with_a_writer_on_the_old_file(daemon: Daemon, writer: LogWriter) -> None:
    """After a rename both the new file and what workers still write to the old one are counted."""
    with daemon:
        for _ in range(6):
            writer.write(120)
            writer.rotate_by_rename()
        writer.write(120)
        assert settle(daemon, writer) == []
    assert writer.rotations["rename"] == 6


@pytest.mark.parametrize("second", ["rename", "copytruncate"])
@pytest.mark.parametrize("first", ["rename", "copytruncate"])
def test_rotated_twice_between_two_looks(daemon: Daemon, writer: LogWriter, first: str, second: str) -> None:
    """Two rotations while the daemon is off lose nothing: what was written in between it never saw at its path."""
    rotate = {"rename": writer.rotate_by_rename, "copytruncate": writer.copytruncate}
    with daemon:
        writer.write(200)
        assert settle(daemon, writer) == []
        daemon.kill()
        for kind in (first, second):
            writer.write(200)
            rotate[kind]()
        writer.write(200)
        daemon.start()
        daemon.wait_ready()
        assert settle(daemon, writer) == []


def test_delete_and_recreate(daemon: Daemon, writer: LogWriter) -> None:
    """A file deleted and created anew is read from its beginning, also on the same inode."""
    with daemon:
        for _ in range(4):
            writer.write(150)
            assert settle(daemon, writer) == []
            writer.recreate()
        writer.write(150)
        assert settle(daemon, writer) == []


def test_deleted_before_all_was_read(daemon: Daemon, writer: LogWriter) -> None:
    """What was written right before a deletion is read from the file that the daemon holds open."""
    with daemon:
        writer.write(100)
        assert settle(daemon, writer) == []
        writer.write(3000)
        writer.recreate()
        writer.write(100)
        assert settle(daemon, writer) == []


def test_atomic_replace_with_a_longer_copy(daemon: Daemon, writer: LogWriter) -> None:
    """A file replaced by rename with a copy of it that has grown goes on where the daemon was."""
    with daemon:
        writer.write(300)
        assert settle(daemon, writer) == []
        writer.close()
        copy = writer.single.with_suffix(".new")
        shutil.copyfile(writer.single, copy)
        copy.replace(writer.single)
        writer.write(100)
        assert settle(daemon, writer) == []


def test_atomic_replace_with_another_file(daemon: Daemon, writer: LogWriter) -> None:
    """A file replaced by rename with a new one that was never seen is read from its beginning."""
    with daemon:
        writer.write(300)
        assert settle(daemon, writer) == []
        writer.close()
        fresh = writer.folder / "fresh"
        fresh.write_bytes(b'[2025-10-06 18:22:12] production.INFO: Public booking created {"appointment_id":1} \n' * 40)
        fresh.replace(writer.single)
        writer.expected.add("appointments_created_total", 40, source="public")
        writer.expected.add("log_records_total", 40, level="info")
        assert settle(daemon, writer) == []


def test_copytruncate(daemon: Daemon, writer: LogWriter) -> None:
    """Bytes that were not read before the truncation are read from the copy beside the file."""
    with daemon:
        for _ in range(6):
            writer.write(400)
            writer.copytruncate()
        writer.write(100)
        assert settle(daemon, writer) == []
    assert writer.rotations["copytruncate"] == 6


def test_copytruncate_while_the_daemon_was_off(daemon: Daemon, writer: LogWriter) -> None:
    """Truncated and grown beyond the old position while off: the rest of the old bytes comes from the copy."""
    with daemon:
        writer.write(150)
        assert settle(daemon, writer) == []
        daemon.kill()
        writer.write(150)
        writer.copytruncate()
        writer.write(900)
        daemon.start()
        daemon.wait_ready()
        assert settle(daemon, writer) == []


def test_killed_after_a_copytruncate_before_the_next_record(daemon: Daemon, writer: LogWriter) -> None:
    """A copy whose rest was read is not read again after a kill, though the truncated file is still empty."""
    with daemon:
        writer.write(150)
        assert settle(daemon, writer) == []
        daemon.kill()
        writer.write(150)
        writer.copytruncate()
        for _ in range(3):
            daemon.start()
            daemon.wait_ready()
            assert settle(daemon, writer) == []
            daemon.kill()
        writer.write(150)
        daemon.start()
        daemon.wait_ready()
        assert settle(daemon, writer) == []


def test_daily_files_with_the_switch_at_midnight(daemon: Daemon, writer: LogWriter) -> None:
    """The next day's files are read from their beginning, yesterday's to their ends."""
    with daemon:
        for _ in range(3):
            writer.write(200)
            writer.switch_day()
        writer.write(200)
        assert settle(daemon, writer) == []
    assert writer.rotations["daily"] == 3


def test_switched_current_symlink(tmp_path: Path, start: datetime) -> None:
    """After a deploy switches `current`, the new release's log is read, and the old one's last records too."""
    writers = []
    for number in (1, 2):
        folder = tmp_path / "releases" / str(number)
        folder.mkdir(parents=True)
        writers.append(LogWriter(folder, seed=number, start=start))
    current = tmp_path / "current"
    current.symlink_to(writers[0].folder)
    with Daemon(tmp_path / "daemon", "--log", f"{current}/laravel*.log", "--log", f"{current}/calcom*.log") as daemon:
        writers[0].write(200)
        assert settle(daemon, writers[0]) == []
        fresh = tmp_path / "fresh"
        fresh.symlink_to(writers[1].folder)
        fresh.replace(current)
        for writer in reversed(writers):
            writer.write(200)
            writer.close()
        writers[0].expected.merge(writers[1].expected)
        assert settle(daemon, writers[0]) == []


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symlink", "hard link"])
def test_two_names_for_one_file(daemon: Daemon, writer: LogWriter, logs: Path, link: object) -> None:
    """A file that two names lead to is counted once."""
    assert callable(link)
    writer.write(200)
    link(writer.single, logs / "laravel-again.log")
    with daemon:
        writer.write(200)
        assert settle(daemon, writer) == []


def test_file_that_two_globs_match(tmp_path: Path, logs: Path, writer: LogWriter) -> None:
    """A file that two globs match is counted once."""
    arguments = ("--log", f"{logs}/*.log", "--log", f"{logs}/laravel*.log")
    with Daemon(tmp_path / "daemon", *arguments) as daemon:
        writer.write(200)
        assert settle(daemon, writer) == []


def test_permission_lost_and_restored(tmp_path: Path, logs: Path, writer: LogWriter) -> None:
    """A file that cannot be opened is tried again: what was written meanwhile is counted once it can be read."""
    need_program(ROOT_DROPS[0], "util-linux")
    arguments = ("--log", f"{logs}/laravel*.log", "--log", f"{logs}/calcom*.log")
    with Daemon(tmp_path / "daemon", *arguments, prefix=ROOT_DROPS) as daemon:
        writer.write(200)
        assert settle(daemon, writer) == []
        daemon.kill()
        writer.single.chmod(0)
        daemon.start()
        daemon.wait_ready()
        daemon.wait_for(lambda now: now.get("booking_exporter_log_up", log="app") == 0, "the log is not up")
        writer.write(200)
        writer.single.chmod(0o644)
        assert settle(daemon, writer) == []
        assert "Traceback" not in daemon.stderr


def test_stopped_and_started_inside_a_record(daemon: Daemon, writer: LogWriter) -> None:
    """A record of which the daemon saw one half before its end and the other half after its start is counted once."""
    with daemon:
        writer.write(50)
        assert settle(daemon, writer) == []
        with writer.single.open("ab", buffering=0) as file:
            file.write(b'[2025-10-06 18:22:12] production.INFO: Public booking created {"customer":"J\xc3')
            daemon.live(0.3)
            assert daemon.terminate()[0] == 0
            file.write(b'\xbcrgen","appointment_id":1} \n')
        writer.expected.add("appointments_created_total", source="public")
        writer.expected.add("log_records_total", level="info")
        daemon.start()
        daemon.wait_ready()
        assert settle(daemon, writer) == []
