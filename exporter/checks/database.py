"""Whether the configured database can be sampled: connection, privileges, table, indexes, times (I/O, read-only)."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from exporter.checks.result import Result
from exporter.config.database_url import UrlError
from exporter.database.dialects import need_driver
from exporter.database.errors import REMEDIES, QueryError
from exporter.database.link import ConnectError, Link, read_url
from exporter.database.queries import Queries
from exporter.database.statements import Statements
from exporter.database.times import stored_offset
from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.config.database import DatabaseSettings

SUBJECT = "database"

_LARGE = 100_000
"""The highest id from which on a scan of the table is worth a warning."""

_MAY_WRITE = {
    "mysql": sa.text("SHOW GRANTS"),
    "postgresql": sa.text(
        "SELECT privilege FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS privilege "
        "WHERE has_table_privilege(to_regclass(:name), privilege)"
    ).bindparams(sa.bindparam("name", type_=sa.Text)),
}
_IN_RECOVERY = sa.text("SELECT pg_is_in_recovery()")


def check_database(settings: DatabaseSettings, now: float) -> Iterator[Result]:
    """Yield what is wrong with the database, or one line that tells what is sampled. `now` is Unix seconds."""
    try:
        url = read_url(settings)
        need_driver(url.family)
    except (UrlError, UserError) as error:
        yield Result("FAIL", SUBJECT, str(error))
        return
    link = Link(settings)
    failed = False
    try:
        link.dialect()
        for problem in _Check(settings, link, now).problems():
            yield problem
            failed = failed or problem.status == "FAIL"
    except QueryError as error:
        yield Result("FAIL", SUBJECT, f"{url.place}: {REMEDIES[error.cause]}")
        failed = True
    finally:
        link.close()
    if not failed:
        text = f"{url.place}: table {settings.table} can be read; its times are read as {settings.timezone}"
        yield Result("ok", SUBJECT, text)


class _Check:
    """The single checks, on one connection."""

    def __init__(self, settings: DatabaseSettings, link: Link, now: float) -> None:
        self._settings = settings
        self._link = link
        self._now = now
        self._statements = Statements(settings)
        self._queries = Queries(settings, link, lambda: now)

    def problems(self) -> Iterator[Result]:
        columns = list(self._columns())
        yield from columns
        if not columns:
            yield from self._times()
            yield from self._indexes()
        yield from self._migration()
        yield from self._replica()
        yield from self._privileges()

    def _columns(self) -> Iterator[Result]:
        names = self._settings.columns
        for field in fields(names):
            column = getattr(names, field.name)
            if column is None:
                continue
            try:
                self._link.ask(self._statements.readable(column))
            except ConnectError:
                raise
            except QueryError as error:
                if error.cause == "missing_table":
                    yield _failed(f"table {self._settings.table}", error)
                    return
                result = _failed(f"column {column} of {self._settings.table}", error)
                if field.name == "deleted_at" and error.cause == "missing_column":
                    text = f"{result.text}; without soft deletes, set database.columns.deleted_at to null"
                    result = Result("FAIL", SUBJECT, text)
                yield result

    def _times(self) -> Iterator[Result]:
        rows = self._link.ask(self._statements.newest_row())
        offset = stored_offset(rows[0][1], self._now, ZoneInfo(self._settings.timezone)) if rows else None
        if offset is None:
            return
        hours = f"{abs(offset) / 3600:g} h {'after' if offset > 0 else 'before'} now, read as {self._settings.timezone}"
        doubt = "" if offset > 0 else "unless no appointment was created since, "
        text = f"the newest appointment is dated {hours}; {doubt}set database.timezone to what config/app.php has"
        yield Result("warn", SUBJECT, text)

    def _indexes(self) -> Iterator[Result]:
        try:
            ((newest,),) = self._link.ask(self._statements.newest())
            if (newest or 0) > _LARGE and not self._queries.windows_use_index():
                text = "no index serves the counts of the last hour and day; add one on (status, created_at)"
                yield Result("warn", SUBJECT, text)
            if not any(self._queries.constraint().values()):
                booking = self._settings.columns.booking_id
                text = f"no unique index on {booking} alone: nothing stops duplicates; run {self._settings.migration}"
                yield Result("warn", SUBJECT, text)
            if not any(self._queries.plan().values()):
                text = "the app's duplicate lookup scans the whole table; add an index on the booking ID"
                yield Result("warn", SUBJECT, text)
        except ConnectError:
            raise
        except QueryError as error:
            yield _failed(f"indexes of {self._settings.table}", error)

    def _migration(self) -> Iterator[Result]:
        table = self._settings.migrations_table
        try:
            if not any(self._queries.migration().values()):
                text = (
                    f"migration {self._settings.migration} is not noted in {table}; run it, or set database.migration"
                )
                yield Result("warn", SUBJECT, text)
        except ConnectError:
            raise
        except QueryError as error:
            yield _failed(f"table {table}", error)

    def _replica(self) -> Iterator[Result]:
        try:
            if self._settings.replica:
                self._queries.replica_lag()
            elif self._link.url.family == "postgresql" and self._link.ask(_IN_RECOVERY)[0][0]:
                yield Result("warn", SUBJECT, "the server is a replica; set database.replica to true to see its lag")
        except ConnectError:
            raise
        except QueryError as error:
            yield _failed("replica status", error)

    def _privileges(self) -> Iterator[Result]:
        statement = _MAY_WRITE.get(self._link.url.family)
        if statement is None:
            return
        name = {"name": self._settings.table} if self._link.url.family == "postgresql" else None
        told = " ".join(str(row[0]) for row in self._link.ask(statement, name)).upper().split(" ON ")
        writes = {"ALL", "INSERT", "UPDATE", "DELETE"}
        if any(writes & set(part.replace(",", " ").split()) for part in told):
            yield Result("warn", SUBJECT, "the user may write; one that only reads is enough: see docs/database.md")


def _failed(what: str, error: QueryError) -> Result:
    return Result("FAIL", SUBJECT, f"{what}: {REMEDIES[error.cause]}")
