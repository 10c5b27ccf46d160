"""The schema's versions. Each is the one before plus one step, and steps only add.

`PRAGMA user_version` holds the version of a state file, `minimum_reader` in its meta table the
oldest version of this program's schema that may use it. A step that adds tables, or columns with
defaults, leaves `minimum_reader` alone: version N-1 opens the state of version N, since it names
the columns that it knows in all its statements.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from typing import TYPE_CHECKING

from exporter.checkpoint.errors import DamagedError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

APPLICATION_ID = 0x426F6B45
"""Marks a file as our state: the bytes "BokE" (https://sqlite.org/pragma.html#pragma_application_id)."""

STEPS: tuple[str, ...] = (
    """\
CREATE TABLE layer_minutes (
    layer TEXT NOT NULL,
    minute INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (layer, minute)
) STRICT, WITHOUT ROWID;
""",
    """\
CREATE TABLE incident_pages (
    number INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;
CREATE TABLE violation_pages (
    number INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;
""",
)
"""The statements that lead from version 1 to 2 (rejections of each layer by minute), to 3 (pages), and so on.

Version 3 has incidents and violations in pages. Version 2 keeps them in the tables `incidents` and `violations`;
version 3 leaves these as they were, and writes all it holds into them when it stops in order (`rows.mirror`). So after
a way back all are known that were met before the last stop in order or the upgrade, whichever came later.
"""

VERSION = 1 + len(STEPS)
"""The version that this program writes."""

MINIMUM_READER = 1


def create(connection: sqlite3.Connection, steps: Sequence[str] = STEPS) -> None:
    """Create all tables, within the transaction that is open."""
    for statement in _statements(files("exporter.checkpoint").joinpath("schema.sql").read_text("utf-8")):
        connection.execute(statement)
    connection.execute("INSERT INTO meta (name, value) VALUES ('minimum_reader', ?)", (str(MINIMUM_READER),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    _step(connection, 1, steps)


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str] = STEPS) -> None:
    """Bring an existing state to our version, in one transaction.

    StateError where the state needs a newer version than ours, DamagedError where it cannot be told.
    """
    version = check_version(connection, path, steps)
    # Also with nothing to do: SQLite opens what it may not write for reading only, and says so here.
    connection.execute("BEGIN IMMEDIATE")
    try:
        _step(connection, version, steps)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check_version(connection: sqlite3.Connection, path: Path, steps: Sequence[str] = STEPS) -> int:
    """Return the version of a state that we can read; StateError and DamagedError as in `migrate`."""
    ours = 1 + len(steps)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    row = connection.execute("SELECT value FROM meta WHERE name = 'minimum_reader'").fetchone()
    if version < 1 or row is None or not row[0].isdecimal():
        raise DamagedError("no schema version")
    if int(row[0]) > ours:
        raise StateError(
            f"{path}: was written by a newer booking-exporter (schema {version}, this one reads up to {ours});"
            " install that version again, or name another state.path"
        )
    return version


def _step(connection: sqlite3.Connection, version: int, steps: Sequence[str]) -> None:
    for number, step in enumerate(steps[version - 1 :], start=version + 1):
        for statement in _statements(step):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> Iterator[str]:
    # executescript() would commit the transaction that is open.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
