"""Files that only a descriptor holds: read on until they are silent, and let go then."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path


def test_unlinked_file_is_released_after_ten_quiet_minutes(daemon: Stepper, logs: Path) -> None:
    """A deleted file is held while something is written to it, and released ten minutes after the last byte."""
    log = logs / "laravel.log"
    with log.open("ab", buffering=0) as worker:
        worker.write(records(0, 10))
        daemon.settle()
        log.unlink()
        daemon.step(1)
        assert daemon.states() == {"laravel.log": "unlinked"}
        daemon.step(599)
        worker.write(records(10, 12))
        daemon.step(0.2)
        daemon.step(599)
        assert daemon.states() == {"laravel.log": "unlinked"}
    daemon.step(2)
    assert (daemon.held(), daemon.states()) == (0, {"laravel.log": "missing"})
    assert daemon.created() == 12
    assert daemon.rotations() == {"deleted": 1}
    assert daemon.losses() == {}
    daemon.step(48 * 3600 + 1)
    assert daemon.states() == {"laravel.log": "missing"}  # nobody looked in between: what came may be a copy of it
    daemon.step(5)
    assert daemon.states() == {}


def test_truncated_and_deleted_after_hours_without_a_look(daemon: Stepper, logs: Path) -> None:
    """What was written anew to a file before it was deleted is read, however long ago the daemon looked last."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.advance(3600)
    os.truncate(log, 0)
    append(log, records(10, 15))
    log.unlink()
    daemon.settle()
    assert daemon.created() == 15


def test_open_record_of_an_unlinked_file_after_a_time_without_a_look(daemon: Stepper, logs: Path) -> None:
    """A record whose end only silence tells is counted before its unlinked file is let go."""
    log = logs / "laravel.log"
    append(log, records(0, 10) + b"[2025-10-09 10:53:20] production.INFO: Public booking created {torn")
    daemon.step()
    log.unlink()
    daemon.step(0.1)
    daemon.step(3600)
    daemon.step(6.0)
    daemon.step(6.0)
    assert (daemon.created(), daemon.held(), daemon.losses()) == (11, 0, {})


def test_unlinked_while_commits_fail(daemon: Stepper, logs: Path) -> None:
    """What is left unread in a deleted file when it is released, since commits fail, is a possible loss."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.store.failing = True
    append(log, record(10))
    daemon.step(0.2)
    append(log, records(11, 20))
    log.unlink()
    daemon.step(0.2)
    daemon.step(700)
    daemon.store.failing = False
    daemon.step(2)
    daemon.settle()
    assert daemon.created() == 11
    assert daemon.losses() == {
        "possible_losses_total{app,deleted}": 1,
        "possible_loss_bytes_total{app,deleted}": len(records(11, 20)),
    }
