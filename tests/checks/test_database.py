"""What `booking-exporter check` says of a database, on every kind of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from exporter.checks.database import check_database
from exporter.config.database import Columns, DatabaseSettings
from exporter.config.database_url import Secret
from tests.support.daemon import free_port
from tests.support.databases import ENCODED, MIGRATION, PASSWORD, STATUS, UNIQUE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Database

NOW = datetime(2025, 7, 1, 12, 0, tzinfo=UTC)
WALL = NOW.replace(tzinfo=None)
OK = "ok    database: "


def said(settings: DatabaseSettings) -> list[str]:
    """Return the lines of the check."""
    lines = [str(one) for one in check_database(settings, NOW.timestamp())]
    assert not [line for line in lines if PASSWORD in line or ENCODED in line]
    return lines


@pytest.fixture
def app(database: Database) -> Database:
    """Return a database of an app that has done everything right."""
    database.execute(UNIQUE, STATUS, f"INSERT INTO migrations (migration) VALUES ('{MIGRATION}')")
    database.insert({"created_at": WALL})
    return database


def test_all_is_well(app: Database) -> None:
    """One line tells what is sampled, and as what its times are read."""
    (line,) = said(app.settings(timezone="UTC"))
    assert line.startswith(f"{OK}{app.family} database ")
    assert line.endswith("table appointments can be read; its times are read as UTC")


def test_an_empty_database(database: Database) -> None:
    """What the app has not done is a warning with the remedy."""
    lines = said(database.settings())
    assert [line.split(":")[0] for line in lines] == ["warn  database"] * 3 + ["ok    database"]
    assert f"no unique index on calcom_v2_booking_id alone: nothing stops duplicates; run {MIGRATION}" in lines[0]
    assert "the app's duplicate lookup scans the whole table; add an index on the booking ID" in lines[1]
    assert f"migration {MIGRATION} is not noted in migrations; run it, or set database.migration" in lines[2]


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(hours=2), "dated 2 h before now, read as UTC; unless no appointment was created since, set"),
        (timedelta(hours=-2), "dated 2 h after now, read as UTC; set database.timezone to what config/app.php has"),
        (timedelta(minutes=40), None),
    ],
)
def test_time_zone(app: Database, age: timedelta, words: str | None) -> None:
    """An offset of whole hours is a warning, any other age of the newest row is none."""
    app.insert({"created_at": WALL - age})
    lines = said(app.settings(timezone="UTC"))
    assert len(lines) == (1 if words is None else 2)
    assert words is None or words in lines[0]


def test_wrong_names(app: Database) -> None:
    """Each column and table that cannot be read fails by name, with the key to change."""
    wrong = Columns(status="state", deleted_at="gone")
    lines = said(app.settings(columns=wrong, migrations_table="migration"))
    fails = [line for line in lines if line.startswith("FAIL")]
    assert len(fails) == 3
    assert "column state of appointments: " in fails[0]
    assert "column gone of appointments: " in fails[1]
    assert "table migration: " in fails[2]
    if app.family != "mysql":  # which does not tell who may not read a column that there is none
        assert "set its name under database.columns" in fails[0]
        assert "without soft deletes, set database.columns.deleted_at to null" in fails[1]
    assert OK not in "".join(lines)


def test_no_table(database: Database) -> None:
    """A table that is not there fails once, or for each column where the server does not tell."""
    lines = said(database.settings(table="bookings"))
    assert lines[0].startswith("FAIL  database: ")
    assert "bookings" in lines[0]


def test_missing_privilege(app: Database) -> None:
    """A column that may not be read is named, with the way to grant it."""
    if not app.user:
        assert said(app.settings())  # SQLite has no users
        return
    app.revoke("created_at")
    (line, *_) = said(app.settings())
    assert line.startswith("FAIL  database: column created_at of appointments: the user may not read it")
    assert "docs/database.md" in line


def test_a_user_that_may_write(app: Database) -> None:
    """More than reading is a warning."""
    if not app.user:
        assert said(app.settings())  # SQLite has no users
        return
    app.execute(f"GRANT INSERT ON appointments TO {app.user}")
    lines = said(app.settings(timezone="UTC"))
    app.execute(f"REVOKE INSERT ON appointments FROM {app.user}")
    assert "the user may write; one that only reads is enough: see docs/database.md" in lines[0]
    assert lines[1].startswith(OK)


def test_windows_without_an_index(database: Database) -> None:
    """A large table without an index on status and time is a warning; a small one is not."""
    words = "no index serves the counts of the last hour and day; add one on (status, created_at)"
    database.execute(UNIQUE)
    database.insert({"created_at": WALL - timedelta(days=9)})
    double = "INSERT INTO appointments (status, created_at) SELECT status, created_at FROM appointments"
    database.execute(*[double] * 10)
    assert not [line for line in said(database.settings()) if words in line]
    database.execute("UPDATE appointments SET id = id + 200000")
    assert [line for line in said(database.settings()) if words in line]
    database.execute(STATUS, "ANALYZE TABLE appointments" if database.family == "mysql" else "ANALYZE")
    assert not [line for line in said(database.settings()) if words in line]


def test_no_replica(app: Database) -> None:
    """A replica that is none fails, with the remedy."""
    (line, *_) = [line for line in said(app.settings(replica=True)) if "replica" in line]
    assert line.startswith("FAIL  database: replica status: ")


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_unreachable(scheme: str) -> None:
    """A server that is not there fails with its place, and without the user's name."""
    url = f"{scheme}://user:{ENCODED}@127.0.0.1:{free_port()}/app"
    (line,) = said(DatabaseSettings(url=Secret(url)))
    assert line.startswith(f"FAIL  database: {scheme} database app at 127.0.0.1: nobody answers there; check host")


def test_wrong_password(database: Database) -> None:
    """A password that is refused is told as that."""
    if not database.user:
        assert said(database.settings())  # SQLite has no users
        return
    (line,) = said(DatabaseSettings(url=Secret(database.url.replace(ENCODED, "wrong"))))
    assert "user or password are refused; correct the URL" in line


def test_no_url(tmp_path: Path) -> None:
    """A file without a URL fails with its name."""
    (line,) = said(DatabaseSettings(url_file=tmp_path / "none"))
    assert line.startswith(f"FAIL  database: {tmp_path}/none: no such file or directory; let database.url_file name")
