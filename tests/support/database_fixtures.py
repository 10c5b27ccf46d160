"""The three kinds of database as fixtures, each test on empty tables of the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import Database, MariaDb, PostgreSql, SqliteFile

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDb]:
    """Return a MariaDB server."""
    with MariaDb() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSql]:
    """Return a PostgreSQL server."""
    with PostgreSql() as server:
        yield server


@pytest.fixture
def mariadb(mariadb_server: MariaDb) -> MariaDb:
    """Return the MariaDB server with empty tables."""
    mariadb_server.reset()
    return mariadb_server


@pytest.fixture
def postgresql(postgresql_server: PostgreSql) -> PostgreSql:
    """Return the PostgreSQL server with empty tables."""
    postgresql_server.reset()
    return postgresql_server


@pytest.fixture(params=["sqlite", "mariadb", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Return one database of each kind, with empty tables."""
    if request.param == "sqlite":
        file = SqliteFile(request.getfixturevalue("tmp_path"))
        file.reset()
        return file
    found: Database = request.getfixturevalue(request.param)
    return found
