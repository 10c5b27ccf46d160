"""What the status page says about the app's database. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.catalogue import APP, OWN
from exporter.web.health import sampled
from exporter.web.verdict import overdue
from exporter.web.words import Stamp, duration, number, spoken, stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from exporter.catalogue import Catalogue
    from exporter.model import DatabaseSnapshot
    from exporter.web.health import Moment
    from exporter.web.verdict import Severity

REPLICA_LAG = OWN + "database_replica_lag_seconds"
_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Value:
    """One gauge in words; `severity` is "ok", or worse where the value itself tells that something is wrong."""

    name: str
    value: str
    severity: Severity = "ok"


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One query of the sampler: when it last succeeded, how long that took, and how often it failed."""

    name: str
    sampled: Stamp | None
    took: str
    errors: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Database:
    """The state of the database: whether it is reached, what it holds, its queries."""

    severity: Severity
    state: str
    values: tuple[Value, ...]
    statuses: tuple[tuple[str, str], ...]
    queries: tuple[QueryRow, ...]
    late: bool


def database(moment: Moment, known: DatabaseSnapshot, catalogue: Catalogue, zone: tzinfo) -> Database:
    """Return the state of the database at `moment`; a value that is overdue is not known."""
    severity, state = _state(known)
    statuses = catalogue.label_sets(catalogue[APP + "appointments"])
    totals = [(labels[0], sampled(APP + "appointments")(moment, labels)) for labels in statuses]
    held = [(spoken(name), number(value)) for name, value in totals if value]
    late = set(overdue(known, moment.now))
    return Database(
        severity=severity,
        state=state,
        values=tuple(_value(moment, *one) for one in _VALUES if one[1] != REPLICA_LAG or "replica_lag" in known.errors),
        statuses=tuple(held),
        queries=tuple(_query(query, known, moment.now, zone, late=query in late) for query in known.errors),
        late=bool(late),
    )


def _state(known: DatabaseSnapshot) -> tuple[Severity, str]:
    if known.up is None:
        return "notice", "not asked yet"
    return ("ok", "reached") if known.up else ("critical", "not reached")


def _query(query: str, known: DatabaseSnapshot, now: float, zone: tzinfo, *, late: bool) -> QueryRow:
    when = known.times.get(query)
    took = known.durations.get(query)
    return QueryRow(
        name=spoken(query),
        sampled=None if when is None else stamp(when, now, zone),
        took="" if took is None else duration(took) if took else "0 s",
        errors=number(known.errors[query]),
        severity="warning" if late else "ok",
    )


def _value(
    moment: Moment, name: str, series: str, text: Callable[[float], str], wrong: Callable[[float], bool] | None
) -> Value:
    value = sampled(series)(moment, ())
    if value is None:
        return Value(name, _UNKNOWN)
    return Value(name, text(value), "critical" if wrong is not None and wrong(value) else "ok")


def _yes(value: float) -> str:
    return "yes" if value else "no"


_VALUES: tuple[tuple[str, str, Callable[[float], str], Callable[[float], bool] | None], ...] = (
    ("Bookings stored more than once", APP + "duplicate_appointment_groups", number, bool),
    ("Unique key in place", APP + "unique_constraint_present", _yes, lambda value: not value),
    ("Its migration has run", APP + "constraint_migration_applied", _yes, lambda value: not value),
    ("Created in the last hour", APP + "appointments_created_1h", number, None),
    ("Created in 24 hours", APP + "appointments_created_24h", number, None),
    ("Without booking ID", APP + "appointments_missing_booking_id", number, None),
    ("Duplicate check takes", APP + "duplicate_check_probe_seconds", duration, None),
    ("Duplicate check uses an index", APP + "duplicate_check_uses_index", _yes, lambda value: not value),
    ("Replica lags", REPLICA_LAG, duration, None),
)
