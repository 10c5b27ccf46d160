"""The simulated app's files: rotations, the daily file, and the database."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from exporter.demo.__main__ import COUNTS_FILE, main
from exporter.demo.app import App, AppDatabase, AppLog
from exporter.demo.stage import Appointment, Written
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)


def line(number: int) -> Written:
    return Written("laravel", MOMENT, b"%07d\n" % number)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_rotation_by_rename_keeps_a_late_writer(tmp_path: Path) -> None:
    """After a rename, three records still go to the renamed file, the next to a new one."""
    log = AppLog(tmp_path, rotate_bytes=16)
    inode = log.path.stat().st_ino
    for number in range(6):
        log.write(line(number))
    log.close()
    renamed = tmp_path / "laravel.log.1"
    assert renamed.stat().st_ino == inode
    assert renamed.read_bytes() == b"".join(line(number).raw for number in range(5))
    assert log.path.read_bytes() == line(5).raw


def test_rotation_by_copytruncate_keeps_the_file(tmp_path: Path) -> None:
    """Every second rotation copies the file and empties it; older copies move up, the fourth is dropped."""
    log = AppLog(tmp_path, rotate_bytes=16)
    inodes = set()
    for number in range(62):
        log.write(line(number))
        inodes.add(log.path.stat().st_ino if log.path.exists() else 0)
    log.close()
    copies = sorted(path.name for path in tmp_path.iterdir())
    assert copies == ["laravel.log", "laravel.log.1", "laravel.log.2", "laravel.log.3"]
    newest = b"".join((tmp_path / name).read_bytes() for name in (*copies[:0:-1], copies[0]))
    assert b"".join(line(number).raw for number in range(62)).endswith(newest)
    assert len(inodes) < 62 / 4


def test_calcom_file_follows_the_date(tmp_path: Path) -> None:
    """Webhook records go to the file of their day; files beyond the third day back are removed."""
    log = AppLog(tmp_path)
    for day in range(5):
        log.write(Written("calcom", MOMENT + timedelta(days=day), b"x\n"))
        log.write(Written("calcom", MOMENT + timedelta(days=day), b"y\n"))
    log.close()
    names = sorted(path.name for path in tmp_path.glob("calcom-*"))
    assert names == [f"calcom-2026-03-0{day}.log" for day in (2, 3, 4, 5)]
    assert (tmp_path / names[-1]).read_bytes() == b"x\ny\n"


def test_appointments_take_place_and_are_deleted(tmp_path: Path) -> None:
    """Older rows change while new ones come: the series of the database move."""
    database = AppDatabase(tmp_path / "database.sqlite")
    for number in range(200):
        database.insert(Appointment(str(number), "booked", "call", 1, MOMENT, MOMENT))
    database.close()
    found = rows(tmp_path / "database.sqlite", "SELECT status, count(*) FROM appointments GROUP BY status")
    assert ("booked", 40) in found
    assert {status for status, _ in found} == {"booked", "completed", "cancelled", "rescheduled", "no_show"}
    assert rows(tmp_path / "database.sqlite", "SELECT count(deleted_at) FROM appointments") == [(5,)]


def test_database_has_the_apps_table_and_indexes(tmp_path: Path) -> None:
    """The appointments table has the app's unique key and index under their names, and the migration is noted."""
    path = tmp_path / "database.sqlite"
    AppDatabase(path).close()
    unique = rows(path, "SELECT name FROM pragma_index_list('appointments') WHERE \"unique\"")
    assert unique == [("unique_calcom_v2_booking_id",)]
    columns = "SELECT name FROM pragma_index_info('appointments_status_created_at_company_id_index')"
    assert rows(path, columns) == [("status",), ("created_at",), ("company_id",)]
    (migration,) = rows(path, "SELECT count(*) FROM migrations WHERE migration LIKE '%_add_unique_constraint_to_%'")
    assert migration == (1,)


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    """A new run's booking numbers lie well above those of the last, also of bookings that were not saved."""
    database = AppDatabase(tmp_path / "database.sqlite")
    assert database.last_number() == 0
    database.insert(Appointment("12000007", "booked", "call", 1, MOMENT, MOMENT))
    assert database.last_number() == 1_007
    database.close()


def test_the_database_refuses_a_second_row_with_one_booking_id(tmp_path: Path) -> None:
    """The unique key is real: the same booking ID cannot be saved twice."""
    database = AppDatabase(tmp_path / "database.sqlite")
    row = Appointment("12000007", "booked", "call", 1, MOMENT, MOMENT)
    database.insert(row)
    with pytest.raises(sqlite3.IntegrityError, match=r"appointments\.calcom_v2_booking_id"):
        database.insert(row)
    database.close()


def test_records_alone_are_written_at_once_and_summed_up(tmp_path: Path) -> None:
    """`python -m exporter.demo DIR --records N` writes N records and leaves what they should count."""
    main([str(tmp_path / "new"), "--records=3000", "--seed=1", "--rotate-bytes=100000000"])
    logs = tmp_path / "new" / "storage" / "logs"
    counts = json.loads((tmp_path / "new" / COUNTS_FILE).read_text("utf-8"))
    headers = sum(path.read_bytes().count(b" production.") for path in logs.iterdir())
    created = sum(value for name, value in counts.items() if "appointments_created" in name)
    assert sum(value for name, value in counts.items() if "log_records_total" in name) == 3000
    assert headers >= 2_900
    assert rows(tmp_path / "new" / "database.sqlite", "SELECT count(*) FROM appointments") == [(created,)]


def test_the_rate_is_kept_until_the_stop(tmp_path: Path) -> None:
    """`run` writes by the clock until it is told to stop, from another thread."""
    app = App(tmp_path, Random(1), lambda: MOMENT, 1 << 20)
    stop = threading.Event()
    timer = threading.Timer(0.4, stop.set)
    timer.start()
    app.run(500, stop)
    timer.join()
    app.close()
    written = sum(value for name, value in app.counts.items() if "log_records_total" in name)
    assert 20 < written < 500


def test_a_signal_ends_the_app_with_its_counts(tmp_path: Path) -> None:
    """SIGTERM ends `python -m exporter.demo`: the counts are left, and signals are handled as before."""
    handler = signal.getsignal(signal.SIGTERM)
    log = tmp_path / "storage" / "logs" / "laravel.log"

    def end_once_it_writes() -> None:
        wait_until(lambda: log.exists() and log.stat().st_size, deadline=20, what="a record in the log")
        os.kill(os.getpid(), signal.SIGTERM)

    other = threading.Thread(target=end_once_it_writes, daemon=True)
    other.start()
    main([str(tmp_path), "--rate=500"])
    other.join()
    assert json.loads((tmp_path / COUNTS_FILE).read_text("utf-8"))
    assert signal.getsignal(signal.SIGTERM) is handler
