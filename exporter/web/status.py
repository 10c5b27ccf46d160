"""What the status page says: from a moment to texts in the order in which they are read. Pure.

Every text comes from the catalogue, the configuration's names, or numbers (guarantee G6). What is listed is bounded,
so that hundreds of logs or events make a page that can still be read: those that need a look come first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from exporter.catalogue import AGE_BUCKETS, APP, FROM_LOGS, LAYER, OWN
from exporter.ledger.windows import last_day, prevention_rate
from exporter.model import HistogramValue
from exporter.printable import size
from exporter.web.database import Database, database
from exporter.web.timeline import distribution, timeline
from exporter.web.verdict import CLOCK_OFFSET_SECONDS, LAG_SECONDS, ORDER, judge, lag_seconds
from exporter.web.words import Stamp, day, duration, number, percent, plural, spoken, stamp, zone_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

    from exporter.catalogue import Catalogue, Series
    from exporter.model import LogHealth, Snapshot
    from exporter.web.health import Moment
    from exporter.web.timeline import Chart
    from exporter.web.verdict import Severity, Verdict

REJECTIONS = APP + "duplicate_booking_rejections_total"
MOST_LOGS = 50
MOST_EVENTS = 60
MOST_TOTALS = 60
_EARLIER = "Not recorded"
"""The lane of rejections that a version without lanes has counted."""
_AGES = {"accepted": "Accepted", "stale": "Rejected as stale", "call_id_mismatch": "Rejected, other call"}


def _lane_name(layer: str) -> str:
    return f"Layer {layer.removeprefix('layer')}"


_REASONS = {
    _lane_name(layer): spoken(reason)
    for layer, reason in next(one.combinations or () for one in FROM_LOGS if one.name == REJECTIONS)
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the first row, and what it is."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class LogRow:
    """One followed log. `severity` and `state` tell the same, as colour and as word."""

    name: str
    severity: Severity
    state: str
    waiting: str
    files: str
    written: Stamp | None
    record: Stamp | None
    losses: str
    lost: bool


@dataclass(frozen=True, slots=True)
class Total:
    """One counter since counting began: its series, what it counts, its sum, and what the sum is made of."""

    name: str
    help: str
    value: str
    parts: str
    counted: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The whole page. `counted` is False while events cannot be shown yet; what is about them is then empty."""

    now: Stamp
    zone: str
    verdict: Verdict
    counted: bool
    figures: tuple[Figure, ...]
    logs: tuple[LogRow, ...]
    more_logs: int
    rejections: Chart
    ages: Chart
    totals: tuple[Total, ...]
    more_totals: int
    zeros: tuple[str, ...]
    database: Database | None
    events: tuple[tuple[str, Stamp], ...]
    more_events: int
    unseen: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def status(moment: Moment, catalogue: Catalogue, started: float) -> Status:
    """Return the page at `moment`; `started` is when this process began to serve (Unix seconds)."""
    zone = ZoneInfo(moment.identity.zone)
    snapshot, now = moment.snapshot, moment.now
    totals = _totals(snapshot, catalogue)
    counted = [one for one in totals if one.counted]
    last: Mapping[str, float] = snapshot.last_events if snapshot.exposed else {}
    seen = sorted(last.items(), key=lambda item: (-item[1], item[0]))
    names = [labels[0] for labels in catalogue.label_sets(catalogue[APP + "last_event_timestamp_seconds"])]
    unseen = [name for name in names if name not in last]
    return Status(
        now=replace(stamp(now, now, zone), absolute=day(now, zone)),
        zone=zone_name(now, zone),
        verdict=judge(moment),
        counted=snapshot.exposed,
        figures=_figures(moment),
        logs=_log_rows(moment, zone),
        more_logs=max(0, len(moment.health.logs) - MOST_LOGS),
        rejections=timeline(_lanes(snapshot), now, zone, _REASONS),
        ages=distribution(_ages(snapshot), AGE_BUCKETS),
        totals=tuple(counted[:MOST_TOTALS]),
        more_totals=max(0, len(counted) - MOST_TOTALS),
        zeros=tuple(one.name for one in totals if not one.counted)[:MOST_TOTALS],
        database=None if moment.database is None else database(moment, moment.database, catalogue, zone),
        events=tuple((spoken(name), stamp(when, now, zone)) for name, when in seen[:MOST_EVENTS]),
        more_events=max(0, len(seen) - MOST_EVENTS),
        unseen=tuple(map(spoken, unseen[:MOST_EVENTS])),
        facts=_facts(moment, started, zone),
    )


def _figures(moment: Moment) -> tuple[Figure, ...]:
    snapshot, now = moment.snapshot, moment.now
    lag = max((lag_seconds(log, now) for log in moment.health.logs.values()), default=0.0)
    waiting = sum(log.lag_bytes for log in moment.health.logs.values())
    up = all(log.up for log in moment.health.logs.values())
    nothing = "all is counted" if up else "of what can be read"
    behind = Figure(
        "Behind the logs", duration(lag) if lag else "nothing", f"{size(waiting)} wait" if waiting else nothing
    )
    if not snapshot.exposed:
        return (behind,)
    rejected, created = last_day(snapshot.rejections, now), last_day(snapshot.created, now)
    rate = prevention_rate(snapshot.rejections, snapshot.created, now)
    return (
        Figure("Duplicates rejected", number(rejected), "in the last 24 h"),
        Figure("Prevention rate", percent(rate), f"of {plural(rejected + created, 'attempt')}"),
        Figure("Appointments created", number(created), "in the last 24 h"),
        behind,
    )


def _log_rows(moment: Moment, zone: tzinfo) -> tuple[LogRow, ...]:
    """Return the logs that need a look first, in the order of the configuration otherwise."""
    found = [(*_log_state(log, moment), name) for name, log in moment.health.logs.items()]
    first = sorted(found, key=lambda one: ORDER.index(one[0]))[:MOST_LOGS]
    losses = _by_log(moment.snapshot, OWN + "possible_losses_total")
    lost = _by_log(moment.snapshot, OWN + "possible_loss_bytes_total")
    return tuple(
        _log_row(name, severity, state, moment, zone, (losses.get(name, 0.0), lost.get(name, 0.0)))
        for severity, state, name in first
    )


def _log_row(
    name: str, severity: Severity, state: str, moment: Moment, zone: tzinfo, loss: tuple[float, float]
) -> LogRow:
    log = moment.health.logs[name]
    lag = lag_seconds(log, moment.now)
    losses, lost = loss
    return LogRow(
        name=name,
        severity=severity,
        state=state,
        waiting=f"{size(log.lag_bytes)}, {duration(lag)}" if log.lag_bytes or lag else "nothing",
        files=", ".join(f"{number(count)} {kind}" for kind, count in sorted(log.files.items()) if count) or "none",
        written=None if log.written is None else stamp(log.written, moment.now, zone),
        record=None if log.last_record is None else stamp(log.last_record, moment.now, zone),
        losses=f"{plural(losses, 'occasion')}, {size(int(lost))} at least" if losses else "none known",
        lost=bool(losses),
    )


def _log_state(log: LogHealth, moment: Moment) -> tuple[Severity, str]:
    if moment.health.catching_up:
        return "notice", "reading what is there"
    if not log.up:
        return "critical", "unreadable" if log.files.get("unreadable") else "no file"
    if lag_seconds(log, moment.now) > LAG_SECONDS:
        return "warning", "behind"
    if abs(log.clock_offset or 0.0) > CLOCK_OFFSET_SECONDS:
        return "warning", "wrong time zone"
    return "ok", "followed"


def _by_log(snapshot: Snapshot, metric: str) -> dict[str, float]:
    """Return the sums of a counter by its first label, the log."""
    sums: dict[str, float] = {}
    for (name, labels), value in snapshot.counters.items():
        if name == metric:
            sums[labels[0]] = sums.get(labels[0], 0.0) + value
    return sums


def _lanes(snapshot: Snapshot) -> dict[str, Mapping[int, int]]:
    """Return the rejections of each layer by minute, and those that the state does not give to a layer."""
    if not snapshot.exposed:
        return {name: {} for name in _REASONS}
    lanes = {_lane_name(layer): snapshot.layers.get(layer, {}) for layer in LAYER.values or ()}
    rest = {
        minute: count - sum(lane.get(minute, 0) for lane in lanes.values())
        for minute, count in snapshot.rejections.items()
    }
    earlier = {minute: count for minute, count in rest.items() if count > 0}
    return {**lanes, _EARLIER: earlier} if earlier else lanes


def _ages(snapshot: Snapshot) -> dict[str, HistogramValue]:
    empty = HistogramValue((0,) * (len(AGE_BUCKETS) + 1), 0.0)
    key = APP + "booking_age_seconds"
    held = snapshot.histograms if snapshot.exposed else {}
    return {name: held.get((key, (label,)), empty) for label, name in _AGES.items()}


def _totals(snapshot: Snapshot, catalogue: Catalogue) -> tuple[Total, ...]:
    if not snapshot.exposed:
        return ()
    counters = (one for one in catalogue if one.kind == "counter" and one.origin == "log")
    return tuple(_total(one, snapshot, catalogue) for one in counters)


def _total(series: Series, snapshot: Snapshot, catalogue: Catalogue) -> Total:
    found = {labels: snapshot.counters.get((series.name, labels), 0.0) for labels in catalogue.label_sets(series)}
    shown = sorted(((labels, value) for labels, value in found.items() if labels and value), key=lambda one: -one[1])
    parts = ", ".join(f"{_label_text(series, labels)} {number(value)}" for labels, value in shown)
    total = sum(found.values())
    return Total(series.name, series.help, number(total), parts, counted=bool(total))


def _label_text(series: Series, labels: Iterable[str]) -> str:
    """Return the values of labels; the reason of a rejection says no more than its layer."""
    names = zip(series.label_names, labels, strict=True)
    return " ".join(spoken(value) for name, value in names if name != "reason")


def _facts(moment: Moment, started: float, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    identity, health, now = moment.identity, moment.health, moment.now

    def at(seconds: float | None) -> str:
        if seconds is None:
            return "not yet"
        one = stamp(seconds, now, zone)
        return f"{one.absolute}, {one.ago}"

    counters = moment.snapshot.counters
    return (
        ("Version", identity.version),
        ("Running since", at(started)),
        ("Last commit", at(health.last_commit)),
        ("Failed commits", number(counters.get((OWN + "commit_failures_total", ()), 0.0))),
        ("Last damaged state", "never" if moment.snapshot.state_lost is None else at(moment.snapshot.state_lost)),
        ("Configuration loaded", at(health.reload_success_time)),
        ("Configuration hash", str(identity.config_hash)),
        ("Hash of event definitions", str(identity.events_hash)),
    )
