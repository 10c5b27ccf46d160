"""The simulated app at work (I/O): its log files with their rotations, and its database.

Layout below one directory: `storage/logs/laravel.log` (rotated to `.1`, `.2`, `.3`), the daily
`storage/logs/calcom-YYYY-MM-DD.log`, and `database.sqlite`. Nothing is written anywhere else.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING

from exporter.demo.simulate import simulate

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from io import FileIO
    from pathlib import Path
    from random import Random

    from exporter.demo.stage import Appointment, Written

ROTATE_BYTES = 1 << 20
_KEPT = 3
_LATE_RECORDS = 3
_KEPT_DAYS = 3
_TICK = 0.05
_OUTCOMES = ("completed", "completed", "cancelled", "completed", "rescheduled", "no_show", "completed")
_WAITING = 40
"""Appointments that are saved before one takes place."""
_DELETED_EACH = 25
_FIRST_BOOKING_ID = 12_000_000
_NUMBER_GAP = 1_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    migration VARCHAR(255) NOT NULL UNIQUE,
    batch INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS appointments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    company_id INTEGER NOT NULL,
    status VARCHAR(255) NOT NULL,
    source VARCHAR(255),
    calcom_v2_booking_id VARCHAR(255),
    starts_at TIMESTAMP,
    created_at TIMESTAMP,
    deleted_at TIMESTAMP
);
CREATE UNIQUE INDEX IF NOT EXISTS unique_calcom_v2_booking_id ON appointments (calcom_v2_booking_id);
CREATE INDEX IF NOT EXISTS appointments_status_created_at_company_id_index
    ON appointments (status, created_at, company_id);
INSERT OR IGNORE INTO migrations (migration, batch) VALUES
    ('2025_01_01_000000_create_appointments_table', 1),
    ('2025_10_06_115958_add_unique_constraint_to_calcom_v2_booking_id', 2);
"""


class AppLog:
    """The app's log folder. `laravel.log` is rotated by rename and by copytruncate in turn.

    After a rename, a few records still go to the renamed file, as from a queue worker that has
    not opened the new one yet (Monolog up to 3.9).
    """

    def __init__(self, folder: Path, rotate_bytes: int = ROTATE_BYTES) -> None:
        """Create `folder` and open `laravel.log`; rotate it once it has `rotate_bytes`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "laravel.log"
        self._folder = folder
        self._rotate_bytes = rotate_bytes
        self._file = self._open(self.path)
        self._daily: tuple[Path, FileIO] | None = None
        self._late = 0
        self._renames_next = True

    @staticmethod
    def _open(path: Path) -> FileIO:
        return path.open("ab", buffering=0)

    def write(self, written: Written) -> None:
        """Append one record to its file."""
        if written.file == "calcom":
            self._calcom(written.time).write(written.raw)
            return
        if self._late:
            self._late -= 1
            if not self._late:
                self._file.close()
                self._file = self._open(self.path)
        self._file.write(written.raw)
        if not self._late and self._file.tell() >= self._rotate_bytes:
            self._rotate()

    def _calcom(self, moment: datetime) -> FileIO:
        path = self._folder / f"calcom-{moment:%Y-%m-%d}.log"
        if self._daily is None or self._daily[0] != path:
            if self._daily is not None:
                self._daily[1].close()
            for old in sorted(self._folder.glob("calcom-*.log"))[:-_KEPT_DAYS]:
                old.unlink()
            self._daily = path, self._open(path)
        return self._daily[1]

    def _rotate(self) -> None:
        copies = [self.path.with_name(f"laravel.log.{number}") for number in range(1, _KEPT + 1)]
        for older, newer in zip(reversed(copies), reversed(copies[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        if self._renames_next:
            self.path.rename(copies[0])
            self._late = _LATE_RECORDS + 1
        else:
            shutil.copyfile(self.path, copies[0])
            self._file.truncate(0)
        self._renames_next = not self._renames_next

    def close(self) -> None:
        """Close the files; what was written stays."""
        self._file.close()
        if self._daily is not None:
            self._daily[1].close()


class AppDatabase:
    """The app's SQLite database: the `appointments` and `migrations` tables."""

    def __init__(self, path: Path) -> None:
        """Open or create the database."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)

    def last_number(self) -> int:
        """Return a booking number above every one used so far, also by bookings that were not saved."""
        query = "SELECT max(CAST(calcom_v2_booking_id AS INTEGER)) FROM appointments"
        (last,) = self._connection.execute(query).fetchone()
        return 0 if last is None else int(last) - _FIRST_BOOKING_ID + _NUMBER_GAP

    def insert(self, row: Appointment) -> None:
        """Save one appointment, and let an older one take place, fail to, or be deleted."""
        saved = self._connection.execute(
            "INSERT INTO appointments (company_id, status, source, calcom_v2_booking_id, starts_at, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (row.company_id, row.status, row.source, row.booking_id, _stamp(row.starts_at), _stamp(row.created_at)),
        )
        number = saved.lastrowid or 0
        outcome = _OUTCOMES[number % len(_OUTCOMES)]
        self._connection.execute("UPDATE appointments SET status = ? WHERE id = ?", (outcome, number - _WAITING))
        if number % _DELETED_EACH == 0:
            deleted = (_stamp(row.created_at), number - 2 * _WAITING)
            self._connection.execute("UPDATE appointments SET deleted_at = ? WHERE id = ?", deleted)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


class App:
    """The simulated app: a stream of records into its log and database, and the sum of what they should count."""

    def __init__(self, directory: Path, rng: Random, clock: Callable[[], datetime], rotate_bytes: int) -> None:
        """Open the log and the database below `directory`; `clock` returns aware local time."""
        self.log = AppLog(directory / "storage" / "logs", rotate_bytes)
        self.database = AppDatabase(directory / "database.sqlite")
        self.counts: Counter[str] = Counter()
        self._records: Iterator[Written] = simulate(rng, clock, self.database.last_number())

    def write(self, records: int) -> None:
        """Write the next `records` records."""
        for _, written in zip(range(records), self._records, strict=False):
            if written.appointment is not None:
                self.database.insert(written.appointment)
            self.log.write(written)
            self.counts.update(written.counts)

    def run(self, rate: float, stop: threading.Event) -> None:
        """Write `rate` records a second until `stop` is set."""
        begun, written = time.monotonic(), 0
        while not stop.wait(_TICK):
            due = int((time.monotonic() - begun) * rate) - written
            self.write(due)
            written += due

    def close(self) -> None:
        """Close the files and the database."""
        self.log.close()
        self.database.close()
