"""Copies that cannot be read when they are needed: tried for a minute before anything is declared lost."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from exporter.config.schema import LogSettings
from exporter.tail.neighbours import PATIENCE
from tests.support.stepper import Stepper, append, record, records
from tests.tail.test_track import break_descriptor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.model.test_machine import Following

ONE = [("context", 300)]
TRUNCATED = {"possible_losses_total{app,truncated}": 1}


def kept(path: Path) -> Path:
    """Return where nothing is sought."""
    return path.parent.parent / f"{path.parent.name}-{path.name}"


def lock(path: Path) -> None:
    """Put something at `path` that nobody can open or list, and keep what was there."""
    path.rename(kept(path))
    path.symlink_to(path.name)


def unlock(path: Path) -> None:
    """Put what was at `path` back."""
    path.unlink()
    kept(path).rename(path)


@pytest.fixture
def truncated(daemon: Stepper, logs: Path) -> Stepper:
    """Return a daemon whose log was truncated with records unread, into a copy that cannot be read."""
    log, copy = logs / "laravel.log", logs / "laravel.log.1"
    append(log, records(0, 10))
    daemon.settle()
    append(log, records(10, 20))
    shutil.copyfile(log, copy)
    lock(copy)
    os.truncate(log, 0)
    append(log, records(20, 29))
    return daemon


@pytest.fixture
def between(daemon: Stepper, logs: Path) -> Stepper:
    """Return a daemon whose log was copied and truncated twice since it looked; the second copy cannot be read."""
    log, first, second = (logs / f"laravel.log{suffix}" for suffix in ("", ".1", ".2"))
    append(log, records(0, 10))
    daemon.settle()
    append(log, records(10, 20))
    shutil.copyfile(log, second)
    log.write_bytes(records(20, 30))
    shutil.copyfile(log, first)
    lock(first)
    log.write_bytes(records(30, 40))
    return daemon


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_copy_that_cannot_be_read_at_first(truncated: Stepper, logs: Path, *, off: bool) -> None:
    """A copy that can be read soon after the truncation loses nothing; meanwhile the log is shown as not readable."""
    if off:
        truncated.crash()
    for _ in range(5):
        truncated.step(1)
    assert (truncated.created(), truncated.losses(), truncated.health().logs["app"].up) == (10, {}, False)
    assert 1 <= truncated.counters()["read_errors_total{app,other}"] <= 4
    unlock(logs / "laravel.log.1")
    for _ in range(10):
        truncated.step(1)
    assert (truncated.created(), truncated.losses(), truncated.health().logs["app"].up) == (29, {}, True)
    assert truncated.rotations() == {"truncated": 1}


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_copy_that_can_never_be_read(truncated: Stepper, *, off: bool) -> None:
    """After a minute of vain attempts a loss is declared, and the log is read on."""
    if off:
        truncated.crash()
    for _ in range(6):
        truncated.step(PATIENCE / 6)
    assert (truncated.created(), truncated.losses()) == (10, {})
    truncated.step(PATIENCE / 6)
    truncated.settle()
    assert (truncated.created(), truncated.losses()) == (19, TRUNCATED)
    assert truncated.rotations() == {"truncated": 1}
    for _ in range(7):
        truncated.step(PATIENCE / 6)
    assert truncated.losses() == TRUNCATED


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
@pytest.mark.parametrize("between", [False, True], ids=["copy", "generation between"])
def test_what_can_be_read_only_after_the_last_attempt(app: Following, *, between: bool, off: bool) -> None:
    """Before a loss is declared all is tried once more, however long the wait was that the last attempt began."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.settle()
    for _ in range(1 + between):
        app.write(shapes=ONE, cut=None)
        app.copytruncate(dated=False)
    app.forbid(which=1 + between)
    app.write(shapes=ONE, cut=None)
    if off:
        app.crash()
    for _ in range(40):
        app.daemon.step(1)
    assert (2 + between not in app.shown(), app.daemon.losses()) == (True, {})
    app.world.allow_all()
    app.daemon.step(PATIENCE - 40)
    app.daemon.settle()
    assert (app.shown(), app.daemon.losses()) == (set(range(4 + between)), {})


def test_nothing_is_awaited_once(truncated: Stepper) -> None:
    """A run that ends with the files' ends waits for nothing."""
    truncated.daemon.loop.complete()
    assert (truncated.created(), truncated.losses()) == (19, TRUNCATED)


def test_folder_of_copies_that_cannot_be_listed(tmp_path: Path, logs: Path) -> None:
    """A folder that cannot be listed for a moment is not an empty one."""
    log, archive = logs / "laravel.log", tmp_path / "archive"
    archive.mkdir()
    with Stepper.following(tmp_path, f"{logs}/laravel*.log", rotated=(f"{archive}/*",)) as daemon:
        append(log, records(0, 10))
        daemon.settle()
        append(log, records(10, 20))
        shutil.copyfile(log, archive / "laravel.log.1")
        lock(archive)
        os.truncate(log, 0)
        daemon.step(1)
        append(log, records(20, 30))
        daemon.step(1)
        assert (daemon.created(), daemon.losses()) == (10, {})
        unlock(archive)
        for _ in range(10):
            daemon.step(1)
        assert (daemon.created(), daemon.losses()) == (30, {})


def test_rotated_while_off_to_where_nothing_can_be_listed(tmp_path: Path, logs: Path) -> None:
    """The same holds for a file that was moved there while the daemon was off."""
    log, archive = logs / "laravel.log", tmp_path / "archive"
    archive.mkdir()
    with Stepper.following(tmp_path, f"{logs}/laravel*.log", rotated=(f"{archive}/*",)) as daemon:
        append(log, records(0, 10))
        daemon.settle()
        daemon.stop()
        append(log, records(10, 20))
        log.rename(archive / "laravel.log.1")
        lock(archive)
        daemon.start()
        daemon.settle()
        assert (daemon.created(), daemon.losses()) == (10, {})
        unlock(archive)
        for _ in range(10):
            daemon.step(1)
        assert (daemon.created(), daemon.losses()) == (20, {})


@pytest.mark.parametrize("ever", [True, False], ids=["for a while", "for ever"])
def test_generation_between_that_cannot_be_read(between: Stepper, logs: Path, *, ever: bool) -> None:
    """Of two copies made between two looks the second, unreadable at first, is read later, or is a possible loss."""
    between.settle()
    assert (between.created(), between.losses()) == (30, {})
    if ever:
        unlock(logs / "laravel.log.1")
    for _ in range(7):
        between.step(PATIENCE / 6)
    assert between.created() == (40 if ever else 30)
    assert between.losses() == ({} if ever else {"possible_losses_total{app,deleted}": 1})
    for _ in range(7):
        between.step(PATIENCE / 6)
    assert sum(between.losses().values()) == (not ever)


def test_generation_between_that_cannot_be_read_before_a_restart(between: Stepper, logs: Path) -> None:
    """What is sought and cannot be read is sought on after a crash, and told as a possible loss if it never can be."""
    between.settle()
    between.crash()
    between.settle()
    assert (between.created(), between.losses()) == (30, {})
    unlock(logs / "laravel.log.1")
    for _ in range(10):
        between.step(1)
    assert (between.created(), between.losses()) == (40, {})
    between.crash()
    assert between.store.load().gaps == ""
    for _ in range(10):
        between.step(PATIENCE / 6)
    assert (between.created(), between.losses()) == (40, {})


def test_generation_between_that_can_never_be_read_over_a_restart(between: Stepper) -> None:
    """What is given up after a restart is a possible loss, as it would have been without one."""
    between.settle()
    between.stop()
    between.start()
    for _ in range(10):
        between.step(PATIENCE / 6)
    assert (between.created(), between.losses()) == (30, {"possible_losses_total{app,deleted}": 1})


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_log_that_cannot_be_read_until_it_is_rotated(app: Following, *, off: bool) -> None:
    """A log that was met and could not be opened is known by its inode, and read where it was rotated to."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.forbid(which=0)
    app.step(seconds=0.6)
    if off:
        app.restart()
    app.rename(dated=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.6)
    health, shown = app.daemon.health().logs["app"], {"active": 1, "rotated": 1, "unreadable": 0}
    assert (app.shown(), health.up, health.lag_bytes, health.files) == ({2}, True, 0, shown)
    app.settle()
    assert (app.shown(), app.daemon.losses()) == ({0, 1, 2}, {})


def test_log_that_cannot_be_read_beside_another(app: Following) -> None:
    """That holds too where the new file at its place cannot be opened either."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.forbid(which=0)
    app.step(seconds=0.6)
    app.rename(dated=False)
    app.write(shapes=ONE, cut=None)
    app.forbid(which=1)
    app.step(seconds=0.6)
    app.world.allow(app.world.bodies[0])
    for _ in range(4):
        app.step(seconds=6.0)
    assert (app.shown(), app.daemon.health().logs["app"].up) == ({0, 1}, False)
    app.settle()
    assert (app.shown(), app.daemon.losses()) == ({0, 1, 2}, {})


@pytest.mark.parametrize("empty", [False, True], ids=["alone", "beside an empty one"])
def test_log_that_could_never_be_read_is_told(app: Following, *, empty: bool) -> None:
    """A log that is gone before it could be opened is a possible loss, whatever lies beside it."""
    app.begin(wide=True, archived=False, before=True, strange=False)
    app.forbid(which=0)
    if empty:
        (app.world.folder / "laravel.log.1").touch()
    app.step(seconds=0.6)
    app.delete(grow=False)
    app.settle()
    assert (app.shown(), app.daemon.losses()) == (set(), {"possible_losses_total{app,deleted}": 1})


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_added_log_that_cannot_be_read_at_first(app: Following, *, off: bool) -> None:
    """A log added to a state begins at the end that it had then, however late it can be opened."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.settle()
    daemon, other = app.daemon, app.world.folder / "other.log"
    daemon.stop()
    append(other, records(100, 150))
    other.chmod(0)
    daemon.start(daemon.logs[0], LogSettings("other", (str(other),)))
    daemon.settle()
    if off:
        daemon.crash()
        daemon.settle()
    other.chmod(0o644)
    append(other, records(150, 152))
    for _ in range(4):
        daemon.step(30)
    assert (daemon.counters()["log_records_total{info}"], daemon.losses()) == (2 + 2, {})


def test_another_file_at_the_place_of_one_that_cannot_be_read(app: Following) -> None:
    """A new file is tried at once, however lately the one that stood there before failed."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.forbid(which=0)
    app.step(seconds=0.6)
    app.rename(dated=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.0)
    app.replace(longer=False)
    app.settle()
    assert app.shown() == {0, 1, 2, 3}


def test_copy_beside_a_log_that_cannot_be_read_at_first(app: Following) -> None:
    """What lies beside a log that is met for the first time is passed over once the log could be opened."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.forbid(which=0)
    app.copy()
    app.step(seconds=0.6)
    app.settle()
    assert app.shown() == {0, 1}


def test_copy_of_a_file_that_cannot_be_read(wide: Stepper, logs: Path) -> None:
    """A read error of the original is no truncation of it: the copy waits, and neither is counted again."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    append(log, records(0, 10))
    wide.settle()
    break_descriptor(wide, "laravel.log")
    shutil.copyfile(log, copy)
    append(copy, record(10))
    for _ in range(10):
        wide.step(1)
    assert (wide.created(), wide.losses(), wide.rotations()) == (11, {}, {})


def test_copy_of_a_rotated_file_that_can_never_be_read(wide: Stepper, logs: Path) -> None:
    """A file is not held back for ever by one that it may be a copy of."""
    log, copy = logs / "laravel.log", logs / "laravel-copy"
    append(log, records(0, 10))
    wide.settle()
    log.rename(logs / "old")
    wide.step(1)
    break_descriptor(wide, "laravel.log")
    append(copy, records(0, 10) + record(10))
    for _ in range(6):
        wide.step(PATIENCE / 6)
    assert (wide.created(), wide.losses()) == (10, {})
    wide.step(PATIENCE / 6)
    wide.settle()
    assert (wide.created(), wide.states()["laravel-copy"]) == (21, "active")
