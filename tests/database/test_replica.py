"""The lag of real replicas."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import OWN
from exporter.checks.database import check_database
from exporter.database.errors import QueryError
from exporter.database.link import Link
from exporter.database.queries import Queries
from tests.support.databases import MariaDb
from tests.support.replicas import MariaDbReplica, PostgreSqlReplica
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.databases import Database, PostgreSql

LAG = (OWN + "database_replica_lag_seconds", ())


class Asked:
    """The query for the lag, on one connection."""

    def __init__(self, replica: Database) -> None:
        self.settings = replica.settings(replica=True)
        self.link = Link(self.settings)
        self._queries = Queries(self.settings, self.link, lambda: 0.0)

    def lag(self) -> float | None:
        """Return the lag, None where the query fails."""
        with suppress(QueryError):
            return self._queries.replica_lag()[LAG]
        return None

    def rows(self) -> bool:
        """Tell whether the replica has a row."""
        values = self._queries.totals()
        return values is not None and sum(values.values()) > 0


@pytest.fixture
def mariadb_primary() -> Iterator[MariaDb]:
    with MariaDb("--log-bin", "--server-id=1") as primary:
        primary.execute("CREATE USER follower", "GRANT REPLICATION SLAVE ON *.* TO follower")
        primary.execute(f"GRANT SLAVE MONITOR ON *.* TO {primary.user}")
        yield primary


def test_mariadb(mariadb_primary: MariaDb) -> None:
    """A replica that follows lags by some seconds; one that has stopped is none, and `check` says so."""
    with MariaDbReplica(mariadb_primary) as replica:
        asked = Asked(replica)
        wait_until(lambda: asked.lag() is not None, deadline=30, what="the replica follows")
        mariadb_primary.insert({})
        wait_until(asked.rows, deadline=30, what="the row arrives")
        assert asked.lag() == 0
        replica.execute("STOP SLAVE SQL_THREAD")
        assert asked.lag() is None
        lines = [str(one) for one in check_database(asked.settings, 0)]
        assert any("replica status: the server is no replica, or does not replicate" in line for line in lines)
        asked.link.close()


def test_postgresql(postgresql: PostgreSql) -> None:
    """A replica that has applied everything does not lag, however long nothing happened; one that has not, does."""
    with PostgreSqlReplica(postgresql) as replica:
        asked = Asked(replica)
        postgresql.insert({})
        wait_until(asked.rows, deadline=30, what="the row arrives")
        wait_until(lambda: asked.lag() == 0, deadline=30, what="the replica has applied everything")
        replica.execute("SELECT pg_wal_replay_pause()")
        postgresql.insert({})
        wait_until(lambda: (asked.lag() or 0) > 0, deadline=30, what="the replica lags")
        undeclared = [str(one) for one in check_database(replica.settings(), 0)]
        assert any(
            "the server is a replica; set database.replica to true to see its lag" in line for line in undeclared
        )
        asked.link.close()
