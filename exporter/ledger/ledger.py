"""What the records add up to: series, windows, incidents, groupings and the newest event times.

Pure and for one thread: times come in with the records, changes go out as values for a commit.
The cycle is `apply`/`add`/`observe`, `changes`, a commit, `committed`, `snapshot`. A snapshot
shows what was committed and nothing later, whenever it is taken (guarantee G2). When a commit
fails, `committed` is not called and the next `changes` returns the same and what came since.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, cast

from exporter.catalogue import APP, LAYER, OWN
from exporter.ledger.changed import Changed
from exporter.ledger.grouping import Grouping
from exporter.ledger.incidents import Incidents
from exporter.ledger.series import Counters, Histograms
from exporter.ledger.windows import CREATED, REJECTIONS, Windows
from exporter.model import Changes, LedgerState, LinkedLabel, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.catalogue import Catalogue
    from exporter.model import LabelValues, Match, SeriesKey, Violation

REJECTIONS_TOTAL = APP + "duplicate_booking_rejections_total"
CREATED_TOTAL = APP + "appointments_created_total"
INCIDENTS_TOTAL = APP + "duplicate_booking_incidents_total"
LAST_EVENT = APP + "last_event_timestamp_seconds"
MALFORMED_TOTAL = OWN + "malformed_fields_total"
EVICTIONS_TOTAL = OWN + "incident_evictions_total"

INCIDENT, VIOLATION = b"incident", b"violation"
WINDOWS = {REJECTIONS_TOTAL: REJECTIONS, CREATED_TOTAL: CREATED}
EMPTY = LedgerState({}, {}, {}, {}, {}, {})


class Ledger:
    """All counts of the daemon."""

    def __init__(self, catalogue: Catalogue, state: LedgerState | None, key: bytes) -> None:
        """Continue from `state` (None: from nothing), hashing identifiers with the secret `key`."""
        held = state or EMPTY
        # A copy of a keyed hash costs half of a new one.
        self._hashes = {person: blake2b(digest_size=16, key=key, person=person) for person in (INCIDENT, VIOLATION)}
        self._scopes: dict[str, blake2b] = {}
        self._counters = Counters(catalogue, held.counters)
        self._histograms = Histograms(catalogue, held.histograms)
        self._windows = Windows(held.minutes)
        self._layers = Windows(held.layers, LAYER.values or ())
        self._incidents = Incidents(held.incidents, held.incident_front)
        self._grouping = Grouping(held.violations, held.violation_front)
        self._last = dict(held.last_events)
        self._last_changed: Changed[str] = Changed()
        self._last_handed: dict[str, float] = {}
        self._last_committed = dict(held.last_events)
        self._aliases: dict[str, str] = {}
        self.redeclare(catalogue)

    def redeclare(self, catalogue: Catalogue, renamed: Mapping[str, str] | None = None) -> None:
        """Take the catalogue of a new configuration; nothing that was counted is lost.

        `renamed` are logs that go on under another name: what is told of one violation before and after
        is still grouped (not beyond a restart, since only hashes that include the old name are kept).
        """
        for old, new in (renamed or {}).items():
            self._aliases[new] = self._aliases.pop(old, old)
        self._counters.redeclare(catalogue)
        self._histograms.redeclare(catalogue)
        known = catalogue.label_sets(catalogue[LAST_EVENT]) if LAST_EVENT in catalogue else ()
        self._events = frozenset(labels[0] for labels in known)
        self._show_last()

    def apply(self, log: str, time: float, match: Match, now: float, times: int = 1) -> None:
        """Count what one record of `log` means, or `times` records of one minute without violation and incident.

        `time` is the record's own time, `now` the present (Unix seconds). A report of a violation
        that is counted already adds nothing but its event time and its malformed fields. KeyError
        where the match names a series or a label value that the catalogue does not declare.
        """
        if match.event is not None:
            self._note(match.event, min(time, now))
            if match.malformed:
                self._counters.add((MALFORMED_TOTAL, (match.event,)), float(match.malformed * times))
        if match.violation is not None and not self._violation_counts(log, time, match.violation):
            return
        for one in match.increments:
            labels = cast("LabelValues", one.labels)
            if LinkedLabel in map(type, labels):
                labels = tuple(one if isinstance(one, str) else self._resolve(log, time, one) for one in one.labels)
            self._counters.add((one.metric, labels), float(times))
            if one.metric in WINDOWS:
                self._windows.add(WINDOWS[one.metric], time, now, times)
            if one.metric == REJECTIONS_TOTAL:
                self._layers.add(labels[0], time, now, times)
        for seen in match.observations:
            self._histograms.observe((seen.metric, seen.labels), (seen.value,))
        if match.incident is not None:
            self.meet_all([(match.incident.layer, _encoded(match.incident.identifier), time)], now)

    def meet_all(self, met: Iterable[tuple[str, bytes, float]], now: float) -> None:
        """Note records of incidents: layer, identifier in UTF-8, and time (Unix seconds) of each."""
        incidents, scopes, evicted = self._incidents, self._scopes, 0
        new: dict[str, int] = {}
        for layer, identifier, time in met:
            scope = scopes.get(layer)
            if scope is None:
                scope = scopes[layer] = self._hashes[INCIDENT].copy()
                scope.update(f"{layer}\0".encode())
            hashed = scope.copy()
            hashed.update(identifier)
            if incidents.see(hashed.digest(), time, now):
                new[layer] = new.get(layer, 0) + 1
                evicted += incidents.evict()
        for layer, times in new.items():
            self._counters.add((INCIDENTS_TOTAL, (layer,)), float(times))
        if evicted:
            self._counters.add((EVICTIONS_TOTAL, ()), float(evicted))

    def add(self, metric: str, labels: LabelValues = (), amount: float = 1.0) -> None:
        """Add `amount` to a counter. KeyError where it is not declared, ValueError below 0 or for NaN."""
        self._counters.add((metric, labels), amount)

    def observe(self, metric: str, labels: LabelValues, value: float) -> None:
        """Observe `value` in a histogram. KeyError where it is not declared, ValueError if not finite."""
        self._histograms.observe((metric, labels), (value,))

    def observe_all(self, key: SeriesKey, values: Sequence[float]) -> None:
        """Observe many values in the histogram `key`, in their order. Raises as `observe` does."""
        self._histograms.observe(key, values)

    def changes(self) -> Changes:
        """Return all that changed since the last `committed`, as absolute values."""
        self._last_handed = {event: self._last[event] for event in self._last_changed.hand_out(self._last)}
        return Changes(
            self._counters.changes(),
            self._histograms.changes(),
            self._last_handed,
            self._windows.changes(),
            self._incidents.changes(),
            self._grouping.changes(),
            self._layers.changes(),
        )

    def committed(self) -> None:
        """Note that what the last `changes` returned is in the state: snapshots show it from now on."""
        self._counters.committed()
        self._histograms.committed()
        self._windows.committed()
        self._layers.committed()
        self._incidents.committed()
        self._grouping.committed()
        self._last_changed.settle()
        if self._last_handed:
            self._last_committed.update(self._last_handed)
            self._last_handed = {}
            self._show_last()

    def snapshot(self, *, state_lost: float | None, exposed: bool) -> Snapshot:
        """Return the series as last committed; costs nothing, for the mappings are never changed again."""
        return Snapshot(
            counters=self._counters.shown,
            histograms=self._histograms.shown,
            last_events=self._last_shown,
            rejections=self._windows.shown[REJECTIONS],
            created=self._windows.shown[CREATED],
            state_lost=state_lost,
            exposed=exposed,
            layers=self._layers.shown,
        )

    def state(self) -> LedgerState:
        """Return everything as it is now, committed or not."""
        return LedgerState(
            self._counters.state(),
            self._histograms.state(),
            dict(self._last),
            self._windows.state(),
            self._incidents.state(),
            self._grouping.state(),
            self._layers.state(),
        )

    def _note(self, event: str, when: float) -> None:
        if when > self._last.get(event, float("-inf")):
            self._last[event] = when
            self._last_changed.touch(event)

    def _show_last(self) -> None:
        self._last_shown: Mapping[str, float] = {
            event: when for event, when in self._last_committed.items() if event in self._events
        }

    def _violation_counts(self, log: str, time: float, violation: Violation) -> bool:
        scope = self._aliases.get(log, log)
        hashed = self._hash(VIOLATION, scope, violation.key)
        if violation.identifier is not None:
            self._grouping.counts(self._hash(VIOLATION, scope, violation.identifier), violation.role, time)
        return self._grouping.counts(hashed, violation.role, time)

    def _resolve(self, log: str, time: float, label: LinkedLabel) -> str:
        hashed = self._hash(VIOLATION, self._aliases.get(log, log), label.identifier)
        return label.if_violated if self._grouping.violated(hashed, time) else label.otherwise

    def _hash(self, person: bytes, scope: str, text: str) -> bytes:
        # Neither a log's name nor a layer holds a NUL, so no two pairs give the same bytes.
        hashed = self._hashes[person].copy()
        hashed.update(_encoded(f"{scope}\0{text}"))
        return hashed.digest()


def _encoded(text: str) -> bytes:
    """Encode a text; JSON may hold half of a surrogate pair, which plain UTF-8 would refuse."""
    return text.encode("utf-8", "surrogatepass")
