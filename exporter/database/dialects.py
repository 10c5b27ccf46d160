"""How each kind of database is connected to, and kept from working too long (I/O).

Limits are enforced twice. The server ends a statement by itself: MariaDB's `max_statement_time`
(https://mariadb.com/kb/en/aborting-statements/), MySQL's `max_execution_time`
(https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html), PostgreSQL's
`statement_timeout` (https://www.postgresql.org/docs/current/runtime-config-client.html), SQLite's
progress handler (https://www.sqlite.org/c3ref/progress_handler.html). A little later the connection
is given up, for a server that answers nothing at all. Each session is read-only on top of that, and
none sets its time zone.
"""

from __future__ import annotations

import math
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.config.database_url import DatabaseUrl, Family

APPLICATION = "booking-exporter"
"""How PostgreSQL's pg_stat_activity and MySQL's session_connect_attrs show our connection."""

_SERVER_SHARE = 0.9
"""The server's limit as a share of ours, so that its answer comes first where it can give one."""
_PROGRESS_STEPS = 4000
_LEAST_CONNECT_SECONDS = 2
"""psycopg and libpq wait at least this long for a connection."""


class Dialect:
    """What differs between the kinds of database; `timeout` is in seconds. This one is the least of them."""

    keeps = True
    """Whether a connection is worth keeping from one round of queries to the next."""

    def engine(self, url: DatabaseUrl, timeout: float) -> sa.Engine:
        """Return an engine without a pool; nothing is connected yet."""
        raise NotImplementedError

    def prepare(self, connection: sa.Connection, timeout: float) -> None:
        """Make a new session read-only and limit its statements."""

    @contextmanager
    def limited(self, connection: sa.Connection, timeout: float) -> Iterator[None]:
        """Carry out one statement, and read its rows, within `timeout`; what exceeds it raises the driver's error."""
        del connection, timeout
        yield


class MySql(Dialect):
    """MySQL and MariaDB by PyMySQL, whose socket timeouts also cover a server that never answers."""

    def engine(self, url: DatabaseUrl, timeout: float) -> sa.Engine:
        """Return an engine whose sockets wait for `timeout` at most."""
        limits: dict[str, Any] = {"connect_timeout": timeout, "read_timeout": timeout, "write_timeout": timeout}
        limits["program_name"] = APPLICATION
        return _create("mysql+pymysql", url, limits, isolation_level="AUTOCOMMIT")

    def prepare(self, connection: sa.Connection, timeout: float) -> None:
        """Limit statements, and waits for a table that is being altered."""
        limit = timeout * _SERVER_SHARE
        mariadb = getattr(connection.dialect, "is_mariadb", False)
        setting = f"max_statement_time = {limit:.3f}" if mariadb else f"max_execution_time = {math.ceil(limit * 1000)}"
        connection.exec_driver_sql(f"SET SESSION {setting}, SESSION lock_wait_timeout = {max(1, int(timeout))}")
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")


class PostgreSql(Dialect):
    """PostgreSQL by psycopg 3. Each statement is a transaction with its own limit, so that poolers do no harm."""

    def engine(self, url: DatabaseUrl, timeout: float) -> sa.Engine:
        """Return an engine that connects within `timeout` (two seconds at least)."""
        limits = {
            "connect_timeout": max(_LEAST_CONNECT_SECONDS, math.ceil(timeout)),
            "application_name": APPLICATION,
            "prepare_threshold": None,
        }
        engine = _create("postgresql+psycopg", url, limits)
        return engine.execution_options(postgresql_readonly=True)

    @contextmanager
    def limited(self, connection: sa.Connection, timeout: float) -> Iterator[None]:
        """Begin a read-only transaction, and shut the socket where no answer comes at all."""
        raw: Any = connection.connection.driver_connection
        guard = threading.Timer(timeout, _shut, (raw.fileno(),))
        guard.daemon = True
        guard.start()
        try:
            with connection.begin():
                limit = f"{math.ceil(timeout * _SERVER_SHARE * 1000)}ms"
                connection.execute(_LOCAL_LIMIT, {"limit": limit})
                yield
        finally:
            guard.cancel()
            guard.join()  # the descriptor may be another's as soon as the connection is closed


_LOCAL_LIMIT = sa.text("SELECT set_config('statement_timeout', :limit, true)").bindparams(
    sa.bindparam("limit", type_=sa.Text)
)


class Sqlite(Dialect):
    """An SQLite file, opened read-only for each round: the app may replace it."""

    keeps = False

    def engine(self, url: DatabaseUrl, timeout: float) -> sa.Engine:
        """Return an engine that opens the file without ever making it."""

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(f"file:{quote(url.database)}?mode=ro", uri=True, timeout=timeout)

        return sa.create_engine(
            "sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True, isolation_level="AUTOCOMMIT"
        )

    def prepare(self, connection: sa.Connection, timeout: float) -> None:
        """Refuse writes, and look whether the file is a database."""
        del timeout
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("PRAGMA schema_version")

    @contextmanager
    def limited(self, connection: sa.Connection, timeout: float) -> Iterator[None]:
        """Let SQLite ask us now and then whether to go on."""
        raw: Any = connection.connection.driver_connection
        end = time.monotonic() + timeout
        raw.set_progress_handler(lambda: time.monotonic() > end, _PROGRESS_STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)


DIALECTS: Mapping[Family, Dialect] = {"mysql": MySql(), "postgresql": PostgreSql(), "sqlite": Sqlite()}

_DRIVERS: Mapping[Family, tuple[str, str]] = {
    "mysql": ("pymysql", "booking-exporter[mysql]"),
    "postgresql": ("psycopg", "booking-exporter[postgresql]"),
    "sqlite": ("sqlite3", "booking-exporter"),
}


def need_driver(family: Family) -> None:
    """Raise UserError where the driver of this kind of database is not installed."""
    module, package = _DRIVERS[family]
    if find_spec(module) is None:
        raise UserError(f"database: its driver is not installed; run pip install '{package}' in this environment")


def _create(driver: str, url: DatabaseUrl, limits: Mapping[str, Any], **options: str) -> sa.Engine:
    """Return an engine for `url`; what the URL's options say of limits is overruled."""
    where = sa.URL.create(
        driver,
        username=url.user,
        password=None if url.password is None else url.password.reveal(),
        host=url.host,
        port=url.port,
        database=url.database,
        query={key: value.reveal() for key, value in url.options},
    )
    return sa.create_engine(where, poolclass=NullPool, hide_parameters=True, connect_args=dict(limits), **options)


def _shut(descriptor: int) -> None:
    """Shut a connection down under the thread that waits for it."""
    with suppress(OSError), socket.socket(fileno=descriptor) as connection:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        finally:
            connection.detach()  # the descriptor stays the driver's
