"""Scenarios of restarts that no other test holds."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from exporter.config.schema import LogSettings
from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path

CREATED_AT = 1_760_000_000.0
"""The time of the stepper's records where they are read as UTC: 2025-10-09 08:53:20."""


@pytest.mark.parametrize("kill", [False, True], ids=["stop", "kill"])
def test_ended_at_every_byte_of_a_record(daemon: Stepper, logs: Path, *, kill: bool) -> None:
    """Stopped or killed with any part of a record written, the daemon counts it once when the rest is there."""
    data = record(5).replace(b"created", "für Jürgen created".encode())
    for cut in range(0, len(data), 11):
        append(logs / "laravel.log", data[:cut])
        daemon.step(0.2)
        daemon.step(0.7 if cut % 2 else 0.0)
        if kill:
            daemon.crash()
        else:
            daemon.stop()
        append(logs / "laravel.log", data[cut:])
        if not kill:
            daemon.start()
        daemon.settle()
        assert daemon.counters()["log_records_total{info}"] == cut // 11 + 1
    assert "unparsed_lines_total{app}" not in daemon.counters()
    assert daemon.losses() == {}


@pytest.mark.parametrize("copy", ["plain", "gzip", "none"])
def test_truncated_while_off(daemon: Stepper, logs: Path, copy: str) -> None:
    """A file that was truncated while the daemon was off is read on in its copy; without one it is a possible loss."""
    log = logs / "laravel.log"
    append(log, records(0, 10))
    daemon.settle()
    daemon.stop()
    append(log, records(10, 20))
    if copy != "none":
        data = log.read_bytes()
        (logs / f"laravel.log.1{'.gz' * (copy == 'gzip')}").write_bytes(gzip.compress(data) if copy == "gzip" else data)
    os.truncate(log, 0)
    append(log, records(20, 26))
    daemon.start()
    daemon.settle()
    for _ in range(2):
        daemon.crash()
        daemon.settle()
    assert daemon.created() == (16 if copy == "none" else 26)
    assert daemon.losses() == ({"possible_losses_total{app,truncated}": 1} if copy == "none" else {})
    assert daemon.rotations() == {"truncated": 1}


def test_empty_state(daemon: Stepper, logs: Path) -> None:
    """A state that was emptied is lost, which is loud, and no history is counted again; a prepared place is none."""
    append(logs / "laravel.log", records(0, 10))
    daemon.settle()
    daemon.stop()
    daemon.path.write_bytes(b"")
    lost_at = daemon.now
    daemon.start()
    daemon.settle()
    assert (daemon.exposed(), daemon.created(), daemon.daemon.view.snapshot.state_lost) == (True, 0, lost_at)
    daemon.stop()
    daemon.path.write_bytes(b"")
    daemon.path.with_name("state.sqlite.lock").unlink()
    daemon.start()
    assert not daemon.exposed()
    daemon.settle()
    assert (daemon.exposed(), daemon.created(), daemon.daemon.view.snapshot.state_lost) == (True, 10, None)


def rejected(number: int, time: str) -> bytes:
    context = f'{{"booking_id":{number},"age_seconds":-64.5}}'
    return f"[2025-10-09 {time}] production.ERROR: Stale booking detected {context} \n".encode()


def test_time_zone_changed_in_the_configuration(tmp_path: Path, logs: Path) -> None:
    """After the time zone is changed nothing is counted again; new records have their times by the new zone."""
    log = logs / "laravel.log"
    settings = [
        LogSettings("app", (f"{logs}/laravel*.log",), timezone=zone) for zone in ("America/New_York", "Europe/Berlin")
    ]
    with Stepper(tmp_path, settings[0]) as daemon:
        daemon.settle()
        append(log, rejected(1, "10:53:20"))
        daemon.settle()
        offset = daemon.health().logs["app"].clock_offset
        assert offset is not None
        assert 5 * 3600 < offset < 7 * 3600
        shown = daemon.counters()
        daemon.stop()
        append(log, rejected(2, "10:53:20"))
        daemon.start(settings[1])
        daemon.settle()
        append(log, rejected(3, "10:53:20"))
        daemon.settle()
        name = "duplicate_booking_rejections_total{layer1,stale_booking}"
        assert (shown[name], daemon.counters()[name]) == (1, 3)
        offset = daemon.health().logs["app"].clock_offset
        assert offset is not None
        assert abs(offset) < 60
        # Gauges of event times never fall.
        assert daemon.daemon.view.snapshot.last_events["stale_booking"] >= CREATED_AT
        assert daemon.losses() == {}


def test_compressed_while_off_is_no_hang(daemon: Stepper, logs: Path) -> None:
    """The search for a log in large compressed files says that it gets on: the watchdog waits no longer than that."""
    log = logs / "laravel.log"
    append(log, records(0, 10) + (b"#" * 1023 + b"\n") * (16 << 10) + records(10, 20))
    daemon.settle()
    daemon.stop()
    (logs / "laravel.log.1.gz").write_bytes(gzip.compress(log.read_bytes(), 1))
    log.unlink()
    daemon.start()
    before = daemon.worked
    daemon.refresh()
    assert daemon.worked - before >= 64
    daemon.settle()
    assert daemon.created() == 20
    assert daemon.losses() == {}
