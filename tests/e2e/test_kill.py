"""Exactly once, whenever the daemon dies: 40,000 records, rotations, and at least 12 kills."""

from __future__ import annotations

from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon
from tests.support.monitor import Monitor
from tests.support.oracle import differences
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

RECORDS = 40_000
KILLS = 12
"""A third of them hits the daemon while it starts, the others when it follows."""
SEED = 20251006


class LiveWriter(Thread):
    """Writes all records at a steady pace, with a rotation about every 2,000 of them."""

    def __init__(self, writer: LogWriter, records: int) -> None:
        super().__init__(daemon=True)
        self.writer = writer
        self.finished = Event()
        self.error: BaseException | None = None
        self._records = records
        self._rng = Random(SEED)

    def run(self) -> None:
        """Write until all is written."""
        try:
            self._write()
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            self.error = error
        finally:
            self.finished.set()

    def _write(self) -> None:
        rotations = (self.writer.rotate_by_rename, self.writer.copytruncate)
        turns = 0
        while self.writer.records < self._records:
            self.writer.write(self._rng.randrange(20, 180))
            turns += 1
            if turns % 20 == 0:
                self._rng.choice(rotations)()
            if turns % 120 == 0:
                self.writer.switch_day()
            Event().wait(self._rng.random() * 0.05)


@pytest.mark.slow
def test_every_counter_equals_what_was_written_after_a_dozen_kills(tmp_path: Path, logs: Path, start: datetime) -> None:
    """No record is lost or counted twice, and no counter falls, through SIGKILLs at random moments and rotations."""
    rng = Random(SEED)
    writer = LogWriter(logs, seed=SEED, start=start, styles=("line", "line", "line", "json"))
    daemon = Daemon(tmp_path / "daemon", "--log", f"{logs}/laravel*.log", "--log", f"{logs}/calcom*.log")
    live = LiveWriter(writer, RECORDS)
    kills = 0
    writer.write(100)
    with Monitor(daemon) as monitor, daemon:
        daemon.wait_ready()  # before its first commit a daemon knows nothing of what is rotated beside a log
        live.start()
        while kills < KILLS or not live.finished.is_set():
            if kills % 3:
                daemon.wait_ready()
            daemon.live(rng.random() * 0.6)
            daemon.kill()
            kills += 1
            daemon.start()
        assert live.error is None
        daemon.wait_ready()
        shown = daemon.settle(writer.expected.values, deadline=15)
    writer.close()
    assert writer.records >= RECORDS
    assert differences(writer.expected.values, shown.samples) == []
    assert monitor.faults == []
    assert monitor.exposed()
    assert shown.total("booking_exporter_possible_losses_total") == 0
    assert shown.total("booking_exporter_read_bytes_total") == writer.bytes
    assert shown.total("booking_exporter_unparsed_lines_total") == writer.unparsed
    assert min(writer.rotations[kind] for kind in ("rename", "copytruncate", "daily")) >= 2
