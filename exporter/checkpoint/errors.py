"""What can go wrong with the state file, in words for a user."""

from __future__ import annotations

import sqlite3

from exporter.errors import UserError


class StateError(UserError):
    """The state cannot be used: the message names the place and the remedy."""


class CommitError(Exception):
    """A commit failed and was rolled back; it may be tried again. `reason` says why, in one text."""

    def __init__(self, reason: str) -> None:
        """Take the reason."""
        super().__init__(reason)
        self.reason = reason


class DamagedError(Exception):
    """The state file is damaged: it is to be set aside."""


# A table or column that is missing gives a plain SQL error.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_REASONS = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked",
    sqlite3.SQLITE_FULL: "no space is left on its file system",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "permission is denied",
    sqlite3.SQLITE_IOERR: "the file system reports an input/output error",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is damaged",
    sqlite3.SQLITE_NOMEM: "memory is exhausted",
}


def _code(error: Exception) -> int:
    # Extended result codes hold the primary code in their lowest byte, https://sqlite.org/rescode.html
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def is_damage(error: DamagedError | sqlite3.Error) -> bool:
    """Tell whether `error` means that the file is no database, or a damaged one."""
    return isinstance(error, DamagedError) or _code(error) in _DAMAGE


def reason_for(error: Exception) -> str:
    """Return the reason in plain words, with SQLite's name for it; never SQLite's text, which may hold values."""
    words = _REASONS.get(_code(error), "SQLite refuses it")
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return f"{words} ({name})"
