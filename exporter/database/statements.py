"""The statements of every query, as SQLAlchemy expressions over the configured names. Pure.

What each of them costs, and why it is cheap, stands in ARCHITECTURE.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from exporter.config.database import DatabaseSettings
    from exporter.config.database_url import Family

PROBE = "booking-exporter-probe"
"""A booking ID that no appointment has: the app's check finds nothing for a booking that is no duplicate."""

_STAMP = sa.DateTime().with_variant(
    sqlite.DATETIME(truncate_microseconds=True),  # type: ignore[no-untyped-call]  # the library left it untyped
    "sqlite",
)
"""Laravel stores times to the second, and SQLite compares them as texts."""


class Statements:
    """Makes the statements for the table and the columns that `settings` name."""

    def __init__(self, settings: DatabaseSettings) -> None:
        """Take the names."""
        names = settings.columns
        self._columns = names
        self._table = sa.table(
            settings.table.rpartition(".")[2],
            sa.column(names.id, sa.BigInteger),
            sa.column(names.status, sa.String),
            sa.column(names.booking_id, sa.String),
            sa.column(names.created_at, _STAMP),
            *([] if names.deleted_at is None else [sa.column(names.deleted_at, _STAMP)]),
            schema=settings.table.rpartition(".")[0] or None,
        )
        self.id: sa.ColumnElement[Any] = self._table.c[names.id]
        self._status = self._table.c[names.status]
        self._booking = self._table.c[names.booking_id]
        self._created = self._table.c[names.created_at]
        self._migration = settings.migration
        migrations = settings.migrations_table
        self._migrations = sa.table(
            migrations.rpartition(".")[2],
            sa.column("migration", sa.String),
            schema=migrations.rpartition(".")[0] or None,
        )

    def newest(self) -> sa.Select[Any]:
        """Return the highest id."""
        return sa.select(sa.func.max(self.id))

    def boundary(self, after: int | None, rows: int) -> sa.Select[Any]:
        """Return the id of the `rows`-th row after the id `after`."""
        return sa.select(self.id).where(*self._between(after, None)).order_by(self.id).limit(1).offset(rows - 1)

    def totals(self, after: int | None, upto: int) -> sa.Select[Any]:
        """Return each status with its number of rows that are not deleted, of those with `after` < id <= `upto`."""
        where = (*self._between(after, upto), *self._alive())
        return sa.select(self._status, sa.func.count()).where(*where).group_by(self._status)

    def missing(self, after: int | None, upto: int) -> sa.Select[Any]:
        """Return the number of rows without booking ID that are not deleted, of those with `after` < id <= `upto`."""
        where = (*self._between(after, upto), self._booking.is_(None), *self._alive())
        return sa.select(sa.func.count()).where(*where)

    def newest_row(self) -> sa.Select[Any]:
        """Return the highest id and the time of its row."""
        return sa.select(self.id, self._created).order_by(self.id.desc()).limit(1)

    def created(self, hour: datetime, day: datetime, statuses: Collection[str | None] | None) -> sa.Select[Any]:
        """Return how many rows were created since `hour` and since `day`, deleted ones too.

        `statuses` are all that may occur: with them the index on status and time serves, of which only the
        entries of the day are read. None where there is no such column.
        """
        since = (self._created >= day, *(() if statuses is None else (self._is_one_of(statuses),)))
        recent = sa.func.coalesce(sa.func.sum(sa.case((self._created >= hour, 1), else_=0)), 0)
        return sa.select(recent, sa.func.count()).where(*since)

    def readable(self, column: str) -> sa.Select[Any]:
        """Return nothing, at once: whether the column of this name is there and may be read."""
        return sa.select(self._table.c[column]).limit(0)

    def migrated(self) -> sa.Select[Any]:
        """Return the number of times that the migration is noted (0 or 1)."""
        return sa.select(sa.func.count()).where(self._migrations.c.migration == self._migration)

    def lookup(self) -> sa.Select[Any]:
        """Return the app's duplicate lookup, `Appointment::where('calcom_v2_booking_id', …)->first()`."""
        return sa.select(self.id).where(self._booking == PROBE, *self._alive()).limit(1)

    def booking_boundary(self, after: str | None, rows: int) -> sa.Select[Any]:
        """Return the booking ID of the `rows`-th row behind `after`, in the order of the column's collation."""
        behind = self._booking.is_not(None) if after is None else self._booking > after
        return sa.select(self._booking).where(behind).order_by(self._booking).limit(1).offset(rows - 1)

    def duplicates(self, after: str | None, upto: str | None) -> sa.Select[Any]:
        """Return how many booking IDs with `after` < ID <= `upto` more than one row holds, deleted rows too."""
        where = [self._booking.is_not(None) if after is None else self._booking > after]
        where += [] if upto is None else [self._booking <= upto]
        groups = sa.select(self._booking).where(*where).group_by(self._booking).having(sa.func.count() > 1)
        return sa.select(sa.func.count()).select_from(groups.subquery())

    def _between(self, after: int | None, upto: int | None) -> tuple[sa.ColumnElement[bool], ...]:
        lower = () if after is None else (self.id > after,)
        return lower if upto is None else (*lower, self.id <= upto)

    def _alive(self) -> tuple[sa.ColumnElement[bool], ...]:
        name = self._columns.deleted_at
        return () if name is None else (self._table.c[name].is_(None),)

    def _is_one_of(self, statuses: Collection[str | None]) -> sa.ColumnElement[bool]:
        named = self._status.in_(sorted(one for one in statuses if one is not None))
        return sa.or_(named, self._status.is_(None)) if None in statuses else named


_INDEXES = {
    "mysql": """
        SELECT index_name AS name, non_unique = 0 AS is_unique, column_name AS column_name, NULL AS predicate
        FROM information_schema.statistics
        WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :table
        ORDER BY index_name, seq_in_index""",
    "postgresql": """
        SELECT c.relname AS name, i.indisunique AND i.indisvalid AS is_unique, a.attname AS column_name,
            pg_get_expr(i.indpred, i.indrelid) AS predicate
        FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
        WHERE i.indrelid = to_regclass(:name) AND i.indisready AND k.position <= i.indnkeyatts
        ORDER BY c.relname, k.position""",
    "sqlite": """
        SELECT l.name AS name, l."unique" AS is_unique, i.name AS column_name,
            CASE WHEN l.partial THEN substr(m.sql, instr(upper(m.sql), ' WHERE ') + 7) END AS predicate
        FROM pragma_index_list(:table) l JOIN pragma_index_info(l.name) i
        LEFT JOIN sqlite_master m ON m.type = 'index' AND m.name = l.name
        ORDER BY l.name, i.seqno""",
}
"""Every index, one row per column of its key, in order; `column_name` is NULL for an expression."""


def indexes(family: Family, settings: DatabaseSettings) -> tuple[sa.TextClause, dict[str, str | None]]:
    """Return the statement that lists the indexes of the appointments, and its parameters."""
    schema, _, table = settings.table.rpartition(".")
    text = sa.text(_INDEXES[family])
    if family == "postgresql":
        quoted = ".".join(f'"{part}"' for part in settings.table.split("."))
        return text.bindparams(sa.bindparam("name", type_=sa.Text)), {"name": quoted}
    return text, {"table": table} | ({"schema": schema or None} if family == "mysql" else {})


def explain(family: Family, statement: sa.Select[Any], dialect: sa.Dialect) -> sa.TextClause:
    """Return the statement that shows the plan of `statement`, which holds no text but our own."""
    prefix = {"mysql": "EXPLAIN", "postgresql": "EXPLAIN (FORMAT JSON)", "sqlite": "EXPLAIN QUERY PLAN"}[family]
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return sa.text(f"{prefix} {str(compiled).replace(':', chr(92) + ':')}")


SEEK = sa.text("SELECT set_config('enable_seqscan', 'off', true)")
"""PostgreSQL scans small tables whatever their indexes; what counts is whether it could seek."""

REPLICA_MYSQL = sa.text("SHOW REPLICA STATUS")
REPLICA_POSTGRESQL = sa.text("""
    SELECT pg_is_in_recovery() AS replica,
        CASE
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver)
            THEN 0
            ELSE GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp()))
        END AS lag""")
"""A replica that has applied all it received, and still receives, lags by nothing, however long ago the last change."""
