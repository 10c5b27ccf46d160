"""Which of several files that hold the same content goes on with it, and what counts in the others."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
@pytest.mark.parametrize("older", ["laravel.log.2", "laravel.log.2.gz"])
@pytest.mark.parametrize("newer", ["laravel.log.1", "laravel.log.1.gz"])
@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_copy_that_holds_most(tmp_path: Path, logs: Path, glob: str, older: str, newer: str, *, off: bool) -> None:
    """Of two copies of a truncated log the one made last is read on, compressed or not, named by the glob or not."""
    log = logs / "laravel.log"
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        append(log, records(0, 10))
        daemon.settle()
        if off:
            daemon.stop()
        for path, last in ((logs / older, 10), (logs / newer, 20)):
            append(log, records(10, last))
            path.write_bytes(gzip.compress(log.read_bytes()) if path.suffix == ".gz" else log.read_bytes())
        os.truncate(log, 0)
        append(log, records(20, 25))
        if off:
            daemon.start()
        daemon.settle()
        assert (daemon.created(), daemon.losses(), daemon.rotations()) == (25, {}, {"truncated": 1})
        daemon.crash()
        daemon.settle()
        assert (daemon.created(), daemon.losses(), daemon.rotations()) == (25, {}, {"truncated": 1})


def written(path: Path, now: float, data: bytes) -> None:
    append(path, data)
    os.utime(path, (now, now))


@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
@pytest.mark.parametrize("kind", ["early copy", "half-written gzip", "new", "new gzip"])
def test_what_begins_like_released_content(tmp_path: Path, logs: Path, glob: str, kind: str) -> None:
    """A short file that begins like what was released is its copy if it was written before that grew last, else new."""
    log, old, short = logs / "laravel.log", logs / "laravel.log.1", logs / "laravel.log.2"
    begin = record(0, pad=300)
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        written(log, daemon.now, begin + records(1, 10))
        daemon.settle()
        log.rename(old)
        written(log, daemon.now, records(20, 30))
        daemon.settle()
        written(old, daemon.now, b"".join(record(number, pad=number * 37 % 300) for number in range(10, 20)))
        data, when = old.read_bytes(), daemon.now
        daemon.step(0.6, moved=False)
        old.unlink()
        daemon.step(700)
        daemon.step(700)  # the descriptor is released
        daemon.crash()
        if kind == "half-written gzip":
            data = gzip.compress(data)[:-200]
        elif kind.startswith("new"):
            data = begin + records(100, 105)
            data = gzip.compress(data) if kind.endswith("gzip") else data
        else:
            data = data[:-200]
        written(short, when if kind == "early copy" else daemon.now, data)
        os.truncate(log, 0)
        written(log, daemon.now, records(30, 40))
        daemon.settle()
        assert daemon.created() == (46 if kind.startswith("new") else 40)


@pytest.mark.parametrize("failing", [False, True], ids=["read", "not read yet"])
def test_replaced_by_a_longer_copy_while_a_worker_writes_to_the_old_file(
    daemon: Stepper, logs: Path, *, failing: bool
) -> None:
    """What a worker writes to a file after its longer copy took its place is counted, until it is silent."""
    log, fresh = logs / "laravel.log", logs / "new"
    append(log, records(0, 10))
    daemon.settle()
    with log.open("ab") as worker:
        daemon.store.failing = failing
        fresh.write_bytes(records(0, 15))
        fresh.replace(log)
        daemon.step(6.0)
        daemon.step(6.0)
        worker.write(records(20, 22))
        worker.flush()
        daemon.step(6.0)
        daemon.store.failing = False
        daemon.settle()
        assert (daemon.created(), daemon.losses(), daemon.rotations()) == (17, {}, {"replaced": 1})
        daemon.step(700)
        daemon.step(700)
    assert (daemon.held(), daemon.losses()) == (1, {})


def test_open_record_of_a_rotated_file_after_days_off(daemon: Stepper, logs: Path) -> None:
    """A record whose end only silence tells is counted after days without a look, though its file was rotated."""
    log = logs / "laravel.log"
    append(log, b"[2025-10-09 10:53:20] production.INFO: Public booking created {torn" + b"x" * 300)
    daemon.step()
    log.rename(logs / "laravel.log.1")
    daemon.step(0.1)
    daemon.stop()
    daemon.advance(50 * 3600)
    daemon.start()
    daemon.settle()
    assert (daemon.created(), daemon.held(), daemon.losses()) == (1, 0, {})


@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_early_copy_of_what_was_truncated(tmp_path: Path, logs: Path, glob: str, *, packed: bool) -> None:
    """A copy of the beginning of what is gone without a full copy adds nothing, and the loss is told."""
    log, copy = logs / "laravel.log", logs / "laravel.log.1"
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        written(log, daemon.now, records(0, 10))
        written(copy, daemon.now, records(0, 10))
        written(log, daemon.now, records(10, 12))
        daemon.step()
        os.truncate(log, 0)
        if packed:
            written(logs / "laravel.log.1.gz", daemon.now, gzip.compress(copy.read_bytes()))
            copy.unlink()
        daemon.step(0.02)
        written(log, daemon.now, records(20, 25))
        daemon.settle()
        assert (daemon.created(), daemon.losses()["possible_losses_total{app,truncated}"]) == (17, 1)


@pytest.mark.parametrize("glob", ["laravel*.log", "laravel*"], ids=["outside", "inside"])
def test_rotated_again_after_a_rename_inside_the_glob(tmp_path: Path, logs: Path, glob: str) -> None:
    """What came to the place of a file that was renamed inside the glob is read from the copy that was made of it."""
    log = logs / "laravel.log"
    with Stepper.following(tmp_path, f"{logs}/{glob}") as daemon:
        written(log, daemon.now, records(0, 10))
        daemon.settle()
        daemon.stop()
        log.rename(logs / "laravel-1.log")
        written(log, daemon.now, records(10, 15))
        written(logs / "laravel.log.1", daemon.now, records(10, 15))
        os.truncate(log, 0)
        daemon.advance(2.0)
        daemon.start()
        daemon.settle()
        written(log, daemon.now, records(15, 20))
        daemon.settle()
        assert (daemon.created(), daemon.losses()) == (20, {})


@pytest.mark.parametrize("second", [True, False], ids=["one second", "two seconds"])
def test_files_that_share_what_may_have_been_written_twice(wide: Stepper, logs: Path, *, second: bool) -> None:
    """What two files share before they part counts once; if it is all of one second, a possible loss is told."""
    shared = b"".join(record(0 if second else number) for number in range(5))
    append(logs / "laravel.log", shared)
    wide.refresh()
    append(logs / "laravel-copy.log", shared)
    append(logs / "laravel.log", records(10, 60))
    append(logs / "laravel-copy.log", records(100, 105))
    wide.settle()
    assert 256 < len(shared) < 1024 < (logs / "laravel.log").stat().st_size
    assert wide.created() == 5 + 50 + 5
    assert wide.losses() == ({"possible_losses_total{app,replaced}": 1} if second else {})


def test_copy_of_a_longer_copy_whose_original_grew_too(wide: Stepper, logs: Path) -> None:
    """Of two equal copies that hold more than their original, which went on as well, one is read."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    wide.settle()
    append(log, records(20, 22))
    for name in ("laravel.log.1", "laravel.log.2"):
        append(logs / name, records(0, 15))
    wide.settle()
    assert (wide.created(), wide.losses()) == (17, {})
