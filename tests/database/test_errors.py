"""Drivers' errors become causes, by their codes."""

from __future__ import annotations

import sqlite3

import psycopg
import pymysql
import pytest

from exporter.database.errors import CAUSES, REMEDIES, classify


class _Sqlite(sqlite3.OperationalError):
    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.sqlite_errorname = name


@pytest.mark.parametrize(
    ("code", "cause", "connecting"),
    [
        (1045, "access_denied", "access_denied"),
        (1049, "unknown_database", "unknown_database"),
        (1054, "missing_column", "missing_column"),
        (1146, "missing_table", "missing_table"),
        (1143, "privilege", "privilege"),
        (3024, "timeout", "timeout"),
        (1969, "timeout", "timeout"),
        (1040, "unreachable", "unreachable"),
        (2013, "connection_lost", "unreachable"),
        (1064, "unexpected", "unreachable"),
        ("no code", "connection_lost", "unreachable"),
    ],
)
def test_mysql(code: object, cause: str, connecting: str) -> None:
    """Codes of server and client; without a connection everything unknown means that there is none."""
    error = pymysql.err.OperationalError(code, "geheim")
    assert classify("mysql", error, connecting=False) == cause
    assert classify("mysql", error, connecting=True) == connecting


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (psycopg.errors.QueryCanceled("x"), "timeout"),
        (psycopg.errors.UndefinedTable("x"), "missing_table"),
        (psycopg.errors.UndefinedColumn("x"), "missing_column"),
        (psycopg.errors.InsufficientPrivilege("x"), "privilege"),
        (psycopg.errors.AdminShutdown("x"), "connection_lost"),
        (psycopg.errors.SyntaxError("x"), "unexpected"),
        (psycopg.OperationalError("x"), "connection_lost"),
    ],
)
def test_postgresql(error: Exception, cause: str) -> None:
    """SQLSTATE, by class where the class is enough."""
    assert classify("postgresql", error, connecting=False) == cause


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ('FATAL:  password authentication failed for user "x"', "access_denied"),
        ('FATAL:  database "x" does not exist', "unknown_database"),
        ('FATAL:  role "x" does not exist', "access_denied"),
        ("FATAL:  sorry, too many clients already", "unreachable"),
        ("connection refused", "unreachable"),
    ],
)
def test_refused_by_postgresql(words: str, cause: str) -> None:
    """Where libpq gives no code, the server's words tell."""
    assert classify("postgresql", psycopg.OperationalError(words), connecting=True) == cause


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (sqlite3.OperationalError("no such table: x"), "missing_table"),
        (sqlite3.OperationalError("no such column: x"), "missing_column"),
        (_Sqlite("interrupted", "SQLITE_INTERRUPT"), "timeout"),
        (_Sqlite("database is locked", "SQLITE_BUSY"), "timeout"),
        (_Sqlite("unable to open database file", "SQLITE_CANTOPEN"), "unreachable"),
        (_Sqlite("disk I/O error", "SQLITE_IOERR_READ"), "unreachable"),
        (_Sqlite("?", "SQLITE_MISMATCH"), "unexpected"),
    ],
)
def test_sqlite(error: Exception, cause: str) -> None:
    """SQLite's result codes, and its words where many causes share one."""
    assert classify("sqlite", error, connecting=False) == cause


def test_a_package_that_mysql_8_needs() -> None:
    """PyMySQL cannot encrypt a password by itself."""
    error = RuntimeError("'cryptography' package is required for sha256_password or caching_sha2_password auth methods")
    assert classify("mysql", error, connecting=True) == "driver"


def test_every_cause_has_a_remedy() -> None:
    """Each cause says what is wrong and what to do."""
    assert set(REMEDIES) == set(CAUSES)
    assert all("; " in text for text in REMEDIES.values())
