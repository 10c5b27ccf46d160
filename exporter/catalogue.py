"""Every series, declared once: registration, METRICS.md and the tests are made from this table.

Names follow https://prometheus.io/docs/practices/naming/: series about the app begin with
`api_gateway_`, the exporter's own with `booking_exporter_`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

from exporter.model import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.model import LabelValues

APP = "api_gateway_"
OWN = "booking_exporter_"

Kind = Literal["counter", "gauge", "histogram"]
Origin = Literal["log", "own", "health", "database"]
"""log: counted from records, committed. own: our own counters, committed. health: computed at the scrape.

database: what the sampler knows, independent of logs and commits; absent where no database is configured.
"""

AGE_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 21600.0, 86400.0)
FAST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

PER_LOG = "log"
PER_EVENT = "event"
PER_STATUS = "status"

QUERIES = (
    "created",
    "constraint",
    "migration",
    "probe",
    "plan",
    "replica_lag",
    "missing_booking_id",
    "totals",
    "duplicates",
)
"""The database sampler's queries, in the order in which they are asked: what is slow comes last."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label and its closed values; `values=None` where the configuration names them (log, event)."""

    name: str
    values: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One metric family. `combinations` restricts the label sets where not every product exists."""

    name: str
    kind: Kind
    help: str
    origin: Origin
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    combinations: tuple[LabelValues, ...] | None = None
    zero: bool = True

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in order."""
        return tuple(label.name for label in self.labels)


class Catalogue:
    """The set of declared series, with the label values that the configuration adds.

    >>> cat = Catalogue(BUILTIN, logs=("app",), events=("stale_booking",))
    >>> cat["api_gateway_bookings_validated_total"].kind
    'counter'
    """

    def __init__(
        self,
        series: Iterable[Series],
        *,
        logs: Iterable[str] = (),
        events: Iterable[str] = (),
        statuses: Iterable[str] = (),
    ) -> None:
        """Take the series, the configured names of logs and events, and the statuses of appointments."""
        self._series: Mapping[str, Series] = {one.name: one for one in series}
        self._open = {PER_LOG: tuple(logs), PER_EVENT: tuple(dict.fromkeys(events)), PER_STATUS: tuple(statuses)}

    def __getitem__(self, name: str) -> Series:
        """Return the series of this full name; KeyError where none is declared."""
        return self._series[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether a series of this full name is declared."""
        return name in self._series

    def __iter__(self) -> Iterator[Series]:
        """Iterate over the series in declaration order."""
        return iter(self._series.values())

    def label_sets(self, series: Series) -> tuple[LabelValues, ...]:
        """Return every label set that `series` can have: those that exist at 0 from the start."""
        if series.combinations is not None:
            return series.combinations
        closed = (self._open[one.name] if one.values is None else one.values for one in series.labels)
        return tuple(product(*closed))


def _counter(name: str, help_: str, *labels: Label, combinations: tuple[LabelValues, ...] | None = None) -> Series:
    return Series(APP + name, "counter", help_, "log", labels, combinations=combinations)


def _histogram(name: str, help_: str, buckets: tuple[float, ...], *labels: Label) -> Series:
    return Series(APP + name, "histogram", help_, "log", labels, buckets)


def _own(name: str, help_: str, *labels: Label) -> Series:
    return Series(OWN + name, "counter", help_, "own", labels)


def _sampled(name: str, help_: str, *labels: Label) -> Series:
    return Series(APP + name, "gauge", help_, "database", labels)


def _sampling(name: str, kind: Kind, help_: str, *labels: Label) -> Series:
    return Series(f"{OWN}database_{name}", kind, help_, "database", labels)


def _health(name: str, help_: str, *labels: Label) -> Series:
    return Series(OWN + name, "gauge", help_, "health", labels)


LAYER = Label("layer", ("layer1", "layer2", "layer3", "layer4"))
LOG = Label("log")

FROM_LOGS = (
    _counter(
        "duplicate_booking_rejections_total",
        "Duplicate bookings rejected, by the layer that caught them.",
        LAYER,
        Label("reason", ("stale_booking", "call_id_mismatch", "database_duplicate", "unique_constraint")),
        combinations=(
            ("layer1", "stale_booking"),
            ("layer2", "call_id_mismatch"),
            ("layer3", "database_duplicate"),
            ("layer4", "unique_constraint"),
        ),
    ),
    _counter(
        "duplicate_booking_incidents_total",
        "Distinct duplicate bookings: rejections of one identifier in one layer within 7 days are one incident.",
        LAYER,
    ),
    _histogram(
        "booking_age_seconds",
        "Age of the booking that Cal.com returned, by what was decided about it.",
        AGE_BUCKETS,
        Label("status", ("stale", "call_id_mismatch", "accepted")),
    ),
    _counter("bookings_validated_total", "Bookings that passed the freshness and call-ID checks."),
    _counter(
        "appointments_created_total",
        "Appointments created, by the code path that logged it.",
        Label("source", ("call", "function", "webhook", "async", "public", "service", "webhook_call")),
    ),
    _counter(
        "booking_conflicts_total",
        "Bookings refused for a conflict that is no duplicate.",
        Label("kind", ("slot", "wrong_time", "slot_lock", "lock")),
    ),
    _counter(
        "idempotency_results_total",
        "Outcomes of the idempotency check.",
        Label("result", ("hit", "stored", "blocked")),
    ),
    _counter(
        "upstream_failures_total",
        "Failed booking calls to Cal.com, by class of HTTP status.",
        Label("status_class", ("1xx", "2xx", "3xx", "4xx", "5xx", "other")),
    ),
    _counter("compensation_attempts_total", "Attempts to cancel at Cal.com a booking that could not be saved."),
    _counter(
        "compensations_total",
        "Results of those attempts, and what made the save fail.",
        Label("outcome", ("succeeded", "failed")),
        Label("cause", ("unique_constraint", "other")),
    ),
    _counter("webhooks_received_total", "Cal.com webhooks received."),
    _counter(
        "webhook_events_total",
        "Webhooks by provider and outcome.",
        Label("provider", ("calcom", "retell", "other")),
        Label(
            "outcome",
            (
                "processed",
                "failed",
                "ignored",
                "bad_signature",
                "unknown_booking",
                "unknown_service",
                "unknown_event",
                "duplicate",
            ),
        ),
    ),
    _histogram(
        "duplicate_check_duration_seconds",
        "Duration of the app's duplicate check, by its result.",
        FAST_BUCKETS,
        Label("result", ("unique", "duplicate", "other")),
    ),
    _histogram(
        "appointment_creation_duration_seconds",
        "Duration of appointment creation, by whether a duplicate check was part of it.",
        FAST_BUCKETS,
        Label("duplicate_check", ("true", "false", "other")),
    ),
    _counter("log_records_total", "Log records read, by level.", Label("level", LEVELS)),
    _counter(
        "unrecognized_events_total",
        "Records that carry the family marker and match no event: the app's wording has drifted.",
    ),
    _counter(
        "app_findings_total",
        "Findings of the app's own checks.",
        Label("kind", ("duplicates", "logging_broken")),
    ),
    Series(
        APP + "duplicate_prevention_rate",
        "gauge",
        "Rejections in percent of rejections and appointments created, last 24 h of this daemon's logs.",
        "health",
    ),
    Series(
        APP + "last_event_timestamp_seconds",
        "gauge",
        "Time of the newest record of the event (Unix seconds); absent before the first.",
        "log",
        (Label("event"),),
        zero=False,
    ),
)

QUERY = Label("query", QUERIES)

FROM_DATABASE = (
    _sampled("appointments", "Appointments in the database that are not deleted, by status.", Label(PER_STATUS)),
    _sampled("appointments_created_1h", "Appointments created in the last hour, deleted ones too."),
    _sampled("appointments_created_24h", "Appointments created in the last 24 hours, deleted ones too."),
    _sampled("appointments_missing_booking_id", "Appointments that are not deleted and have no booking ID."),
    _sampled("duplicate_appointment_groups", "Booking IDs held by more than one row, deleted rows too; must be 0."),
    _sampled("unique_constraint_present", "1 if a unique index lets no two rows hold the same booking ID."),
    _sampled("constraint_migration_applied", "1 if the migration that makes this index has run."),
    _sampled("duplicate_check_probe_seconds", "Duration of the app's own duplicate lookup, asked by the exporter."),
    _sampled("duplicate_check_uses_index", "1 if the plan of that lookup seeks in an index."),
)

SAMPLING = (
    _sampling("up", "gauge", "1 if the database was reached at the last attempt."),
    _sampling("sample_timestamp_seconds", "gauge", "Time of the query's last success (Unix seconds).", QUERY),
    _sampling("sample_duration_seconds", "gauge", "Time that the query's last success took in the database.", QUERY),
    _sampling("sample_errors_total", "counter", "Failures of the query since the exporter's start.", QUERY),
    _sampling("replica_lag_seconds", "gauge", "By how much the replica lags; where database.replica is true."),
)

COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LOSS_CAUSES = ("truncated", "deleted", "replaced", "overwritten")

OWN_SERIES = (
    _health("build_info", "Always 1; the version is the label.", Label("version")),
    _health("config_hash", "Hash of the configuration in force, to see drift in a fleet."),
    _health("events_hash", "Hash of the event definitions in force, to see drift in a fleet."),
    _own("read_bytes_total", "Bytes of log read and evaluated.", LOG),
    _health("lag_bytes", "Bytes present in the files and not yet evaluated.", LOG),
    _health("lag_seconds", "Age of the oldest byte not yet committed; 0 when caught up.", LOG),
    _health(
        "log_clock_offset_seconds",
        "Time of the newest record minus its arrival; whole hours mean a wrong time zone.",
        LOG,
    ),
    _health(
        "files",
        "Files known, by state.",
        LOG,
        Label("state", ("active", "rotated", "unlinked", "copy", "compressed", "unreadable")),
    ),
    _own(
        "rotations_total",
        "Rotations seen, by kind.",
        LOG,
        Label("kind", ("renamed", "truncated", "replaced", "deleted")),
    ),
    _own("unparsed_lines_total", "Lines outside any record, or that begin like one and are none.", LOG),
    _own("oversized_records_total", "Records cut at 1 MiB; matching saw no more of them.", LOG),
    _own("malformed_fields_total", "Fields that an event needs and that were missing or not numeric.", Label("event")),
    _own("possible_losses_total", "Occasions at which records may have been lost.", LOG, Label("cause", LOSS_CAUSES)),
    _own("possible_loss_bytes_total", "Lower bound of the bytes lost at them.", LOG, Label("cause", LOSS_CAUSES)),
    _own(
        "read_errors_total",
        "Failed attempts to open or read a log file.",
        LOG,
        Label("cause", ("permission", "io", "stale", "descriptors", "not_a_file", "utf16", "other")),
    ),
    _health("log_up", "1 if every file of the log that should be read can be read, and one is there.", LOG),
    Series(
        OWN + "state_commit_seconds", "histogram", "Duration of commits to the state file.", "own", (), COMMIT_BUCKETS
    ),
    _own("commit_failures_total", "Commits that failed; they are retried."),
    _health("commit_failing", "1 while the latest commit has failed."),
    _health("last_commit_timestamp_seconds", "Time of the last commit (Unix seconds)."),
    _health("uncommitted_bytes", "Bytes evaluated and not yet committed."),
    _health("state_lost_timestamp_seconds", "When the state was last found corrupt and set aside; absent if never."),
    _own("incident_evictions_total", "Incidents forgotten early because 100,000 were held."),
    _health("catching_up", "1 while the daemon reads what was written before it looked."),
    _health("config_last_reload_successful", "1 if the last load of the configuration succeeded."),
    _health("config_last_reload_success_timestamp_seconds", "Time of the last successful load (Unix seconds)."),
    _health("web_config_last_reload_successful", "1 if the web configuration in the file is the one in force."),
    _health("web_certificate_expiry_timestamp_seconds", "Time at which the served certificate expires (Unix seconds)."),
)

BUILTIN = FROM_LOGS + FROM_DATABASE + SAMPLING + OWN_SERIES
