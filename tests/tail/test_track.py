"""The set of followed files: errors of the system at any place, and clocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path


def break_descriptor(daemon: Stepper, name: str) -> None:
    """Make the open file named `name` fail at each read, as a stale network mount does."""
    for tail in daemon.daemon.tracker.tails:
        if tail.path.endswith(name) and tail.file is not None:
            null = os.open("/", os.O_PATH)
            os.dup2(null, tail.file.descriptor)
            os.close(null)


def test_file_that_fails_is_opened_again(daemon: Stepper, logs: Path) -> None:
    """A file whose descriptor fails is let go, counted, and read on when it can be opened again."""
    append(logs / "laravel.log", records(0, 10))
    append(logs / "laravel-2.log", records(50, 60))
    daemon.settle()
    break_descriptor(daemon, "laravel.log")
    append(logs / "laravel.log", records(10, 12))
    append(logs / "laravel-2.log", records(60, 62))
    daemon.settle()
    daemon.settle()
    assert daemon.created() == 24
    assert daemon.counters()["read_errors_total{app,other}"] == 1
    assert daemon.losses() == {}
    assert daemon.rotations() == {}


def test_rotated_file_that_fails_is_not_let_go(daemon: Stepper, logs: Path) -> None:
    """A rotated file cannot be opened again under its name: its descriptor is kept, and the errors counted."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    (logs / "laravel.log").rename(logs / "laravel.log.1")
    daemon.step(1)
    break_descriptor(daemon, "laravel.log")
    append(logs / "laravel.log.1", record(11))
    for _ in range(5):
        daemon.step(1)
    assert daemon.held() == 1
    assert daemon.counters()["read_errors_total{app,other}"] >= 1


def test_failing_while_commits_fail(daemon: Stepper, logs: Path) -> None:
    """A file that cannot be measured while commits fail is counted and opened again."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.store.failing = True
    append(logs / "laravel.log", records(10, 12))
    daemon.step(0.2)
    break_descriptor(daemon, "laravel.log")
    daemon.step(0.2)
    daemon.store.failing = False
    daemon.settle()
    daemon.settle()
    assert daemon.created() == 12


def test_file_that_vanishes_between_look_and_open(daemon: Stepper, logs: Path) -> None:
    """A link whose target changes between two looks pairs with what is there when it is opened."""
    append(logs / "a", records(0, 10))
    (logs / "laravel.log").symlink_to("a")
    daemon.settle()
    append(logs / "b", records(50, 60))
    (logs / "laravel.log").unlink()
    (logs / "laravel.log").symlink_to("b")
    daemon.settle()
    (logs / "laravel.log").unlink()
    (logs / "laravel.log").symlink_to("gone")
    daemon.settle()
    assert daemon.created() == 20


def test_seen_under_another_name_after_a_rotation(daemon: Stepper, logs: Path) -> None:
    """A file that left the glob and came back is the same file."""
    log, away = logs / "laravel.log", logs / "away"
    append(log, records(0, 10))
    daemon.settle()
    log.rename(away)
    daemon.settle()
    append(away, records(10, 11))
    away.rename(logs / "laravel-again.log")
    daemon.settle()
    assert daemon.created() == 11
    assert daemon.states() == {"laravel-again.log": "active"}


def test_descriptors_do_not_leak(wide: Stepper, logs: Path) -> None:
    """Rotating many times leaves open what is followed, and nothing else."""

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (only their number counts)

    append(logs / "laravel.log", records(0, 5))
    wide.settle()
    before = descriptors()
    for number in range(1, 30):
        (logs / "laravel.log").unlink()
        append(logs / "laravel.log", records(number * 10, number * 10 + 5))
        wide.settle()
        wide.step(601)
    assert wide.created() == 150
    assert wide.held() == 1
    assert descriptors() <= before + 1


def test_old_file_beside_a_log_that_cannot_be_read(daemon: Stepper, logs: Path) -> None:
    """A log that opens and cannot be read keeps nobody from the files beside it, which are held once."""
    append(logs / "laravel.log.1", records(0, 10))
    (logs / "laravel.log").symlink_to("/proc/self/mem")  # reading it where nothing is mapped is an I/O error
    daemon.settle()
    append(logs / "laravel.log.1", records(10, 12))
    daemon.settle()
    links = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208
    assert (daemon.created(), links.count(str(logs / "laravel.log.1"))) == (2, 1)
    assert daemon.counters()["read_errors_total{app,io}"] > 0
