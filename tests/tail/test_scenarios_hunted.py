"""Scenarios that the hunt over the state machine found (`make hunt`), in their shortest form.

Each is played by the machine of `tests.model`, whose oracle compares every record at the end.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.stepper import Stepper, append, records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.model.test_machine import Following

ONE = [("context", 300)]
DAYS = 50 * 3600.0


def test_two_copies_of_which_the_first_is_gone(app: Following) -> None:
    """Of two rotations between two looks the second is read, though the copy of the first was deleted."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.copytruncate(dated=False)
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.delete_an_old_file(which=1)
    app.settle()


def test_two_rotations_of_what_was_not_read(app: Following) -> None:
    """Both generations that came to a log's place between two looks and before it was read are read."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.copytruncate(dated=False)
    app.step(seconds=0.6)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=0)
    for _ in range(2):
        app.write(shapes=ONE, cut=None)
        app.copytruncate(dated=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.6)
    app.crash()
    app.copytruncate(dated=False)
    app.settle()


def test_early_copy_in_a_folder_that_leaves_sight(app: Following) -> None:
    """A copy of the beginning of what was truncated adds nothing, though both are seen after days, out of sight."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.copy()
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.0)
    app.truncate()
    app.advance(seconds=DAYS)
    app.deploy()
    app.settle()


def test_rotated_into_an_archive_before_its_release_was_seen(app: Following) -> None:
    """What a new release's log held before it was rotated into a folder for copies is read, though never seen there."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.copy()
    app.delete(grow=True)
    app.settle()
    app.write(shapes=ONE, cut=None)
    app.crash()
    app.deploy()
    app.step(seconds=0.6)
    app.write(shapes=ONE, cut=None)
    app.rename(dated=False)
    app.write(shapes=ONE, cut=None)
    app.crash()
    app.settle()


def test_copy_of_a_deleted_file_after_days_off(app: Following) -> None:
    """What was unlinked before days without a daemon is still known when it is missed, so its copy adds nothing."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.copy()
    app.delete(grow=False)
    app.step(seconds=0.6)
    app.restart()
    app.write(shapes=ONE, cut=None)
    app.advance(seconds=DAYS)
    app.settle()


def test_rotations_while_commits_fail_and_over_a_restart(app: Following) -> None:
    """Since when unread content may have come and gone is remembered, so a generation before it is read."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.disk_full(failing=True)
    app.copytruncate(dated=False)
    app.step(seconds=0.02)
    app.disk_full(failing=False)
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.2)
    app.restart()
    app.settle()


def test_copy_moved_out_of_the_glob_that_grows_after_a_restart(app: Following) -> None:
    """What a worker writes to a copy is read over a restart, wherever the copy was moved."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.step(seconds=0.6)
    app.write(shapes=ONE, cut=None)
    app.copy()
    app.rename(dated=False)
    app.settle()
    app.write_to_an_old_file(shapes=ONE, cut=None, which=0)
    app.restart()
    app.settle()


def test_early_copy_of_a_longer_copy_that_is_gone(app: Following) -> None:
    """A copy that holds less than a longer copy that was read and deleted adds nothing after a crash."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.write(shapes=ONE, cut=None)
    app.replace(longer=True)
    app.copy()
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.step(seconds=0.6)
    app.delete_an_old_file(which=2)
    app.crash()
    app.settle()


def test_no_bytes_are_told_of_what_may_be_a_copy(app: Following) -> None:
    """Of a deleted file that was not read, bytes are lost only if nothing known begins like it."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.truncate()
    app.step_without_a_word_of_changes(seconds=0.2)
    app.write(shapes=[("message", 700)], cut=None)
    app.deploy()
    app.compress(which=0)
    app.step_without_a_word_of_changes(seconds=6.0)
    app.crash()
    app.settle()


def test_files_that_part_soon(app: Following) -> None:
    """What two files share counts once, though they part before the next length at which heads are compared."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=[("torn line", 700)], cut=None)
    app.step(seconds=0.02)
    app.replace(longer=True)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=0)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.settle()


def test_truncated_and_replaced_while_off_for_days(app: Following) -> None:
    """A file that grew lately when it was seen last, and is gone after days without a daemon, is a possible loss."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.settle()
    app.write(shapes=ONE, cut=None)
    app.truncate()
    app.restart()
    app.advance(seconds=DAYS)
    app.write(shapes=ONE, cut=None)
    app.replace(longer=False)
    app.settle()


def test_early_copy_of_what_went_on_with_a_deleted_file(app: Following) -> None:
    """When the file grew that goes on with another's content is known over a crash, so its early copy adds nothing."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.write(shapes=ONE, cut=None)
    app.replace(longer=True)
    app.step(seconds=0.2)
    app.copy()
    app.write(shapes=ONE, cut=None)
    app.crash()
    app.step_without_a_word_of_changes(seconds=0.0)
    app.crash()
    app.replace(longer=False)
    app.settle()


def test_deleted_while_commits_failed_and_nobody_looked(app: Following) -> None:
    """What a deleted file still holds is read when commits succeed again, though that is at the first look for long."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.disk_full(failing=True)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.write(shapes=ONE, cut=None)
    app.delete(grow=False)
    app.step(seconds=0.0)
    app.advance(seconds=700.0)
    app.settle()


# What live writers found that rotate within moments of a look, in its shortest form.


class Meanwhile:
    """What happens while the daemon works: it asks between its steps whether it is to stop, for the n-th time here."""

    def __init__(self, turn: int, happen: Callable[[], object], *, stop: bool = False) -> None:
        self.left = turn
        self.happen = happen
        self.stop = stop

    def __bool__(self) -> bool:
        self.left -= 1
        if not self.left:
            self.happen()
        return self.stop and self.left <= 0


@pytest.mark.parametrize("stop", [False, True], ids=["reading", "told to stop"])
def test_truncated_between_its_first_look_and_its_first_read(daemon: Stepper, logs: Path, *, stop: bool) -> None:
    """What a file held when it was told from others is read in its copy, though nothing of it was read before."""
    log, copy = logs / "laravel.log", logs / "laravel.log.1"
    log.touch()
    daemon.settle()

    def rotate() -> None:
        shutil.copyfile(log, copy)
        log.write_bytes(records(20, 30))

    log.write_bytes(records(0, 20))
    daemon.stopping = Meanwhile(2, rotate, stop=stop)  # type: ignore[assignment]  # asked for its truth only
    daemon.step(0.1, moved=False)
    daemon.stopping = False
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})


def test_truncated_before_its_first_read_and_its_copy_read(tmp_path: Path, logs: Path) -> None:
    """What was not read when it was truncated is no loss where a copy of it was met and read before that was seen."""
    log, copy = logs / "laravel.log", logs / "laravel.1.log"
    with Stepper.following(tmp_path, f"{logs}/laravel*.log") as daemon:
        log.touch()
        daemon.settle()
        log.write_bytes(records(0, 20))
        daemon.refresh()
        shutil.copyfile(log, copy)
        os.utime(copy, (daemon.now, daemon.now))
        log.write_bytes(records(20, 30))
        os.utime(log, (daemon.now + 1, daemon.now + 1))
        daemon.settle()
        assert (daemon.created(), daemon.losses()) == (30, {})


def test_copy_at_the_place_of_its_log_that_grew_and_was_truncated(app: Following) -> None:
    """What a copy grew by before it was copied and truncated in turn is read in that copy."""
    app.begin(wide=False, archived=False, before=False, strange=True)
    app.replace(longer=True)
    app.restart()
    app.copy()
    app.step_without_a_word_of_changes(seconds=0.6)
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.settle()


@pytest.mark.parametrize("name", ["laravel.log.{}", "laravel.{}.log"])
@pytest.mark.parametrize(("kept", "created", "told"), [(2, 40, 1), (3, 50, 1), (4, 50, 0)])
def test_rotated_beyond_what_is_kept_between_two_looks(
    daemon: Stepper, logs: Path, *, name: str, kept: int, created: int, told: int
) -> None:
    """Where a log's file was rotated until it was deleted, those after it may have been, too: that is told."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    for first in (10, 20, 30, 40):
        daemon.advance(1)
        for number in range(kept, 0, -1):
            place = logs / name.format(number)
            if number == kept:
                place.unlink(missing_ok=True)
            elif place.exists():
                place.rename(logs / name.format(number + 1))
        log.rename(logs / name.format(1))
        append(log, records(first, first + 10))
        for path in (log, logs):
            os.utime(path, (daemon.now, daemon.now))
    daemon.settle()
    assert daemon.created() == created
    assert daemon.losses() == ({"possible_losses_total{app,deleted}": told} if told else {})


def test_truncated_out_of_sight_and_seen_again_after_a_restart(app: Following) -> None:
    """A file that was truncated while no glob named it, and no commit came through, is read anew after a restart."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.disk_full(failing=True)
    app.step(seconds=0.2)
    app.copytruncate(dated=False)
    app.write(shapes=ONE, cut=None)
    app.disk_full(failing=False)
    app.deploy()
    app.delete_an_old_file(which=1)
    app.step(seconds=0.6)
    app.restart()
    app.settle()


def test_copy_truncated_before_its_folder_leaves_sight(app: Following) -> None:
    """A copy that became a log of its own while the daemon was off is read in a folder that no glob names any more."""
    app.begin(wide=False, archived=True, before=True, strange=False)
    app.step(seconds=0.02)
    app.deploy()
    app.write(shapes=ONE, cut=None)
    app.copy()
    app.step(seconds=0.6)
    app.truncate()
    app.write(shapes=ONE, cut=None)
    app.deploy()
    app.restart()
    app.settle()


def test_replaced_by_its_copy_and_written_on_before_a_crash(app: Following) -> None:
    """A file that lost its name is not read on before its place was looked at, where a copy of it may stand."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.replace(longer=True)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=4)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.crash()
    app.settle()


def test_truncated_unread_with_an_early_copy(app: Following) -> None:
    """Of what was truncated before it was read no more is lost than stands in no early copy of it."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.copy()
    app.copytruncate(dated=False)
    app.deploy()
    app.disk_full(failing=True)
    app.step(seconds=0.6)
    app.write(shapes=[("trace", 700)], cut=None)
    app.delete_an_old_file(which=6)
    app.copy()
    app.write(shapes=ONE, cut=None)
    app.rename(dated=True)
    app.write(shapes=ONE, cut=None)
    app.copy()
    app.step(seconds=0.2)
    app.truncate_an_old_file(which=7)
    app.settle()


def test_copied_just_after_it_could_not_be_read(app: Following) -> None:
    """A copy of a log that could not be read when it was met is read, however shortly before or after it was made."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.forbid(which=2)
    app.step_without_a_word_of_changes(seconds=0.2)
    app.copytruncate(dated=False)
    app.settle()


def test_held_while_its_former_content_is_sought(app: Following) -> None:
    """A file out of sight that was truncated while off is held at once, also while its copy is sought in vain."""
    app.begin(wide=False, archived=True, before=False, strange=False)
    app.deploy()
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.deploy()
    app.step_without_a_word_of_changes(seconds=0.6)
    app.compress(which=1)
    app.forbid(which=11)
    app.write(shapes=ONE * 2, cut=0.63)
    app.step(seconds=0.6)
    app.truncate()
    app.roll_back(which=9)
    app.crash()
    app.compress(which=6)
    app.step_without_a_word_of_changes(seconds=0.0)
    app.compress(which=0)
    app.settle()


def test_rotated_and_truncated_before_it_was_seen_there(app: Following) -> None:
    """A file that was rotated and truncated while off is held by its inode, so that what comes to it is read."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.step(seconds=0.6)
    app.write(shapes=ONE * 2, cut=0.35)
    app.rename(dated=False)
    app.crash()
    app.write(shapes=ONE, cut=None)
    app.truncate_an_old_file(which=5)
    app.step_without_a_word_of_changes(seconds=0.02)
    app.settle()


def test_copy_of_an_original_that_cannot_be_opened_again(app: Following) -> None:
    """A copy waits for its original, which cannot be opened after a restart: it does not take its place meanwhile."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE * 2, cut=0.29)
    app.step_without_a_word_of_changes(seconds=0.2)
    app.write(shapes=[("message", 90)], cut=0.71)
    app.copy()
    app.forbid(which=2)
    app.rename(dated=True)
    app.flush()
    app.compress(which=1)
    app.restart()
    app.step_without_a_word_of_changes(seconds=0.0)
    app.compress(which=3)
    app.settle()


def test_rotated_again_after_it_was_truncated(app: Following) -> None:
    """A generation that was truncated and numbered anew while off is found by its inode, and read."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.settle()
    app.rename(dated=False)
    app.restart()
    app.settle()
    app.crash()
    app.truncate_an_old_file(which=9)
    app.write(shapes=ONE, cut=None)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=1)
    app.rename(dated=False)
    app.settle()


def test_replaced_by_a_copy_twice(app: Following) -> None:
    """A copy of a file that is not read to its end waits for that, and is not told from an earlier one instead."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.6)
    app.write(shapes=ONE, cut=None)
    app.replace(longer=True)
    app.step_without_a_word_of_changes(seconds=0.2)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=3)
    app.write(shapes=ONE, cut=None)
    app.replace(longer=True)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.settle()


def test_crash_between_what_two_files_share_and_what_they_do_not(app: Following) -> None:
    """Where an unlinked file parts from its copy, what both share is read in the copy: a crash leaves it to that."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.step(seconds=0.6)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.write(shapes=ONE, cut=None)
    app.replace(longer=True)
    app.copytruncate(dated=False)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=8)
    app.step(seconds=0.6)
    app.crash()
    app.settle()


@pytest.mark.parametrize("settled", [False, True], ids=["written since", "known to be empty"])
def test_unread_and_replaced_by_its_copy_before_a_crash(app: Following, *, settled: bool) -> None:
    """Of two files that are not read yet the one that has a name is read first: the other is gone after a crash."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    if settled:
        app.truncate()
        app.settle()
    else:
        app.settle()
        app.truncate()
    app.write(shapes=ONE, cut=None)
    app.replace(longer=True)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=10)
    (app.step if settled else app.step_without_a_word_of_changes)(seconds=0.6)
    app.crash()
    app.settle()


def test_open_record_of_a_deleted_copy(app: Following) -> None:
    """A record that waits for silence in a copy that is deleted while off is counted in the original, out of sight."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.step_without_a_word_of_changes(seconds=0.02)
    app.crash()
    app.deploy()
    app.deploy()
    app.write(shapes=[("message", 300)], cut=None)
    app.copy()
    app.compress(which=5)
    app.step_without_a_word_of_changes(seconds=0.02)
    app.compress(which=3)
    app.roll_back(which=3)
    app.delete_an_old_file(which=10)
    app.restart()
    app.settle()


def test_copy_of_a_copy_that_took_over_what_was_unread(app: Following) -> None:
    """What goes on with unread content of another is known by its own head, so that a copy of it is told from it."""
    app.begin(wide=True, archived=False, before=True, strange=False)
    app.delete(grow=True)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.write(shapes=ONE, cut=None)
    app.replace(longer=True)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=11)
    app.copy()
    app.step_without_a_word_of_changes(seconds=0.0)
    app.settle()
