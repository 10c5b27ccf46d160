"""The section `database:` of the file, with the booking app's own table as defaults.

What is not set is what the app has; `timezone` is that of the logs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from exporter.config.database_url import Secret, UrlError, parse_url
from exporter.config.values import AbsolutePath, Section, TimeZone, duration, wrong

STATUSES = (
    "completed",
    "confirmed",
    "scheduled",
    "cancelled",
    "no_show",
    "no-show",
    "pending",
    "booked",
    "rescheduled",
)
"""The app's values of `status`."""
OTHER = "other"
"""The label value of every other status."""
MIGRATION = "2025_10_06_115958_add_unique_constraint_to_calcom_v2_booking_id"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_MOST_STATUSES = 50


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns; no `deleted_at` means that the table has no soft deletes."""

    id: str = "id"
    status: str = "status"
    created_at: str = "created_at"
    deleted_at: str | None = "deleted_at"
    booking_id: str = "calcom_v2_booking_id"


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between two samples of each query, and between two counts of the same old rows (`recount`)."""

    totals: float = 15.0
    missing_booking_id: float = 15.0
    created: float = 15.0
    replica_lag: float = 15.0
    constraint: float = 60.0
    probe: float = 60.0
    plan: float = 300.0
    migration: float = 300.0
    duplicates: float = 300.0
    recount: float = 14400.0


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The app's database: where it is, what its table is called, and how often it is asked. Durations in seconds.

    Exactly one of `url` and `url_file` is set. A value is shown for `stale_after` seconds after
    its next sample was due.
    """

    url: Secret | None = None
    url_file: Path | None = None
    timezone: str = "UTC"
    table: str = "appointments"
    columns: Columns = Columns()
    statuses: tuple[str, ...] = STATUSES
    migrations_table: str = "migrations"
    migration: str = MIGRATION
    timeout: float = 2.0
    intervals: Intervals = Intervals()
    stale_after: float = 120.0
    replica: bool = False


def _table(value: str) -> str:
    parts = value.split(".")
    if len(parts) > 2 or not all(_NAME.match(part) for part in parts):  # noqa: PLR2004  # schema and table
        raise wrong("is no name of a table; use letters, digits and _, with a schema as in public.appointments")
    return value


def _column(value: str) -> str:
    if not _NAME.match(value):
        raise wrong("is no name of a column; use letters, digits and _")
    return value


def _statuses(values: list[str]) -> list[str]:
    if not 0 < len(values) <= _MOST_STATUSES or len(set(values)) < len(values):
        raise wrong(f"must be 1 to {_MOST_STATUSES} different values; each becomes a time series")
    if any(not value or len(value) > 64 or not value.isprintable() or value == OTHER for value in values):  # noqa: PLR2004  # see the message
        raise wrong(f"holds a value that is empty, longer than 64 characters, not printable, or `{OTHER}`; remove it")
    return values


def _url(value: str) -> str:
    try:
        parse_url(value)
    except UrlError as error:
        raise wrong(str(error)) from None
    return value


Column = Annotated[str, AfterValidator(_column)]
Table = Annotated[str, AfterValidator(_table)]
Interval = Annotated[float, BeforeValidator(duration("100ms", "24h"))]


class ColumnsModel(Section):
    """`database.columns:` in the file."""

    id: Column = "id"
    status: Column = "status"
    created_at: Column = "created_at"
    deleted_at: Column | None = "deleted_at"
    booking_id: Column = "calcom_v2_booking_id"

    def settings(self) -> Columns:
        """Return the section as the daemon sees it."""
        return Columns(self.id, self.status, self.created_at, self.deleted_at, self.booking_id)


class IntervalsModel(Section):
    """`database.intervals:` in the file; None is what `database.interval` says."""

    totals: Interval | None = None
    missing_booking_id: Interval | None = None
    created: Interval | None = None
    replica_lag: Interval | None = None
    constraint: Interval = 60.0
    probe: Interval = 60.0
    plan: Interval = 300.0
    migration: Interval = 300.0
    duplicates: Interval = 300.0
    recount: Interval = 14400.0

    def settings(self, interval: float) -> Intervals:
        """Return the section as the daemon sees it; `interval` stands for what is not set."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return Intervals(**{name: interval if value is None else value for name, value in given.items()})


class DatabaseModel(Section):
    """`database:` in the file."""

    url_file: AbsolutePath | None = None
    url: Annotated[str, AfterValidator(_url)] | None = None
    interval: Interval = 15.0
    timeout: Annotated[float, BeforeValidator(duration("50ms", "60s"))] = 2.0
    stale_after: Annotated[float, BeforeValidator(duration("1s", "24h"))] = 120.0
    timezone: TimeZone | None = None
    table: Table = "appointments"
    columns: ColumnsModel = Field(default_factory=ColumnsModel)
    statuses: Annotated[list[str], AfterValidator(_statuses)] = Field(default_factory=lambda: list(STATUSES))
    migrations_table: Table = "migrations"
    migration: str = MIGRATION
    replica: bool = False
    intervals: IntervalsModel = Field(default_factory=IntervalsModel)

    @property
    def named(self) -> bool:
        """Whether a database is configured."""
        return self.url is not None or self.url_file is not None

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise wrong("has both url and url_file; remove one of them")
        if self.model_fields_set and not self.named:
            raise wrong("names no database; add url_file, the path of a file that holds its URL")
        return self

    def settings(self, timezone: str) -> DatabaseSettings | None:
        """Return the section as the daemon sees it, None where no database is named; `timezone` is the one in force."""
        if not self.named:
            return None
        return DatabaseSettings(
            url=None if self.url is None else Secret(self.url),
            url_file=None if self.url_file is None else Path(self.url_file),
            timezone=timezone,
            table=self.table,
            columns=self.columns.settings(),
            statuses=tuple(self.statuses),
            migrations_table=self.migrations_table,
            migration=self.migration,
            timeout=self.timeout,
            intervals=self.intervals.settings(self.interval),
            stale_after=self.stale_after,
            replica=self.replica,
        )
