"""A state that cannot be used: one message, the last snapshot stays, and nothing is lost or counted twice."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import run, run_once
from tests.support.states import run_sql
from tests.support.stepper import append, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.faults.fault import Faults
    from tests.support.daemon import Daemon
    from tests.support.scrape import Scrape

V1 = Path(__file__).parents[1] / "checkpoint" / "state_v1.sql"
CREATED = 'api_gateway_appointments_created_total{source="public"}'
FAILING = "booking_exporter_commit_failing"
WRITES = {
    ("write", errno.ENOSPC): "no space is left",
    ("write", errno.EIO): "input/output error",
    ("write", errno.EROFS): "",
    ("sync", errno.EIO): "input/output error",
    ("stat", errno.EACCES): "cannot be found",
}
"""What fails while the daemon runs, and what its log says."""
STARTS = [("", "open", errno.EACCES), ("", "read", errno.EIO), ("*", "write", errno.ENOSPC)]
"""What fails at a start: behind the state's name, the call and its error."""


def complaints(daemon: Daemon) -> list[str]:
    """Return the lines of the daemon's own log about a failing commit."""
    return [line for line in daemon.stderr.splitlines() if "the state cannot be written" in line]


def hold_out(daemon: Daemon, logs: Path, number: float, fault: AbstractContextManager[None]) -> None:
    """Append to the log during a fault: what was shown stays, and once the fault is over all is counted."""
    failures = daemon.scrape()["booking_exporter_commit_failures_total"]
    with fault:
        append(logs / "laravel.log", records(int(number), int(number) + 5))
        shown = daemon.wait_for(lambda shown: shown[FAILING] == 1, "the failing commit is shown")
        assert shown[CREATED] == number
        assert shown["booking_exporter_uncommitted_bytes"] > 0
    shown = daemon.wait_for(lambda shown: shown[FAILING] == 0 and shown[CREATED] >= number + 5, "all is counted")
    assert shown[CREATED] == number + 5
    assert shown["booking_exporter_commit_failures_total"] > failures
    assert shown.total("booking_exporter_possible_losses_total") == 0


def test_state_that_cannot_be_written(daemon: Daemon, faults: Faults, logs: Path) -> None:
    """Whatever fails at a commit, the last snapshot stays and one line says why; all is counted when it is over."""
    for number, ((call, error), words) in enumerate(WRITES.items()):
        hold_out(daemon, logs, 5.0 * number, faults.on(f"{daemon.state}*", call, error=error))
        told = complaints(daemon)
        assert len(told) == number + 1
        assert str(daemon.state) in told[-1]
        assert words in told[-1]
    daemon.kill()
    daemon.start()
    daemon.wait_ready()
    assert daemon.scrape()[CREATED] == 5 * len(WRITES)


def test_state_locked_by_another_program(daemon: Daemon, logs: Path) -> None:
    """While another program holds SQLite's lock commits fail and are shown; then all is counted."""

    @contextmanager
    def lock() -> Iterator[None]:
        with closing(sqlite3.connect(daemon.state, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    hold_out(daemon, logs, 0.0, lock())
    (told,) = complaints(daemon)
    assert "another process keeps it locked" in told


@pytest.fixture
def counted(tmp_path: Path, logs: Path) -> tuple[str, ...]:
    """Return the arguments of a run on a state in which ten records are counted."""
    append(logs / "laravel.log", records(0, 10))
    arguments = ("--log", f"{logs}/laravel*.log", "--state", str(tmp_path / "state.sqlite"))
    assert run_once(*arguments)[CREATED] == 10
    return arguments


def test_state_that_cannot_be_used_at_a_start(counted: tuple[str, ...], faults: Faults, logs: Path) -> None:
    """What fails at a start ends it with code 2 and one line; the state is kept and goes on later."""
    state = Path(counted[-1])
    append(logs / "laravel.log", records(10, 14))
    for suffix, call, error in STARTS:
        with faults.on(f"{state}{suffix}", call, error=error):
            done = run("run", "--once", *counted, prefix=faults.prefix)
        (line,) = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (2, "")
        assert str(state) in line
    assert [path.name for path in state.parent.glob("state.sqlite.corrupt*")] == []
    assert run_once(*counted)[CREATED] == 14


def garbage(state: Path) -> None:
    state.write_bytes(b"no database" * 1000)


def torn(state: Path) -> None:
    state.write_bytes(state.read_bytes()[:6000])


@pytest.mark.parametrize("damage", [garbage, torn])
def test_damaged_state(counted: tuple[str, ...], logs: Path, damage: Callable[[Path], None]) -> None:
    """A damaged state is set aside and told, and counting goes on from the files' ends, not from history."""
    state = Path(counted[-1])
    damage(state)
    done = run("run", "--once", *counted)
    (line,) = done.stderr.splitlines()
    assert "damaged" in line
    assert len(list(state.parent.glob("state.sqlite.corrupt-*"))) == 1
    append(logs / "laravel.log", records(10, 13))
    shown = run_once(*counted)
    assert shown[CREATED] == 3
    assert shown["booking_exporter_state_lost_timestamp_seconds"] > 0


def test_states_of_other_versions(counted: tuple[str, ...]) -> None:
    """A state of the first schema is used; one that needs a newer version is refused and left as it is."""
    state = Path(counted[-1])
    state.unlink()
    run_sql(state, V1.read_text())
    run_sql(state, "DELETE FROM files")
    shown = run_once(*counted)
    assert shown["booking_exporter_state_lost_timestamp_seconds"] == 1_750_000_000.5
    assert shown[CREATED] == 10
    run_sql(state, "UPDATE meta SET value = 99 WHERE name = 'minimum_reader'; PRAGMA user_version = 99")
    before = state.read_bytes()
    done = run("run", "--once", *counted)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert "newer" in line
    assert state.read_bytes() == before


def test_state_that_is_read_only(counted: tuple[str, ...], faults: Faults) -> None:
    """On a file system that is mounted read-only a start ends with code 2 and one line, and nothing is changed."""
    state = Path(counted[-1])
    before = state.read_bytes()
    with faults.on(f"{state}*", "open", "write", "sync", error=errno.EROFS):
        done = run("run", "--once", *counted, prefix=faults.prefix)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, str(state) in line) == (2, True)
    assert state.read_bytes() == before


def is_counted(number: int) -> Callable[[Scrape], bool]:
    return lambda shown: shown[CREATED] == number


def shown_clock(shown: Scrape) -> float:
    return shown["booking_exporter_last_commit_timestamp_seconds"]


def test_clock_that_jumps(daemon: Daemon, faults: Faults, logs: Path) -> None:
    """A wall clock set forward or back by hours stops neither counting nor commits, and shows no false lag."""
    number = 0
    before = 0.0
    shown = daemon.scrape()
    for shift in (0, 7200, -7200, 86400):
        faults.shift_clock(shift)
        append(logs / "laravel.log", records(number, number + 5))
        (logs / f"laravel-{number}.log").write_bytes(records(1000 + number, 1000 + number + 5))
        number += 10
        shown = daemon.wait_for(is_counted(number), "all is counted", deadline=4)
        assert abs(shown_clock(shown) - before) > 3600
        before = shown_clock(shown)
        daemon.wait_for(lambda shown: shown.total("booking_exporter_lag_seconds") == 0, "no lag is left")
    assert shown.total("booking_exporter_possible_losses_total") == 0
    assert shown.total("booking_exporter_read_errors_total") == 0
