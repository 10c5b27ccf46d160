"""Scenarios of rotation that no other test holds."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.stepper import append, records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stepper import Stepper

MOMENTS = ("before the copy", "in the gap", "after the truncation")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("looks", range(8))
def test_copytruncate_with_a_live_writer(daemon: Stepper, logs: Path, looks: int, *, packed: bool) -> None:
    """Beside a live writer only what was written between copy and truncation, and not seen there, is not counted."""
    log = logs / "laravel.log"
    looked = [bool(looks >> bit & 1) for bit in range(len(MOMENTS))]
    lost = number = 0
    with log.open("ab", buffering=0) as writer:
        writer.write(records(1000, 1008))
        daemon.settle()
        for turn in range(4):
            for moment, look in zip(MOMENTS, looked, strict=True):
                writer.write(records(number, number + 8))
                number += 8
                if look:
                    daemon.step(0.2)
                elif moment == "in the gap":
                    lost += 8
                if moment == "before the copy":
                    copy = logs / f"laravel.log.{turn}{'.gz' if packed else ''}"
                    copy.write_bytes(gzip.compress(log.read_bytes()) if packed else log.read_bytes())
                    os.utime(copy, (daemon.now, daemon.now))
                elif moment == "in the gap":
                    os.truncate(log, 0)
            daemon.settle()
            assert daemon.created() == 8 + number - lost
    # What the copy lacks was read in time, yet more may have followed it unseen.
    assert daemon.losses() == ({"possible_losses_total{app,truncated}": 4} if looked[1] else {})
    assert daemon.rotations() == {"truncated": 4}


@pytest.mark.parametrize("off", [False, True], ids=["running", "off"])
def test_moved_out_of_the_glob(daemon: Stepper, logs: Path, *, off: bool) -> None:
    """A file moved out of the glob with an unread tail is read to its end where it is now."""
    log, away = logs / "laravel.log", logs / "archive-1"
    append(log, records(0, 10))
    daemon.settle()
    if off:
        daemon.stop()
    append(log, records(10, 20))
    log.rename(away)
    if off:
        daemon.start()
    daemon.settle()
    append(away, records(20, 23))
    daemon.settle()
    assert daemon.created() == 23
    assert daemon.rotations() == {"renamed": 1}
    assert daemon.losses() == {}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_old_file_is_read_before_the_new_one(daemon: Stepper, logs: Path, *, packed: bool) -> None:
    """What is left of a file that was rotated while the daemon was off is read first, then the new file."""
    log = logs / "laravel.log"
    error = b"[2025-10-09 10:53:%02d] production.ERROR: "
    grouped = error + b'Failed to save appointment record to database {"error":"%s"} \n'
    report = error + b"%s {} \n"
    key = b"SQLSTATE[23000]: Duplicate entry 'abc' for key 'unique_calcom_v2_booking_id'"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    append(log, grouped % (20, key))
    if packed:
        (logs / "laravel.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
    else:
        log.rename(logs / "laravel.log.1")
    append(log, report % (22, key) + records(10, 14))
    daemon.start()
    daemon.settle()
    # In the right order the framework's report is known to repeat the failed save.
    assert daemon.counters()["duplicate_booking_rejections_total{layer4,unique_constraint}"] == 1
    assert daemon.created() == 14
    assert daemon.losses() == {}


def test_the_right_one_of_many_copies(daemon: Stepper, logs: Path) -> None:
    """A truncated file is read on in that one of several compressed copies that holds its bytes, and in no other."""
    log = logs / "laravel.log"
    for number in range(3, 0, -1):
        copy = logs / f"laravel.log.{number}.gz"
        copy.write_bytes(gzip.compress(records(1000 * number, 1000 * number + 30)))
        os.utime(copy, (daemon.now - 86400 * number, daemon.now - 86400 * number))
    append(log, records(0, 10))
    daemon.settle()
    append(log, records(10, 30))
    (logs / "laravel.log.1.gz").rename(logs / "laravel.log.4.gz")
    (logs / "laravel.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    os.truncate(log, 0)
    append(log, records(30, 35))
    daemon.settle()
    assert daemon.created() == 35
    assert daemon.losses() == {}
