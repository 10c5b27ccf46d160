"""Scenarios with compressed files that the hunt over the state machine found (`make hunt`), in their shortest form.

Each is played by the machine of `tests.model`, whose oracle compares every record at the end.
"""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

from tests.support.stepper import Stepper, append, records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.model.test_machine import Following

ONE = [("context", 300)]
DAYS = 50 * 3600.0


def test_compressed_copy_in_the_glob_of_what_was_not_read(app: Following) -> None:
    """What was written and rotated while the log was known to be empty is read, though its gzip file is in the glob."""
    app.begin(wide=True, archived=False, before=True, strange=False)
    app.truncate()
    app.settle()
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.restart()
    app.compress(which=0)
    app.settle()


def test_unread_file_compressed_after_a_crash(app: Following) -> None:
    """A file that was met and not read before a crash is known by its head, and read in its gzip file."""
    app.begin(wide=True, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.6)
    app.restart()
    for _ in range(2):
        app.rename(dated=False)
        app.write(shapes=ONE, cut=None)
    app.step(seconds=6.0)
    app.crash()
    app.compress(which=0)
    app.compress(which=0)
    app.settle()


def test_crash_before_a_compressed_generation_is_read(app: Following) -> None:
    """A gzip file that was found to hold an unseen generation is read as that after a crash, too."""
    app.begin(wide=True, archived=False, before=False, strange=True)
    app.settle()
    app.replace(longer=False)
    app.rename(dated=False)
    app.write(shapes=ONE, cut=None)
    app.compress(which=0)
    app.step_without_a_word_of_changes(seconds=6.0)
    app.crash()
    app.settle()


def test_open_record_of_what_was_compressed(app: Following) -> None:
    """A record that only silence ends is counted in the gzip file of what was deleted before a crash."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.step(seconds=0.0)
    app.write(shapes=[("context", 300), ("message", 700)], cut=None)
    app.step(seconds=0.2)
    app.deploy()
    app.compress(which=0)
    app.step(seconds=0.2)
    app.crash()
    app.settle()


def test_compressed_on_the_inode_of_one_that_is_gone(wide: Stepper, logs: Path, tmp_path: Path) -> None:
    """What is compressed while off, on an inode of which older content is known, goes on in its gzip file."""
    old, log, away = logs / "laravel-1.log", logs / "laravel-2.log", tmp_path / "away"
    append(old, records(0, 10))
    wide.settle()
    wide.stop()
    old.rename(away)
    wide.start()
    append(log, records(10, 20))
    wide.settle()
    told = wide.losses()  # of the old one, which was moved away
    wide.stop()
    append(log, records(20, 30))
    away.write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    away.rename(logs / "laravel-2.log.gz")
    wide.start()
    wide.settle()
    assert (wide.created(), wide.losses()) == (30, told)


def test_compressed_unread_behind_its_successor(daemon: Stepper, logs: Path) -> None:
    """A file that was compressed before it was read, and another rotated after it, are no sign of a loss."""
    log = logs / "laravel.log"
    log.touch()
    daemon.settle()
    append(log, records(0, 10))
    daemon.refresh()
    packed = logs / "laravel.log.2.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    (logs / "laravel.log.1").write_bytes(records(10, 20))
    append(log, records(20, 30))
    for path in (packed, logs / "laravel.log.1", log, logs):
        os.utime(path, (daemon.now, daemon.now))
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})


def test_compressed_after_a_silence_behind_its_successor(daemon: Stepper, logs: Path) -> None:
    """The gzip file of what was idle before it was rotated, with another after it, is no sign of a loss either."""
    log, packed = logs / "laravel.log", logs / "laravel.log.2.gz"
    append(log, records(0, 10))
    daemon.settle()
    packed.write_bytes(gzip.compress(log.read_bytes()))
    os.utime(packed, (daemon.now - 100, daemon.now - 100))
    log.unlink()
    (logs / "laravel.log.1").write_bytes(records(10, 20))
    append(log, records(20, 30))
    for path in (logs / "laravel.log.1", log, logs):
        os.utime(path, (daemon.now, daemon.now))
    daemon.settle()
    assert (daemon.created(), daemon.losses()) == (30, {})


def test_barely_begun_gzip_file_of_a_deleted_log(app: Following) -> None:
    """A gzip file in the making that holds too little to be told from others is no content that came unseen."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.settle()
    app.deploy()
    app.begin_to_compress(which=0, part=0.72)
    app.settle()
    app.end_compressing()
    app.settle()


def test_barely_begun_gzip_file_on_the_inode_of_an_empty_one(app: Following) -> None:
    """A gzip file in the making does not go on with an empty file whose inode it was given."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.02)
    app.copy()
    app.truncate_an_old_file(which=5)
    app.copytruncate(dated=False)
    app.write(shapes=ONE, cut=None)
    app.restart()
    app.rename(dated=False)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.crash()
    app.begin_to_compress(which=10, part=0.54)
    app.end_compressing()
    app.begin_to_compress(which=1, part=0.42)
    app.settle()


def test_gzip_file_made_anew_on_the_inode_of_the_one_before(app: Following) -> None:
    """A gzip file that is not what it was is put aside, and not read as what it is made to."""
    app.begin(wide=True, archived=False, before=True, strange=False)
    app.copytruncate(dated=False)
    app.step(seconds=0.02)
    app.write(shapes=ONE, cut=None)
    app.begin_to_compress(which=1, part=0.68)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.restart()
    app.begin_to_compress(which=1, part=0.31)
    app.settle()


def test_compressed_in_the_glob_since_a_truncation_was_noticed(app: Following) -> None:
    """What was written behind a truncation, copied and compressed is read, though nobody looked at the places since."""
    app.begin(wide=True, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.step(seconds=0.6)
    app.write(shapes=ONE * 2, cut=0.53)
    app.truncate()
    app.step_without_a_word_of_changes(seconds=0.02)
    app.flush()
    app.copytruncate(dated=False)
    app.compress(which=5)
    app.settle()


def test_heir_that_cannot_be_opened_when_it_is_met(app: Following) -> None:
    """A gzip file in the glob that cannot be opened at first goes on with what is in it, once it can be."""
    app.begin(wide=True, archived=False, before=False, strange=True)
    app.settle()
    app.rename(dated=False)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=10)
    app.begin_to_compress(which=9, part=0.42)
    app.end_compressing()
    app.restart()
    app.forbid(which=7)
    app.step(seconds=0.0)
    app.settle()


def test_heir_that_is_a_copy_of_another_file(app: Following) -> None:
    """Of two files that parted, one is gone and the other half compressed: that is read as neither's rest."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.step(seconds=0.2)
    app.replace(longer=True)
    app.write(shapes=ONE, cut=None)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=11)
    app.deploy()
    app.step(seconds=0.6)
    app.begin_to_compress(which=6, part=0.58)
    app.crash()
    app.settle()


def test_copy_of_what_was_truncated_into_something_unreadable(app: Following) -> None:
    """A copy is not read as new while what it may be a copy of was truncated, and is sought in what cannot be read."""
    app.begin(wide=True, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.copy()
    app.copy()
    app.step_without_a_word_of_changes(seconds=0.2)
    app.compress(which=10)
    app.compress(which=10)
    app.write(shapes=ONE, cut=None)
    app.forbid(which=4)
    app.step_without_a_word_of_changes(seconds=0.02)
    app.truncate()
    app.step(seconds=0.6)
    app.crash()
    app.step_without_a_word_of_changes(seconds=0.0)
    app.settle()


def test_dated_gzip_file_that_cannot_be_read_at_first(app: Following) -> None:
    """A compressed daily file that cannot be read may be what is missed, though it is no generation of it."""
    app.begin(wide=False, archived=False, before=True, strange=False)
    app.step_without_a_word_of_changes(seconds=0.0)
    app.write(shapes=ONE, cut=None)
    app.rename(dated=True)
    app.restart()
    app.compress(which=1)
    app.forbid(which=2)
    app.step_without_a_word_of_changes(seconds=0.6)
    app.settle()


def test_compressed_generation_behind_a_log_that_was_copied(app: Following) -> None:
    """A generation that came unseen is sought also where what stands at the log's place counts in a copy of it."""
    app.begin(wide=True, archived=False, before=False, strange=True)
    app.delete(grow=True)
    app.settle()
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.write(shapes=ONE, cut=None)
    app.copy()
    app.compress(which=10)
    app.settle()


def test_early_copy_that_is_met_after_days_without_a_look(app: Following) -> None:
    """What is gone is known until all was looked at once more, however long that took: an early copy adds nothing."""
    app.begin(wide=False, archived=False, before=False, strange=False)
    app.write(shapes=[("plain", 5000)], cut=None)
    app.step(seconds=0.2)
    app.copytruncate(dated=True)
    app.begin_to_compress(which=3, part=0.07)
    app.truncate_an_old_file(which=9)
    app.step_without_a_word_of_changes(seconds=0.02)
    app.advance(seconds=DAYS)
    app.settle()


def test_heir_of_one_of_two_that_are_gone(app: Following) -> None:
    """Of two files that parted and are both gone, what is left goes on with the one that it shares most with."""
    app.begin(wide=False, archived=True, before=False, strange=True)
    app.step(seconds=0.6)
    app.replace(longer=True)
    app.copytruncate(dated=False)
    app.write_to_an_old_file(shapes=ONE, cut=None, which=8)
    app.step(seconds=0.6)
    app.compress(which=11)
    app.crash()
    app.settle()


def test_compressed_beside_the_copy_of_what_was_truncated(app: Following) -> None:
    """A compressed generation is put aside before anything is compared, so that it is found where it is missed."""
    app.begin(wide=True, archived=False, before=False, strange=False)
    app.write(shapes=ONE, cut=None)
    app.step_without_a_word_of_changes(seconds=0.02)
    app.copytruncate(dated=True)
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.compress(which=5)
    app.settle()


def test_compressed_on_the_inode_of_an_unfinished_gzip_file(app: Following) -> None:
    """A gzip file that was put aside and is another by now, on its inode and at its place, may be what is missed."""
    app.begin(wide=True, archived=False, before=True, strange=False)
    app.copy()
    app.begin_to_compress(which=3, part=0.17)
    app.step_without_a_word_of_changes(seconds=0.02)
    app.step_without_a_word_of_changes(seconds=6.0)
    app.delete(grow=False)
    app.write(shapes=ONE, cut=None)
    app.copytruncate(dated=False)
    app.compress(which=7)
    app.settle()
