"""The queries: what each asks, in how many statements, and which series come of it (I/O through a link).

A query returns its series, or None while it is not complete: long work is done in slices, so
that other queries have their turn and the database has its rest.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from exporter.catalogue import APP, OWN
from exporter.config.database import OTHER
from exporter.database import statements
from exporter.database.errors import QueryError
from exporter.database.indexes import constraint, leading, parse_indexes
from exporter.database.plans import uses_index
from exporter.database.statements import Statements
from exporter.database.tally import Tally
from exporter.database.times import stored_offset, window_start

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    import sqlalchemy as sa

    from exporter.config.database import DatabaseSettings
    from exporter.database.indexes import Index
    from exporter.database.link import Link
    from exporter.model import SeriesKey

    Values = Mapping[SeriesKey, float]

HOUR: Final = 3600
DAY: Final = 86400
SLICE: Final = 0.25
"""Seconds of database time after which long work lets others have their turn."""
MOST_STATUSES: Final = 100
"""Different values of the status beyond which they are not listed any more: memory is bounded."""
GROUP_ROWS: Final = 20_000
"""Rows whose booking IDs are compared with each other in one statement."""
_TABLE_CAUSES = frozenset({"missing_column", "privilege"})


class Queries:
    """All queries on one database. `clock` gives Unix seconds, `monotonic` seconds that never go back.

    What they remember is kept in memory.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        link: Link,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        group_rows: int = GROUP_ROWS,
        slice_seconds: float = SLICE,
    ) -> None:
        """Ask nothing yet."""
        self._slice_seconds = slice_seconds
        self._group_rows = group_rows
        self._monotonic = monotonic
        self.settings = settings
        self._link = link
        self._clock = clock
        self._zone = ZoneInfo(settings.timezone)
        self._statements = Statements(settings)
        recount = settings.intervals.recount
        self._totals = Tally(recount)
        self._missing = Tally(recount)
        self._by_name = {one.casefold(): one for one in reversed(settings.statuses)}
        self._seen: set[str | None] = set(settings.statuses)
        self._readable = True
        self._newest_id: int | None = None
        self._shifted = False
        self._grouped: tuple[str | None, int] = (None, 0)

    def run(self, query: str) -> Values | None:
        """Carry out the query of this name. Raises QueryError."""
        return _RUNS[query](self)

    def totals(self) -> Values | None:
        """Count the appointments that are not deleted by status."""
        try:
            found = self._refresh(self._totals, _Counted(self._link, self._statements, self._label))
        except QueryError as error:
            if error.cause in _TABLE_CAUSES:
                self._readable = False  # the windows do without a column that cannot be read
            raise
        if found is None:
            return None
        self._readable = True
        return {(APP + "appointments", (one,)): found.get(one, 0) for one in (*self.settings.statuses, OTHER)}

    def _label(self, status: str | None) -> str:
        """Return the configured status that a row's value is, without regard to case, or `other`; note the value."""
        if len(self._seen) <= MOST_STATUSES:
            self._seen.add(status)
        text = "" if status is None else status
        return text if text in self.settings.statuses else self._by_name.get(text.strip().casefold(), OTHER)

    def missing_booking_id(self) -> Values | None:
        """Count the appointments without booking ID that are not deleted."""
        found = self._refresh(self._missing, _Counted(self._link, self._statements, None))
        return None if found is None else {(APP + "appointments_missing_booking_id", ()): sum(found.values())}

    def created(self) -> Values:
        """Count the appointments created in the last hour and the last day; refuse times of another zone."""
        now = self._clock()
        self._look_at_zone(now)
        listed = self._readable and len(self._seen) <= MOST_STATUSES
        statuses = frozenset(self._seen) if listed else None
        hour, day = self._window_starts(now)
        ((recent, today),) = self._link.ask(self._statements.created(hour, day, statuses))
        counts = {"appointments_created_1h": recent, "appointments_created_24h": today}
        return {(APP + name, ()): float(count) for name, count in counts.items()}

    def _window_starts(self, now: float) -> tuple[datetime, datetime]:
        return window_start(now, HOUR, self._zone), window_start(now, DAY, self._zone)

    def _look_at_zone(self, now: float) -> None:
        """Compare a row that was not there before with the present time."""
        rows = self._link.ask(self._statements.newest_row())
        newest, created = rows[0] if rows else (None, None)
        fresh = self._newest_id is not None and newest is not None and newest > self._newest_id
        offset = stored_offset(created, now, self._zone)
        if fresh or (offset or 0) > 0:  # no row is from the future, however old it is
            self._shifted = offset is not None
        self._newest_id = newest
        if self._shifted:
            raise QueryError("time_zone")

    def duplicates(self) -> Values | None:
        """Count the booking IDs that more than one row holds: none where the database itself sees to it."""
        name = self.settings.columns.booking_id
        indexes = self._indexes()
        ask = self._link.ask
        if constraint(indexes, name) is not None:
            groups = 0
        elif not leading(indexes, name):
            ((groups,),) = ask(self._statements.duplicates(None, None))
        else:
            more = self._slice()
            after, groups = self._grouped
            upto: str | None = ""
            while upto is not None:
                rows = ask(self._statements.booking_boundary(after, self._group_rows))
                upto = rows[0][0] if rows else None
                groups += ask(self._statements.duplicates(after, upto))[0][0]
                after = upto
                if upto is not None and not more():
                    self._grouped = (after, groups)
                    return None
        self._grouped = (None, 0)
        return {(APP + "duplicate_appointment_groups", ()): float(groups)}

    def constraint(self) -> Values:
        """Look for the unique index on the booking ID."""
        found = constraint(self._indexes(), self.settings.columns.booking_id)
        return {(APP + "unique_constraint_present", ()): float(found is not None)}

    def migration(self) -> Values:
        """Look for the migration that makes it."""
        ((times,),) = self._link.ask(self._statements.migrated())
        return {(APP + "constraint_migration_applied", ()): float(times > 0)}

    def plan(self) -> Values:
        """Ask whether the app's duplicate lookup seeks in an index."""
        indexes = self._indexes()
        # An index of which the user may not read all columns is not listed, and may serve all the same.
        others = {one.name for one in indexes} - leading(indexes, self.settings.columns.booking_id)
        used = self._seeks(self._statements.lookup(), others)
        return {(APP + "duplicate_check_uses_index", ()): float(used)}

    def probe(self) -> Values:
        """Time the app's duplicate lookup, for a booking ID that no row holds."""
        self._link.ask(self._statements.lookup())
        return {(APP + "duplicate_check_probe_seconds", ()): self._link.last}

    def replica_lag(self) -> Values:
        """Ask a replica by how much it lags."""
        family = self._link.url.family
        lags: list[object] = []
        if family == "mysql":
            for row in self._link.ask(statements.REPLICA_MYSQL):
                told = {key.lower(): value for key, value in row._asdict().items()}
                lags.append(told.get("seconds_behind_master", told.get("seconds_behind_source")))
        elif family == "postgresql":
            lags = [lag if replica else None for replica, lag in self._link.ask(statements.REPLICA_POSTGRESQL)]
        if not lags or None in lags:
            raise QueryError("no_replica")
        return {(OWN + "database_replica_lag_seconds", ()): max(float(str(lag)) for lag in lags)}

    def windows_use_index(self) -> bool:
        """Tell whether the counts of the last hour and day read less than the whole table."""
        hour, day = self._window_starts(self._clock())
        return self._seeks(self._statements.created(hour, day, self.settings.statuses), frozenset())

    def _seeks(self, statement: sa.Select[Any], others: Collection[str]) -> bool:
        family = self._link.url.family
        explained = statements.explain(family, statement, self._link.dialect())
        rows = self._link.ask(explained, before=statements.SEEK if family == "postgresql" else None)
        return uses_index(family, [row._asdict() for row in rows], others)

    def _indexes(self) -> tuple[Index, ...]:
        """Return the table's indexes. Raises QueryError where the booking ID cannot be read: then none is seen."""
        self._link.ask(self._statements.readable(self.settings.columns.booking_id))
        statement, parameters = statements.indexes(self._link.url.family, self.settings)
        return parse_indexes(self._link.ask(statement, parameters))

    def _refresh(self, tally: Tally, source: _Counted) -> Mapping[str, int] | None:
        return tally.refresh(source, self._monotonic(), self._slice())

    def _slice(self) -> Callable[[], bool]:
        end = self._link.seconds + self._slice_seconds
        return lambda: self._link.seconds < end


class _Counted:
    """The table as a tally asks it: rows by what `label` makes of their status, or rows without booking ID."""

    def __init__(self, link: Link, made: Statements, label: Callable[[str | None], str] | None) -> None:
        self._link = link
        self._made = made
        self._label = label

    def newest(self) -> int | None:
        ((newest,),) = self._link.ask(self._made.newest())
        return None if newest is None else int(newest)

    def boundary(self, after: int | None, rows: int) -> int | None:
        found = self._link.ask(self._made.boundary(after, rows))
        return int(found[0][0]) if found else None

    def count(self, after: int | None, upto: int) -> Mapping[str, int]:
        if self._label is None:
            ((count,),) = self._link.ask(self._made.missing(after, upto))
            return {"": count}
        counts: Counter[str] = Counter()
        for status, count in self._link.ask(self._made.totals(after, upto)):
            counts[self._label(status)] += count
        return counts


_RUNS: Mapping[str, Callable[[Queries], Values | None]] = {
    "created": Queries.created,
    "constraint": Queries.constraint,
    "migration": Queries.migration,
    "probe": Queries.probe,
    "plan": Queries.plan,
    "replica_lag": Queries.replica_lag,
    "missing_booking_id": Queries.missing_booking_id,
    "totals": Queries.totals,
    "duplicates": Queries.duplicates,
}
