from __future__ import annotations

import re
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint import migrations
from exporter.checkpoint.errors import DamagedError, StateError
from exporter.checkpoint.migrations import STEPS, VERSION, check_version, create, migrate
from exporter.checkpoint.store import Store
from tests.support.states import FILE, LEDGER, NOTHING, SOMETHING, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

V1 = Path(__file__).with_name("state_v1.sql")
PLACE = Path("/state")
ADDED = "CREATE TABLE extra (a TEXT) STRICT;\nALTER TABLE files ADD COLUMN note TEXT NOT NULL DEFAULT 'x; y';\n"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute("BEGIN")
        create(opened, ())
        opened.execute("COMMIT")
        yield opened


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_the_first_schema_is_still_read(path: Path) -> None:
    """The present version opens a state of version 1 and finds every value in it."""
    run_sql(path, V1.read_text())
    with Store.open(path, now=1.0) as store:
        loaded = store.load()
    assert (store.lost, store.created) == (False, False)
    assert loaded.ledger == replace(LEDGER, layers={})
    assert loaded.ledger.histograms["h_seconds", ()].bounds == (0.5, 1.0)
    assert loaded.files == (FILE,)
    assert loaded.logs == {"app"}
    assert loaded.key == b"\xab" * 32
    assert (loaded.exposed, loaded.start_at_end, loaded.state_lost) == (True, False, 1_750_000_000.5)


def test_a_state_of_the_first_schema_is_shown_as_it_is(path: Path) -> None:
    """Looking at a state of version 1 without opening it for a daemon finds it sound, and does not change it."""
    run_sql(path, V1.read_text())
    before = path.read_bytes()
    loaded = Store.read(path)
    assert loaded.ledger == replace(LEDGER, layers={})
    assert path.read_bytes() == before


def test_the_first_schema_has_not_changed(connection: sqlite3.Connection) -> None:
    """schema.sql makes the tables of the kept version 1."""
    tables = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
    with closing(sqlite3.connect(":memory:")) as kept:
        kept.executescript(V1.read_text())
        assert connection.execute(tables).fetchall() == kept.execute(tables).fetchall()


def test_steps_are_applied_once_and_in_order(connection: sqlite3.Connection) -> None:
    """Each step raises the version by one, and a state of our version is left alone."""
    migrate(connection, PLACE, (ADDED,))
    assert version(connection) == 2
    migrate(connection, PLACE, (ADDED, "ALTER TABLE extra ADD COLUMN b TEXT;"))
    assert version(connection) == 3
    migrate(connection, PLACE, (ADDED, "ALTER TABLE extra ADD COLUMN b TEXT;"))
    assert [row[1] for row in connection.execute("PRAGMA table_info(extra)")] == ["a", "b"]


def test_a_new_state_has_all_steps() -> None:
    """A state made now equals one that was brought here step by step."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        create(made, (ADDED,))
        assert version(made) == 2
        assert made.execute("SELECT count(*) FROM extra").fetchone() == (0,)


def test_a_failed_step_leaves_the_old_version(connection: sqlite3.Connection) -> None:
    """A migration that fails in its second step changes nothing."""
    with pytest.raises(sqlite3.Error, match="nowhere"):
        migrate(connection, PLACE, (ADDED, "ALTER TABLE nowhere ADD COLUMN b TEXT;"))
    assert version(connection) == 1
    assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").fetchall()


def test_the_version_before_opens_the_state_of_the_next(path: Path) -> None:
    """After an additive step by a newer version this one reads and writes the state, and keeps what it added."""
    run_sql(path, V1.read_text())
    Store.open(path, now=1.0).close()
    run_sql(path, f"{ADDED} PRAGMA user_version = {2 + len(STEPS)};")
    run_sql(path, "UPDATE files SET note = 'kept';")
    assert SOMETHING.incidents is not None
    assert SOMETHING.violations is not None
    incidents, violations = (page._replace(anew=True) for page in (SOMETHING.incidents, SOMETHING.violations))
    anew = replace(SOMETHING, incidents=incidents, violations=violations)
    with Store.open(path, now=1.0) as store:
        store.commit(anew, [FILE], [], {})
        assert store.load().ledger == LEDGER
    with closing(sqlite3.connect(path)) as connection:
        assert version(connection) == 2 + len(STEPS)
        assert connection.execute("SELECT note FROM files").fetchone() == ("kept",)


def test_a_newer_major_version_is_refused(path: Path) -> None:
    """A state that needs a newer version is refused and left as it is."""
    Store.open(path, now=1.0).close()
    run_sql(path, "PRAGMA user_version = 99; UPDATE meta SET value = '99' WHERE name = 'minimum_reader';")
    with pytest.raises(StateError, match=r"state\.sqlite: was written by a newer booking-exporter \(schema 99"):
        Store.open(path, now=1.0)
    with pytest.raises(StateError, match="newer booking-exporter"):
        Store.read(path)
    run_sql(path, "UPDATE meta SET value = '1' WHERE name = 'minimum_reader';")
    with Store.open(path, now=1.0) as store:
        assert not store.lost
        store.commit(NOTHING, [], [], {})


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta WHERE name = 'minimum_reader'",
        "UPDATE meta SET value = 'x' WHERE name = 'minimum_reader'",
        "PRAGMA user_version = 0",
    ],
)
def test_a_state_without_a_version_is_damaged(connection: sqlite3.Connection, statement: str) -> None:
    """Where the version cannot be told the state is damaged."""
    connection.execute(statement)
    with pytest.raises(DamagedError):
        check_version(connection, PLACE)


ADDITIVE = re.compile(
    r"CREATE TABLE \w+ \(.*\) STRICT(, WITHOUT ROWID)?;|CREATE INDEX .*;"
    r"|ALTER TABLE \w+ ADD COLUMN \w+ \w+( NOT NULL DEFAULT .+)?;",
    re.DOTALL,
)


def test_steps_only_add() -> None:
    """Every statement of every step adds a table, an index, or a column that older versions need not fill."""
    statements = [statement.strip() for step in STEPS for statement in migrations._statements(step)]
    assert statements
    assert [one for one in statements if not ADDITIVE.fullmatch(one)] == []


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE meta;", "ALTER TABLE files ADD COLUMN note TEXT NOT NULL;", "UPDATE meta SET value = '2';"],
)
def test_what_does_not_only_add_would_be_found(statement: str) -> None:
    """The check above refuses what an older version could not live with."""
    assert not ADDITIVE.fullmatch(statement)


def copies(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir() if ".before-" in one.name)


def test_a_copy_is_kept_before_a_migration(path: Path) -> None:
    """The state as it was before is kept for this user only, whole, with what only the WAL held; once."""
    run_sql(path, V1.read_text())
    path.chmod(0o644)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE counters SET value = value + 1 WHERE metric = 'd_total'")
        writer.commit()
        shutil.copy(path.with_name(path.name + "-wal"), path.parent / "kept")
    (path.parent / "kept").rename(path.with_name(path.name + "-wal"))
    before = path.with_name(f"{path.name}.before-{VERSION}")
    with Store.open(path, now=1.0) as store:
        store.commit(SOMETHING, [FILE], [], {})
    assert copies(path) == [before.name]
    assert stat.S_IMODE(before.stat().st_mode) == 0o600
    found = Store.read(before)
    assert found.ledger is not None
    with closing(sqlite3.connect(before)) as connection:
        assert version(connection) == 1
    written = before.stat().st_mtime_ns
    Store.open(path, now=2.0).close()
    assert before.stat().st_mtime_ns == written


def test_a_new_state_leaves_no_copy(path: Path) -> None:
    """Nothing is copied where nothing was, nor at later starts."""
    for now in (1.0, 2.0):
        Store.open(path, now=now).close()
    assert copies(path) == []


def test_only_the_newest_copies_are_kept(path: Path) -> None:
    """Copies of long gone versions are removed, an unfinished one is replaced, and other files are left alone."""
    run_sql(path, V1.read_text())
    for name in (f"-{VERSION + 1}", "-0", "-1", "-mine", f"-{VERSION}.tmp"):
        path.with_name(f"{path.name}.before{name}").write_bytes(b"x")
    Store.open(path, now=1.0).close()
    kept = {f"{path.name}.before-{number}" for number in (VERSION, VERSION + 1)}
    assert set(copies(path)) == kept | {f"{path.name}.before-mine"}


def test_a_copy_that_cannot_be_written_stops_the_migration(path: Path) -> None:
    """Without the copy nothing is changed, and the message names the state and the reason."""
    run_sql(path, V1.read_text())
    path.with_name(f"{path.name}.before-{VERSION}").mkdir()
    with pytest.raises(StateError, match=r"state\.sqlite: Is a directory; remove the cause"):
        Store.open(path, now=1.0)
    with closing(sqlite3.connect(path)) as connection:
        assert version(connection) == 1
