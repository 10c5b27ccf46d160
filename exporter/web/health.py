"""Where the value of each gauge comes from, and the answer of `/-/ready`.

Pure: a `Moment` goes in, numbers come out. All but the event times describe the daemon's own
condition and are computed at the scrape, so that a commit that is stuck cannot hide itself
(guarantee G2). None as a value means that it is not known yet: the gauge is then absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from exporter.catalogue import APP, FROM_DATABASE, OWN
from exporter.ledger.windows import prevention_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.model import DatabaseSnapshot, Health, LabelValues, LogHealth, Snapshot, WebHealth


@dataclass(frozen=True, slots=True)
class Identity:
    """What is running: the exporter's version and the hashes of configuration and events in force.

    `zone` is the IANA name of the time zone in which people compare times with the logs.
    """

    version: str
    config_hash: int
    events_hash: int
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Moment:
    """All that the gauges of one scrape are computed from; `now` is Unix seconds."""

    snapshot: Snapshot
    health: Health
    identity: Identity
    now: float
    database: DatabaseSnapshot | None = None
    web: WebHealth | None = None


Source: TypeAlias = "Callable[[Moment, LabelValues], float | None]"
"""The value of one gauge at the given label values, or None while it is not known."""


def _of_log(value: Callable[[LogHealth, Moment], float | None]) -> Source:
    """Make a source from `value` for gauges whose first label is the log; absent for a log not seen yet."""

    def source(moment: Moment, labels: LabelValues) -> float | None:
        log = moment.health.logs.get(labels[0])
        return None if log is None else value(log, moment)

    return source


def _lag_seconds(log: LogHealth, moment: Moment) -> float:
    if log.oldest_uncommitted is None:
        return 0.0
    return max(0.0, moment.now - log.oldest_uncommitted)


def _files(moment: Moment, labels: LabelValues) -> float | None:
    name, state = labels
    log = moment.health.logs.get(name)
    return None if log is None else log.files.get(state, 0)


def _of_database(value: Callable[[DatabaseSnapshot, str], float | None]) -> Source:
    """Make a source from `value` for series about sampling; absent where no database is configured."""

    def source(moment: Moment, labels: LabelValues) -> float | None:
        return None if moment.database is None else value(moment.database, labels[0] if labels else "")

    return source


def _of_web(value: Callable[[WebHealth], float | None]) -> Source:
    """Make a source from `value`; absent without a web configuration."""
    return lambda moment, _: None if moment.web is None else value(moment.web)


def sampled(name: str) -> Source:
    """Return the source of a gauge that the database gave: absent once its next sample is overdue for too long."""

    def source(moment: Moment, labels: LabelValues) -> float | None:
        found = None if moment.database is None else moment.database.values.get((name, labels))
        return None if found is None or moment.now > found.until else found.value

    return source


SOURCES: Mapping[str, Source] = {
    APP + "last_event_timestamp_seconds": lambda moment, labels: moment.snapshot.last_events.get(labels[0]),
    APP + "duplicate_prevention_rate": lambda moment, _: prevention_rate(
        moment.snapshot.rejections, moment.snapshot.created, moment.now
    ),
    OWN + "build_info": lambda _moment, _labels: 1,
    OWN + "config_hash": lambda moment, _: moment.identity.config_hash,
    OWN + "events_hash": lambda moment, _: moment.identity.events_hash,
    OWN + "lag_bytes": _of_log(lambda log, _: log.lag_bytes),
    OWN + "lag_seconds": _of_log(_lag_seconds),
    OWN + "log_clock_offset_seconds": _of_log(lambda log, _: log.clock_offset),
    OWN + "files": _files,
    OWN + "log_up": _of_log(lambda log, _: log.up),
    OWN + "commit_failing": lambda moment, _: moment.health.commit_failing,
    OWN + "last_commit_timestamp_seconds": lambda moment, _: moment.health.last_commit,
    OWN + "uncommitted_bytes": lambda moment, _: moment.health.uncommitted_bytes,
    OWN + "state_lost_timestamp_seconds": lambda moment, _: moment.snapshot.state_lost,
    OWN + "catching_up": lambda moment, _: moment.health.catching_up,
    OWN + "config_last_reload_successful": lambda moment, _: moment.health.reload_successful,
    OWN + "config_last_reload_success_timestamp_seconds": lambda moment, _: moment.health.reload_success_time,
    OWN + "web_config_last_reload_successful": _of_web(lambda web: web.reload_successful),
    OWN + "web_certificate_expiry_timestamp_seconds": _of_web(lambda web: web.certificate_expires),
    OWN + "database_up": _of_database(lambda database, _: database.up),
    OWN + "database_sample_timestamp_seconds": _of_database(lambda database, query: database.times.get(query)),
    OWN + "database_sample_duration_seconds": _of_database(lambda database, query: database.durations.get(query)),
    OWN + "database_sample_errors_total": _of_database(lambda database, query: database.errors.get(query)),
    **{
        name: sampled(name)
        for name in (*(series.name for series in FROM_DATABASE), OWN + "database_replica_lag_seconds")
    },
}
"""A source for every gauge of the catalogue, and for the counter of the database sampler."""


def not_ready(snapshot: Snapshot, health: Health) -> str | None:
    """Return in one line why event series cannot be relied on yet, or None if they can."""
    if not snapshot.exposed:
        left = sum(log.lag_bytes for log in health.logs.values())
        return f"counting the history in the logs before event series are shown; {left} bytes are left"
    if health.ready:
        return None
    if health.commit_failing:
        return "the state file cannot be written; the values of the last commit are shown"
    return "starting"
