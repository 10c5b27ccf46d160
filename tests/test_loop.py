"""The loop through the whole daemon: what is published when, and what a failing commit or clock does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import Store
from exporter.config.schema import LogSettings
from tests.support.stepper import Stepper, append, record, records
from tests.support.tmpfs import SmallDisk

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = 1 << 20


def test_history_is_counted_before_it_is_exposed(daemon: Stepper, logs: Path) -> None:
    """At the first start event series are exposed only when all history is counted (G3)."""
    append(logs / "laravel.log", b"".join(record(number, pad=HEAVY // 2) for number in range(10)))
    append(logs / "laravel-2.log", records(10, 20))
    assert not daemon.exposed()
    assert not daemon.health().ready
    shown = []
    for _ in range(4):
        daemon.step(0.2)
        if daemon.exposed():
            shown.append(daemon.created())
    assert shown
    assert set(shown) == {20.0}
    assert daemon.health().ready


def test_crash_in_the_middle_of_the_first_start(tmp_path: Path, logs: Path) -> None:
    """Killed while history is counted, the daemon goes on with it before anything is exposed."""
    append(logs / "laravel-1.log", records(0, 10))
    append(logs / "laravel-2.log", records(10, 30))
    os.utime(logs / "laravel-1.log", (1.0, 1.0))
    with Stepper.following(tmp_path, f"{logs}/laravel*.log") as daemon:
        asked = []

        def stop() -> bool:
            asked.append(1)
            return len(asked) > 5

        daemon.daemon.loop._stopping = stop
        daemon.step(0.2)
        daemon.crash()
        half = daemon.store.load().ledger
        assert half is not None
        assert sum(half.counters.values()) > 0
        assert not daemon.exposed()
        daemon.settle()
        assert daemon.exposed()
        assert daemon.created() == 30


def test_commit_that_fails_while_history_is_counted(daemon: Stepper, logs: Path) -> None:
    """A commit that fails in the middle of the history exposes nothing before the rest is counted."""
    append(logs / "laravel-1.log", b"".join(record(number, pad=HEAVY // 2) for number in range(8)))
    append(logs / "laravel-2.log", records(10, 22))
    daemon.store.failing = True
    daemon.settle()
    assert daemon.health().catching_up
    daemon.store.failing = False
    shown = []
    for _ in range(6):
        daemon.step(1.1)
        if daemon.exposed():
            shown.append(daemon.created())
    assert set(shown) == {20.0}


def test_failing_commit(daemon: Stepper, logs: Path) -> None:
    """While commits fail the published values stay, nothing more is read, and rotation loses nothing."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    before = daemon.counters()
    daemon.store.failing = True
    append(log, records(10, 20))
    daemon.settle()
    read = daemon.daemon.tracker.tails[0].position
    append(log, records(20, 30))
    log.rename(logs / "laravel.log.1")
    append(log, records(30, 40))
    daemon.settle()
    log.unlink()
    append(log, records(40, 50))
    daemon.settle()
    assert daemon.counters() == before
    assert {tail.position for tail in daemon.daemon.tracker.tails} <= {read, 0}
    assert daemon.health().commit_failing
    assert not daemon.health().ready
    assert daemon.health().logs["app"].lag_bytes == len(records(20, 50))
    assert daemon.health().logs["app"].oldest_uncommitted is not None
    assert daemon.health().uncommitted_bytes == len(records(10, 20))
    daemon.store.failing = False
    daemon.settle()
    assert daemon.created() == 50
    assert daemon.losses() == {}
    assert daemon.counters()["commit_failures_total"] > 3
    assert daemon.health().ready
    assert daemon.health().logs["app"].lag_bytes == 0
    assert daemon.health().logs["app"].oldest_uncommitted is None


def test_disk_full(tmp_path: Path, logs: Path) -> None:
    """A full disk under the state is a failing commit; when there is space again all is counted."""
    with (
        SmallDisk(tmp_path / "disk", 1 << 20) as disk,
        Stepper.following(disk.folder, f"{logs}/laravel*.log") as daemon,
    ):
        append(logs / "laravel.log", records(0, 10))
        daemon.settle()
        disk.fill()
        for number in range(10, 60):
            append(logs / "laravel.log", record(number))
            daemon.step(1.2)
        assert daemon.health().commit_failing
        assert daemon.created() < 60
        disk.free()
        daemon.settle()
        assert daemon.created() == 60
        daemon.stop()


def test_at_most_one_commit_in_100_ms(daemon: Stepper, logs: Path) -> None:
    """What is new is published with the next commit, at most one in 100 ms, and at once at a stop."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    append(logs / "laravel.log", record(10))
    daemon.step(0.2)
    assert daemon.created() == 11
    append(logs / "laravel.log", record(11))
    assert 0 < daemon.step(0.02) <= 0.08
    assert daemon.created() == 11
    daemon.step(0.08)
    assert daemon.created() == 12
    append(logs / "laravel.log", record(12))
    daemon.step(0.02)
    daemon.stop()
    daemon.start()
    assert daemon.created() == 13


def test_nothing_is_committed_when_nothing_is_new(daemon: Stepper, logs: Path) -> None:
    """An idle daemon does not write to its state."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.settle()
    last = daemon.health().last_commit
    for _ in range(20):
        daemon.step(1.0, moved=False)
    assert daemon.health().last_commit == last


def test_files_that_grow_are_looked_at_often(daemon: Stepper, logs: Path) -> None:
    """For ten seconds after growth the next look is due within 100 ms; then it is left to the watch and a slow poll."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.step(30.0)
    assert [daemon.daemon.loop.live] == [False]
    append(logs / "laravel.log", record(10))
    daemon.step(0.2, moved=False)
    assert [daemon.daemon.loop.live] == [True]
    assert daemon.step(9.0, moved=False) <= 0.1
    assert daemon.step(1.1, moved=False) == pytest.approx(1.0)
    assert [daemon.daemon.loop.live] == [False]


@pytest.mark.parametrize("jump", [-7200.0, 7200.0], ids=["back", "forward"])
def test_clock_that_jumps(daemon: Stepper, logs: Path, jump: float) -> None:
    """A clock that is set back or forward stops neither commits, nor refreshes, nor the end of a silence."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    append(logs / "laravel.log", record(10))
    daemon.step(0.02)
    open_end = b"[2025-10-09 10:53:20] production.INFO: Public booking created"
    append(logs / "laravel-2.log", open_end)
    daemon.step(0.02)
    due = daemon.step(jump, moved=False)
    assert due <= 1.0
    append(logs / "laravel-3.log", records(20, 25))
    for _ in range(8):
        daemon.step(0.9, moved=False)
    assert daemon.created() == 17


def test_quiet_after_ends_a_record(daemon: Stepper, logs: Path) -> None:
    """A record whose end cannot be told is counted after half a second of silence, once."""
    append(logs / "laravel.log", records(0, 5))
    daemon.settle()
    append(logs / "laravel.log", b"[2025-10-09 10:53:20] production.INFO: Public booking created")
    assert daemon.step(0.2) <= 0.5
    assert daemon.created() == 5
    daemon.step(0.3)
    assert daemon.created() == 5
    daemon.step(0.3)
    assert daemon.created() == 6
    append(logs / "laravel.log", b" with a late end\n" + record(7))
    daemon.settle()
    assert daemon.created() == 7


def test_context_that_closes_ends_a_record(daemon: Stepper, logs: Path) -> None:
    """A record whose context closes is counted at once, without waiting for silence."""
    append(logs / "laravel.log", records(0, 5))
    daemon.settle()
    append(logs / "laravel.log", record(5))
    daemon.step(0.11)
    assert daemon.created() == 6


def test_lag_ends_with_a_truncation(daemon: Stepper, logs: Path) -> None:
    """A file that was emptied before its last bytes could be read leaves no lag behind."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.store.failing = True
    append(logs / "laravel.log", record(10))
    daemon.step(0.2)
    append(logs / "laravel.log", records(11, 20))
    daemon.step(0.2)
    os.truncate(logs / "laravel.log", 0)
    daemon.store.failing = False
    daemon.settle()
    log = daemon.health().logs["app"]
    assert (log.lag_bytes, log.oldest_uncommitted) == (0, None)


def test_many_blocks_in_turns(tmp_path: Path, logs: Path) -> None:
    """A daemon that has caught up reads a file of many blocks in turns with others."""
    with Stepper.following(tmp_path, f"{logs}/laravel*.log") as daemon:
        daemon.settle()
        append(logs / "laravel.log", b"".join(record(number, pad=HEAVY) for number in range(70)))
        append(logs / "laravel-2.log", records(0, 5))
        daemon.settle()
        assert daemon.created() == 75


def test_progress_is_told_while_catching_up(tmp_path: Path, logs: Path) -> None:
    """The progress of a catch-up is told as bytes done and bytes in all."""
    append(logs / "laravel.log", records(0, 10))
    told: list[tuple[int, int]] = []
    with Stepper.following(tmp_path, f"{logs}/laravel*.log") as daemon:
        daemon.daemon.loop._progress = lambda done, total: told.append((done, total))
        daemon.daemon.loop.publish()
        daemon.settle()
        assert told == [(0, 0), (840, 840)]


def test_names_of_logs_are_remembered(tmp_path: Path, logs: Path) -> None:
    """A log without files is known to the state after the first commit, so that its later files are read whole."""
    with Stepper(tmp_path, LogSettings("app", (f"{logs}/none*.log",))) as daemon:
        daemon.settle()
        daemon.stop()
        assert Store.read(daemon.path).logs == {"app"}
        assert Store.read(daemon.path).exposed
        daemon.start()
        daemon.settle()
