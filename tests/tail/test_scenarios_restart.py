"""Stop and start, crash and reboot, through the whole daemon: nothing twice, nothing lost unseen."""

from __future__ import annotations

import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import Store
from exporter.config.schema import LogSettings
from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_lines_written_while_stopped(daemon: Stepper, logs: Path) -> None:
    """What was written while the daemon was off is counted after its start, also behind half a record."""
    log, data = logs / "laravel.log", record(10)
    append(log, records(0, 10) + data[:40])
    daemon.settle()
    daemon.stop()
    append(log, data[40:] + records(11, 20))
    daemon.start()
    daemon.settle()
    assert daemon.created() == 20
    assert daemon.losses() == {}


def test_renamed_while_off(daemon: Stepper, logs: Path) -> None:
    """A file renamed while the daemon was off is read to its end where it is now; restarts repeat nothing."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    append(log, records(10, 14))
    log.rename(logs / "laravel.log.1")
    append(log, records(14, 20))
    daemon.start()
    daemon.settle()
    append(logs / "laravel.log.1", record(20))
    for _ in range(3):
        daemon.crash()
        daemon.settle()
    assert daemon.created() == 21
    assert (daemon.rotations(), daemon.losses()) == ({"renamed": 1}, {})


def test_small_file_renamed_while_off(daemon: Stepper, logs: Path) -> None:
    """Under 256 bytes the inode tells which file it was."""
    log = logs / "laravel.log"
    append(log, record(1))
    daemon.settle()
    daemon.stop()
    append(log, record(2))
    log.rename(logs / "laravel.log.1")
    append(logs / "other.txt", record(1) + record(9))
    append(log, record(3))
    daemon.start()
    daemon.settle()
    assert daemon.created() == 3
    assert daemon.losses() == {}


def test_moved_to_a_configured_place_while_off(tmp_path: Path, logs: Path) -> None:
    """A file moved to a folder that `rotated` names is found there."""
    archive = tmp_path / "archive"
    archive.mkdir()
    log = logs / "laravel.log"
    with Stepper.following(tmp_path, f"{logs}/laravel*.log", rotated=(f"{archive}/*",)) as daemon:
        append(log, records(0, 10))
        daemon.settle()
        daemon.stop()
        append(log, records(10, 14))
        shutil.move(log, archive / "old")
        daemon.start()
        daemon.settle()
        assert daemon.created() == 14


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_deleted_while_off(daemon: Stepper, logs: Path, *, folder: bool) -> None:
    """A file deleted while the daemon was off is one possible loss, told once, not at each start."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.stop()
    if folder:
        shutil.rmtree(logs)
    else:
        (logs / "laravel.log").unlink()
    daemon.start()
    daemon.settle()
    for _ in range(2):
        daemon.crash()
        daemon.settle()
    assert daemon.losses() == {"possible_losses_total{app,deleted}": 1}
    assert daemon.rotations() == {"deleted": 1}
    logs.mkdir(exist_ok=True)
    append(logs / "laravel.log", records(20, 25))
    daemon.settle()
    assert daemon.created() == 15


def test_missing_file_that_comes_back(daemon: Stepper, logs: Path) -> None:
    """A file that was not to be found and is there again goes on where it was."""
    log, away = logs / "laravel.log", logs.parent / "away.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    log.rename(away)
    daemon.start()
    daemon.settle()
    append(away, records(10, 13))
    shutil.copyfile(away, log)
    daemon.settle()
    assert daemon.created() == 13


def test_unlinked_before_a_stop(daemon: Stepper, logs: Path) -> None:
    """A deleted file that had been read to its end is no loss when the daemon stops holding it."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    log.unlink()
    daemon.settle()
    daemon.stop()
    daemon.start()
    daemon.settle()
    assert (daemon.held(), daemon.losses(), daemon.rotations()) == (0, {}, {"deleted": 1})


def test_open_record_after_days_off(daemon: Stepper, logs: Path) -> None:
    """A record whose end only silence tells is counted after days without a look, too."""
    append(logs / "laravel.log", b"[2025-10-09 10:53:20] production.INFO: Public booking created {torn")
    daemon.step()
    daemon.stop()
    daemon.advance(50 * 3600)
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.held()) == (1, 0)


def test_fresh_file_at_a_stop(daemon: Stepper, logs: Path) -> None:
    """A file that was empty at the stop is read from its beginning after it, also where it was renamed."""
    log = logs / "laravel.log"
    append(log, b"")
    daemon.settle()
    daemon.stop()
    append(log, records(0, 10))
    log.rename(logs / "laravel.log.1")
    daemon.start()
    daemon.settle()
    assert daemon.created() == 10


def reboot_numbers(daemon: Stepper, shift: int) -> None:
    """Give the devices other numbers, as a reboot may."""
    with Store.open(daemon.path, now=daemon.now, mountinfo="") as store:
        store._connection.execute("UPDATE files SET device = device + ?", (shift,))


@pytest.mark.parametrize("count", [1, 10], ids=["small", "large"])
def test_device_numbers_change_over_a_reboot(daemon: Stepper, logs: Path, count: int) -> None:
    """A file whose device is numbered anew goes on where it was, and nothing is counted as a rotation."""
    log = logs / "laravel.log"
    append(log, records(0, count))
    daemon.settle()
    daemon.stop()
    reboot_numbers(daemon, 7)
    append(log, records(50, 53))
    daemon.start(boot="boot-2")
    daemon.settle()
    assert daemon.created() == count + 3
    assert (daemon.rotations(), daemon.losses()) == ({}, {})


@pytest.mark.parametrize("keep", [400, 3000], ids=["within the head", "beyond"])
def test_page_cache_lost_in_a_crash_of_the_machine(daemon: Stepper, logs: Path, keep: int) -> None:
    """After a reboot a shorter file with the same head goes on at its end: what it lost was counted before."""
    log = logs / "laravel.log"
    append(log, records(0, 100))
    daemon.settle()
    daemon.stop()
    os.truncate(log, keep)
    append(log, b"\n" + records(200, 204))
    os.truncate(log, keep)
    daemon.start(boot="boot-2")
    daemon.settle()
    append(log, b"\n" + records(200, 204))
    daemon.settle()
    assert daemon.created() == 104
    assert daemon.losses() == {"possible_losses_total{app,truncated}": 1}


def test_shorter_with_the_same_head_without_a_reboot(daemon: Stepper, logs: Path) -> None:
    """Without a reboot no page cache was lost: a shorter file was truncated and begins anew, whatever its head."""
    log = logs / "laravel.log"
    append(log, records(0, 100))
    daemon.settle()
    daemon.stop()
    log.write_bytes(records(0, 60))
    daemon.start()
    daemon.settle()
    assert daemon.created() == 160


def test_truncated_over_a_reboot(daemon: Stepper, logs: Path) -> None:
    """With another head, or next to nothing left, a shorter file was truncated and begins anew."""
    log = logs / "laravel.log"
    append(log, records(0, 100))
    daemon.settle()
    daemon.stop()
    os.truncate(log, 0)
    append(log, records(300, 320))
    daemon.start(boot="boot-2")
    daemon.settle()
    assert daemon.created() == 120
    daemon.stop()
    os.truncate(log, 30)
    daemon.start(boot="boot-3")
    daemon.settle()
    assert daemon.losses() == {"possible_losses_total{app,truncated}": 2}


def test_log_added_to_an_existing_state(tmp_path: Path, logs: Path) -> None:
    """A log that the state does not know starts at the end of its present files; later files are read whole."""
    first, second = LogSettings("app", (f"{logs}/laravel*.log",)), LogSettings("calcom", (f"{logs}/calcom*.log",))
    append(logs / "laravel.log", records(0, 10))
    append(logs / "calcom-1.log", records(100, 140) + b"[2025-10-09 10:53:20] production.INFO: half")
    (logs / "calcom-3.log").write_bytes(b"")
    (logs / "calcom-4.log").write_bytes("[2025-10-09 10:53:20] production.INFO: x\n".encode("utf-16"))
    with Stepper(tmp_path, first) as daemon:
        daemon.settle()
        daemon.stop()
        daemon.start(first, second)
        daemon.settle()
        assert daemon.created() == 10
        append(logs / "calcom-1.log", b" a record \n" + records(140, 142))
        append(logs / "calcom-2.log", records(0, 3))
        append(logs / "calcom-3.log", records(50, 54))
        daemon.settle()
        assert daemon.created() == 19
        assert "unparsed_lines_total{calcom}" not in daemon.counters()
        assert daemon.counters()["read_errors_total{calcom,utf16}"] == 1


def test_log_renamed_in_the_configuration(daemon: Stepper, logs: Path) -> None:
    """Positions belong to files: under a log's new name a file goes on where it was; other rows are kept."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.stop()
    append(logs / "laravel.log", records(10, 15))
    daemon.start(LogSettings("elsewhere", (f"{logs}/none*.log",)))
    daemon.settle()
    assert daemon.created() == 10
    daemon.stop()
    daemon.start(LogSettings("main", (f"{logs}/laravel*.log",)))
    daemon.settle()
    assert daemon.created() == 15
    assert daemon.counters()["read_bytes_total{main}"] == len(records(10, 15))
    assert daemon.losses() == {}


def test_start_at_the_end(tmp_path: Path, logs: Path) -> None:
    """With `start: end` the first start counts nothing of what is there; the next start does not ask again."""
    append(logs / "laravel.log", records(0, 10))
    with Stepper(tmp_path, LogSettings("app", (f"{logs}/laravel*.log",), start="end")) as daemon:
        daemon.settle()
        append(logs / "laravel.log", records(10, 12))
        daemon.settle()
        assert daemon.created() == 2
        daemon.stop()
        append(logs / "laravel.log", records(12, 15))
        daemon.start()
        daemon.settle()
        assert daemon.created() == 5


def test_lost_state(daemon: Stepper, logs: Path) -> None:
    """A damaged state is loud: counting restarts at the files' ends, and the time of the loss is shown and kept."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.stop()
    daemon.path.write_bytes(b"no database" * 1000)
    lost_at = daemon.now
    daemon.start()
    assert daemon.exposed()
    daemon.settle()
    assert daemon.created() == 0
    assert daemon.daemon.view.snapshot.state_lost == lost_at
    append(logs / "laravel.log", records(10, 13))
    daemon.crash()
    assert daemon.exposed()
    daemon.settle()
    assert daemon.created() == 3
    assert daemon.daemon.view.snapshot.state_lost == lost_at


@pytest.mark.parametrize("after", ["damage", "reset", "all forgotten"])
def test_new_log_beside_old_files_without_a_position(daemon: Stepper, logs: Path, after: str) -> None:
    """Rotated files that were there when no position was known are history, though the log beside them is empty."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.stop()
    (logs / "laravel.log").rename(logs / "laravel.log.1")
    if after == "damage":
        daemon.path.write_bytes(b"no database" * 1000)
    elif after == "reset":
        Store.reset(daemon.path, now=daemon.now, mountinfo="")
    else:
        with sqlite3.connect(daemon.path) as state:
            state.execute("DELETE FROM files")
        state.close()
    os.utime(logs / "laravel.log.1", (daemon.now, daemon.now))
    (logs / "laravel.log").touch()
    daemon.advance(60)
    daemon.start()
    daemon.settle()
    append(logs / "laravel.log", records(10, 15))
    daemon.settle()
    assert daemon.created() == (15 if after == "all forgotten" else 5)


def test_state_reset(daemon: Stepper, logs: Path) -> None:
    """After `state reset` counting begins at zero at the files' ends, and stays exposed over the next start."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.stop()
    Store.reset(daemon.path, now=daemon.now, mountinfo="")
    daemon.start()
    daemon.settle()
    assert daemon.created() == 0
    daemon.stop()
    append(logs / "laravel.log", records(10, 13))
    daemon.start()
    assert daemon.exposed()
    daemon.settle()
    assert daemon.created() == 3


def _play(daemon: Stepper, logs: Path, after: Callable[[int], None]) -> None:
    """Write, rotate and step; `after` is called behind each step with its number."""
    log = logs / "laravel.log"
    data = records(30, 40)

    def truncate() -> None:
        append(log, records(20, 30))
        shutil.copyfile(log, logs / "laravel.log.2")
        os.truncate(log, 0)

    def rename() -> None:
        log.rename(logs / "laravel.log.3")
        append(log, records(50, 60))

    deeds: tuple[Callable[[], None], ...] = (
        lambda: append(log, records(0, 10)),
        lambda: append(log, records(10, 20)[:500]),
        lambda: append(log, records(10, 20)[500:]),
        truncate,
        lambda: append(log, data[:300]),
        lambda: append(log, data[300:]),
        lambda: append(log, records(40, 50)),
        rename,
        lambda: append(logs / "laravel.log.3", records(60, 70)),
        lambda: append(logs / "laravel.log", records(70, 80)),
    )
    number = 0
    for deed in deeds:
        deed()
        for _ in range(2):
            daemon.step(0.3)
            after(number)
            number += 1
    daemon.settle()


@pytest.mark.parametrize("crash", range(20))
def test_crash_at_any_step(daemon: Stepper, logs: Path, crash: int) -> None:
    """Killed after any step, the daemon ends with the counters of a run without a kill."""
    _play(daemon, logs, lambda number: daemon.crash() if number == crash else None)
    assert daemon.created() == 80
    assert daemon.losses() == {}
    assert daemon.rotations() == {"truncated": 1, "renamed": 1}
    assert daemon.counters()["log_records_total{info}"] == 80
