"""The types that cross module boundaries, in the order in which the data flows.

Everything here is a plain value: no I/O, no clock. Times are Unix seconds (UTC) as floats,
positions and sizes are bytes. Texts that come from a log record (identifiers, keys) exist
only inside `Match` values; the ledger keeps nothing of them but keyed hashes (guarantee G6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Monolog's eight levels (Monolog\\Level), in rising order, in lower case."""

LabelValues = tuple[str, ...]
"""Label values in the order in which the catalogue declares the label names."""

SeriesKey = tuple[str, LabelValues]
"""A series: its metric's full exposition name, and its label values."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A text or regex that the scanner looks for in raw bytes, and the definitions that its hit may mean.

    Every record that a definition can match holds one of the definition's triggers. `definitions`
    are ascending indexes into `EventSet.definitions`; none stand at a marker's trigger.
    """

    pattern: bytes
    regex: bool
    definitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LinkedLabel:
    """A label value that the ledger decides, by whether `identifier` met a unique violation within 60 s."""

    identifier: str
    if_violated: str
    otherwise: str


class Increment(NamedTuple):
    """Add 1 to the counter `metric` (its full exposition name) at `labels`."""

    metric: str
    labels: tuple[str | LinkedLabel, ...] = ()


class Observation(NamedTuple):
    """Observe `value` in the histogram `metric` (its full exposition name) at `labels`."""

    metric: str
    labels: LabelValues
    value: float


class Incident(NamedTuple):
    """One problem that the app may meet many times: repeats of `identifier` in `layer` are one incident."""

    layer: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A report of a unique-key violation, of which the app logs several per violation.

    Every `failed_save` counts. A `report` (the framework's own) counts only where the same log
    had no failed save with the same `key` within 60 s of event time and no equal report within
    one second. `key` is the key's value, or the exception's message where it holds none (SQLite);
    then `identifier` is the booking ID if a field of the record tells it: what a `LinkedLabel`
    of the same booking names.
    """

    role: Literal["failed_save", "report"]
    key: str
    identifier: str | None = None


class Match(NamedTuple):
    """What one record means: the event it is (None: unrecognized) and all that it changes."""

    event: str | None
    increments: tuple[Increment, ...] = ()
    observations: tuple[Observation, ...] = ()
    incident: Incident | None = None
    violation: Violation | None = None
    malformed: int = 0


Reading = tuple[Match, list[tuple[SeriesKey, float]], Incident | None]
"""What one of many like records says: what it means besides its observed values and its incident, and these."""


class Wanted(NamedTuple):
    """A top-level key of contexts, and what its value is for.

    A `label` is part of what is counted; a `number` is observed (`absolute`: without its sign,
    `thousandth`: divided by thousand); an `identifier` tells the incident. `shown` leaves that open.
    """

    key: str
    role: Literal["label", "number", "absolute", "thousandth", "identifier", "shown"]


@dataclass(frozen=True, slots=True)
class Settled:
    """What every record means that begins in one way: `match`, or what its context makes of it, or nothing.

    `read` makes a reading of the context; `labelled` the same of its labels alone: the match, and the
    series of each value to observe, and then `layer` is that of the incident. Or `judge` makes a match,
    or None where the context alone does not tell. `wanted` are all keys that these look at; None
    where they are many or long.
    """

    match: Match | None = None
    read: Callable[[Mapping[str, object]], Reading] | None = None
    labelled: Callable[[Mapping[str, object]], tuple[Match, tuple[SeriesKey, ...]]] | None = None
    judge: Callable[[Mapping[str, object]], Match | None] | None = None
    layer: str = ""
    wanted: tuple[Wanted, ...] | None = ()


@dataclass(frozen=True, slots=True)
class HistogramValue:
    """A histogram's state: a count per bucket (not cumulative; the last is +Inf) and the sum.

    `bounds` are the upper bounds that the counts belong to: the state keeps them, so that counts
    are never read against other buckets than they were made for.
    """

    buckets: tuple[int, ...]
    sum: float
    bounds: tuple[float, ...] = field(default=(), compare=False)

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self.buckets)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All committed series, immutable: what `/metrics` shows until the next commit.

    `rejections` and `created` map a minute (Unix time // 60) to the rejections and created
    appointments in it, for the prevention rate, which decays while nothing happens; `layers` does
    the same for the rejections of each layer.
    `exposed` is False until the history of a first start has been counted (guarantee G3).
    """

    counters: Mapping[SeriesKey, float]
    histograms: Mapping[SeriesKey, HistogramValue]
    last_events: Mapping[str, float]
    rejections: Mapping[int, int]
    created: Mapping[int, int]
    state_lost: float | None
    exposed: bool
    layers: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogHealth:
    """The present condition of one configured log, computed by the loop, read at the scrape.

    `written` is when one of its files was last written to, `last_record` the time of the record read
    last (both Unix seconds, None while not known: the latter begins anew with each process).
    """

    up: bool
    lag_bytes: int
    oldest_uncommitted: float | None
    clock_offset: float | None
    files: Mapping[str, int]
    written: float | None = None
    last_record: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The daemon's own condition (never committed, so that a stuck commit cannot hide itself)."""

    logs: Mapping[str, LogHealth]
    last_commit: float | None
    uncommitted_bytes: int
    commit_failing: bool
    catching_up: bool
    ready: bool
    reload_successful: bool
    reload_success_time: float


@dataclass(frozen=True, slots=True)
class WebHealth:
    """Whether the web configuration in the file is the one in force; when its certificate expires (Unix seconds)."""

    reload_successful: bool
    certificate_expires: float | None


@dataclass(frozen=True, slots=True)
class Sampled:
    """A value from the database, and until when (Unix seconds) it may be shown."""

    value: float
    until: float


@dataclass(frozen=True, slots=True)
class DatabaseSnapshot:
    """What the database sampler knows, immutable; a new one takes its place after every query.

    `up` is None before the first attempt. `times` (Unix seconds) and `durations` (seconds of
    database time) are those of each query's last success, `errors` count its failures since
    the start and hold every query that is asked.
    """

    up: bool | None
    values: Mapping[SeriesKey, Sampled]
    times: Mapping[str, float]
    durations: Mapping[str, float]
    errors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FileRow:
    """What the state remembers of one file: its identity, its position and its open record.

    `head` holds the hashes of the first 64, 256, 1024 and 4096 bytes (as many as the file had),
    `tail` the hash of up to 256 bytes before `position`, `record` the open record's carry
    (JSON, see records.cut). `grown` and `seen` are the last growth and sighting (Unix seconds).
    """

    id: int
    log: str
    path: str
    device: int
    inode: int
    position: int
    record_start: int
    record: str
    size: int
    head: bytes
    tail: bytes
    grown: float
    seen: float
    state: str


class Violated(NamedTuple):
    """One remembered violation of the grouping state: hash of log and key, role, event time."""

    key: bytes
    role: str
    time: float


class Sighting(NamedTuple):
    """A known incident: the event time of its first sighting, and the time from which it is held.

    `held` is the newest event time of any incident when this one was first seen: an incident read
    late, from an old file, is then not forgotten before the rest of that file has been read.
    """

    first: float
    held: float


SIGHTING: Final = Struct("<16sdd")
"""How incidents stand in a page: hash, first sighting, and the time from which it is held (see `Sighting`)."""


VIOLATED: Final = Struct("<16s?d")
"""How violations stand in a page: hash, whether it is a failed save, and the event time."""


class Page(NamedTuple):
    """What changed of entries that have numbers in the order in which they came: incidents, or violations.

    `entries` are those to add, as SIGHTING or VIOLATED pack them, the first of which has the number
    `start`; where an incident was there already, the later entry counts. `front` is the number of
    the oldest that is held. `anew` tells that `entries` are all there are.
    """

    start: int
    entries: bytes
    front: int
    anew: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What the ledger changed since its last commit, as absolute values (so a retry is harmless)."""

    counters: Mapping[SeriesKey, float]
    histograms: Mapping[SeriesKey, HistogramValue]
    last_events: Mapping[str, float]
    minutes: Mapping[tuple[str, int], int | None]
    incidents: Page | None
    violations: Page | None
    layers: Mapping[tuple[str, int], int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ledger as the state file holds it, to start from; all empty at the first start.

    `incidents` are in the order of their numbers, of which the first is `incident_front`; None where
    they are not numbered, or not without a gap. `violations` likewise, with `violation_front`.
    """

    counters: Mapping[SeriesKey, float]
    histograms: Mapping[SeriesKey, HistogramValue]
    last_events: Mapping[str, float]
    minutes: Mapping[tuple[str, int], int]
    incidents: Mapping[bytes, Sighting]
    violations: Mapping[int, Violated]
    layers: Mapping[tuple[str, int], int] = field(default_factory=dict)
    incident_front: int | None = field(default=None, compare=False)
    violation_front: int | None = field(default=None, compare=False)
