from __future__ import annotations

import sqlite3

import pytest

from exporter.checkpoint.errors import CommitError, DamagedError, is_damage, reason_for


def failing(statement: str) -> sqlite3.Error:
    with pytest.raises(sqlite3.Error) as failed:
        sqlite3.connect(":memory:").execute(statement)
    return failed.value


def test_a_missing_table_is_damage() -> None:
    """A state without one of its tables is damaged, as is one with unreadable rows."""
    assert is_damage(failing("SELECT 1 FROM nowhere"))
    assert is_damage(DamagedError())


def test_a_reason_holds_no_values() -> None:
    """The reason names what SQLite calls it, never the text that SQLite made of the statement."""
    reason = reason_for(failing("SELECT 1 FROM secret"))
    assert reason == "SQLite refuses it (SQLITE_ERROR)"
    assert "secret" not in reason


def test_an_error_without_a_code_is_named() -> None:
    """An error of the sqlite3 module itself is told by its class."""
    assert reason_for(sqlite3.ProgrammingError("secret")) == "SQLite refuses it (ProgrammingError)"


def test_a_commit_error_tells_its_reason() -> None:
    """The reason is the message."""
    assert CommitError("no space").reason == str(CommitError("no space")) == "no space"
