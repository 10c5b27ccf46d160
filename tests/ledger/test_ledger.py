from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest

from exporter.catalogue import BUILTIN, Catalogue, Series
from exporter.ledger import Ledger
from exporter.model import (
    Changes,
    HistogramValue,
    Incident,
    Increment,
    LedgerState,
    LinkedLabel,
    Match,
    Observation,
    Sighting,
    Violation,
)

if TYPE_CHECKING:
    from exporter.model import Snapshot

NOW = 1_760_000_000.0
MINUTE = int(NOW // 60)
SECRET = b"s" * 32

REJECTED = "api_gateway_duplicate_booking_rejections_total"
LAYER1 = (REJECTED, ("layer1", "stale_booking"))
LAYER4 = (REJECTED, ("layer4", "unique_constraint"))
INCIDENTS = "api_gateway_duplicate_booking_incidents_total"
CREATED = ("api_gateway_appointments_created_total", ("call",))
COMPENSATIONS = "api_gateway_compensations_total"
MALFORMED = ("booking_exporter_malformed_fields_total", ("stale_booking",))
AGE = ("api_gateway_booking_age_seconds", ("stale",))

STALE = Match(
    "stale_booking",
    increments=(Increment(*LAYER1),),
    observations=(Observation(*AGE, 2041.5),),
    incident=Incident("layer1", "77"),
)
COMPENSATED = Match(
    None,
    increments=(
        Increment(
            COMPENSATIONS, ("succeeded", LinkedLabel("bk_1", if_violated="unique_constraint", otherwise="other"))
        ),
    ),
)


def violated(role: Literal["failed_save", "report"], key: str = "bk_1") -> Match:
    return Match(
        "unique_constraint",
        increments=(Increment(*LAYER4),),
        incident=Incident("layer4", key),
        violation=Violation(role, key),
    )


def commit(ledger: Ledger) -> Snapshot:
    ledger.changes()
    ledger.committed()
    return ledger.snapshot(state_lost=None, exposed=True)


def test_closed_label_sets_exist_at_zero(catalogue: Catalogue) -> None:
    """The first snapshot holds every closed label set at 0, and no time of an event."""
    snapshot = Ledger(catalogue, None, SECRET).snapshot(state_lost=5.0, exposed=False)
    assert snapshot.counters[LAYER1] == 0.0
    assert snapshot.counters["booking_exporter_read_bytes_total", ("web",)] == 0.0
    assert snapshot.histograms[AGE].buckets == (0,) * 15
    assert (snapshot.last_events, snapshot.state_lost, snapshot.exposed) == ({}, 5.0, False)


def test_a_record_counts_all_that_it_means(catalogue: Catalogue) -> None:
    """One rejection moves its counter, its histogram, the incidents, the window and the time of its event."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW - 60.0, STALE, NOW)
    snapshot = commit(ledger)
    assert snapshot.counters[LAYER1] == 1.0
    assert snapshot.counters[INCIDENTS, ("layer1",)] == 1.0
    assert snapshot.histograms[AGE].sum == 2041.5
    assert snapshot.last_events == {"stale_booking": NOW - 60.0}
    assert snapshot.rejections == {MINUTE - 1: 1}
    assert snapshot.layers == {"layer1": {MINUTE - 1: 1}, "layer2": {}, "layer3": {}, "layer4": {}}


def test_rejections_by_layer_go_on_after_a_restart(catalogue: Catalogue) -> None:
    """The last 24 h of each layer are in the state: who continues from it shows the same, and adds to it."""
    first = Ledger(catalogue, None, SECRET)
    first.apply("app", NOW, violated("failed_save"), NOW)
    first.apply("app", NOW, STALE, NOW, times=3)
    shown = commit(first).layers
    second = Ledger(catalogue, first.state(), SECRET)
    assert second.snapshot(state_lost=None, exposed=True).layers == shown
    second.apply("app", NOW, violated("failed_save", "bk_2"), NOW)
    assert second.snapshot(state_lost=None, exposed=True).layers == shown
    assert commit(second).layers == {"layer1": {MINUTE: 3}, "layer2": {}, "layer3": {}, "layer4": {MINUTE: 2}}


def test_appointments_fill_the_other_window(catalogue: Catalogue) -> None:
    """A created appointment counts for the rate, an idempotency hit does not."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, Match(None, (Increment(*CREATED),)), NOW)
    ledger.apply("app", NOW, Match(None, (Increment("api_gateway_idempotency_results_total", ("hit",)),)), NOW)
    snapshot = commit(ledger)
    assert (snapshot.created, snapshot.rejections) == ({MINUTE: 1}, {})


def test_retries_are_one_incident(catalogue: Catalogue) -> None:
    """Forty rejections of one booking are one incident; the same identifier in another layer is another."""
    ledger = Ledger(catalogue, None, SECRET)
    for second in range(40):
        ledger.apply("app", NOW + second, STALE, NOW + second)
    ledger.apply("app", NOW, Match(None, incident=Incident("layer2", "77")), NOW)
    counters = commit(ledger).counters
    assert counters[LAYER1] == 40.0
    assert counters[INCIDENTS, ("layer1",)] == 1.0
    assert counters[INCIDENTS, ("layer2",)] == 1.0


def test_evictions_are_counted(catalogue: Catalogue) -> None:
    """The incident that has to go because 100,000 are held is counted."""
    held = {number.to_bytes(16, "big"): Sighting(NOW, NOW) for number in range(100_000)}
    ledger = Ledger(catalogue, LedgerState({}, {}, {}, {}, held, {}), SECRET)
    ledger.apply("app", NOW, STALE, NOW)
    assert commit(ledger).counters["booking_exporter_incident_evictions_total", ()] == 1.0
    assert len(ledger.state().incidents) == 100_000


def test_one_violation_told_three_times_counts_once(catalogue: Catalogue) -> None:
    """Reports that follow a failed save of their key add nothing but the time of the event."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, violated("failed_save"), NOW)
    ledger.apply("app", NOW + 1, violated("report"), NOW + 9)
    ledger.apply("app", NOW + 2, violated("report"), NOW + 9)
    snapshot = commit(ledger)
    assert snapshot.counters[LAYER4] == 1.0
    assert snapshot.last_events == {"unique_constraint": NOW + 2}
    assert snapshot.rejections == {MINUTE: 1}


def test_what_does_not_count_has_no_effect_but_its_faults(catalogue: Catalogue) -> None:
    """A covered report makes no incident and no observation; its malformed fields are told all the same."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, Match(None, violation=Violation("failed_save", "k")), NOW)
    ledger.apply("app", NOW, STALE._replace(violation=Violation("report", "k"), malformed=2), NOW)
    snapshot = commit(ledger)
    assert snapshot.counters[INCIDENTS, ("layer1",)] == 0.0
    assert snapshot.histograms[AGE].count == 0
    assert snapshot.counters[MALFORMED] == 2.0


def test_violations_of_other_logs_do_not_matter(catalogue: Catalogue) -> None:
    """A failed save in one log does not cover a report in another."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, violated("failed_save"), NOW)
    ledger.apply("web", NOW, violated("report"), NOW)
    assert commit(ledger).counters[LAYER4] == 2.0


@pytest.mark.parametrize(
    ("log", "identifier", "later", "cause"),
    [
        ("app", "bk_1", 60.0, "unique_constraint"),
        ("app", "bk_1", 61.0, "other"),
        ("app", "bk_2", 1.0, "other"),
        ("web", "bk_1", 1.0, "other"),
    ],
)
def test_the_cause_of_a_compensation(catalogue: Catalogue, log: str, identifier: str, later: float, cause: str) -> None:
    """A compensation is caused by a violation of the same booking in the same log within 60 s, else by other."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply(log, NOW, violated("failed_save", identifier), NOW)
    ledger.apply("app", NOW + later, COMPENSATED, NOW + later)
    assert commit(ledger).counters[COMPENSATIONS, ("succeeded", cause)] == 1.0


def test_a_violation_that_did_not_count_is_a_cause_too(catalogue: Catalogue) -> None:
    """The cause is looked for among all remembered violations, counted or not."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, violated("failed_save"), NOW)
    ledger.apply("app", NOW + 50, violated("report"), NOW + 50)
    ledger.apply("app", NOW + 100, COMPENSATED, NOW + 100)
    assert commit(ledger).counters[COMPENSATIONS, ("succeeded", "unique_constraint")] == 1.0


def test_last_event_never_falls_and_is_never_ahead(catalogue: Catalogue) -> None:
    """The time of an event is its newest record's, but not later than now."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW + 7200, STALE, NOW)
    ledger.apply("app", NOW - 50, STALE, NOW)
    assert commit(ledger).last_events == {"stale_booking": NOW}


def test_malformed_fields_of_no_event_have_no_series(catalogue: Catalogue) -> None:
    """A record that is no event counts its increments and nothing per event."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, Match(None, (Increment("api_gateway_unrecognized_events_total"),), malformed=1), NOW)
    snapshot = commit(ledger)
    assert snapshot.counters["api_gateway_unrecognized_events_total", ()] == 1.0
    assert snapshot.counters[MALFORMED] == 0.0


def test_own_counters_and_histograms(catalogue: Catalogue) -> None:
    """The daemon's own happenings are counted like records."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.add("booking_exporter_commit_failures_total")
    ledger.add("booking_exporter_read_bytes_total", ("app",), 4096)
    ledger.observe("booking_exporter_state_commit_seconds", (), 0.0004)
    snapshot = commit(ledger)
    assert snapshot.counters["booking_exporter_commit_failures_total", ()] == 1.0
    assert snapshot.counters["booking_exporter_read_bytes_total", ("app",)] == 4096.0
    assert snapshot.histograms["booking_exporter_state_commit_seconds", ()].buckets[0] == 1


def test_a_snapshot_shows_nothing_uncommitted(catalogue: Catalogue) -> None:
    """Between a change and its commit the snapshot stays as it was, also while commits fail."""
    ledger = Ledger(catalogue, None, SECRET)
    before = ledger.snapshot(state_lost=None, exposed=True)
    ledger.apply("app", NOW, STALE, NOW)
    ledger.changes()
    assert ledger.snapshot(state_lost=None, exposed=True) == before
    ledger.apply("app", NOW, STALE, NOW)
    changes = ledger.changes()
    assert changes.counters[LAYER1] == 2.0
    assert changes.last_events == {"stale_booking": NOW}
    ledger.committed()
    assert ledger.snapshot(state_lost=None, exposed=True).counters[LAYER1] == 2.0


def test_nothing_to_commit_twice(catalogue: Catalogue) -> None:
    """After a commit there are no changes until something happens."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, violated("failed_save"), NOW)
    commit(ledger)
    changes = ledger.changes()
    assert changes == Changes({}, {}, {}, {}, None, None)


def test_state_holds_no_text(catalogue: Catalogue) -> None:
    """Identifiers and keys leave nothing but hashes that depend on the secret."""
    first, second = Ledger(catalogue, None, SECRET), Ledger(catalogue, None, b"other")
    for ledger in (first, second):
        ledger.apply("app", NOW, violated("failed_save", "Anna \ud800 Schmidt"), NOW)
    assert "Schmidt" not in repr(first.state())
    assert set(first.state().incidents).isdisjoint(second.state().incidents)
    assert {len(hashed) for hashed in first.state().incidents} == {16}


def test_a_restart_changes_nothing(catalogue: Catalogue) -> None:
    """A ledger that starts from the state goes on as the one that wrote it."""
    whole, parts = Ledger(catalogue, None, SECRET), Ledger(catalogue, None, SECRET)
    for step in range(30):
        match = (STALE, violated("failed_save"), violated("report"), COMPENSATED)[step % 4]
        for ledger in (whole, parts):
            ledger.apply("app", NOW + 7 * step, match, NOW + 7 * step)
        parts = Ledger(catalogue, parts.state(), SECRET)
    assert commit(parts) == commit(whole)
    assert parts.state() == replace(whole.state(), counters=parts.state().counters)


def test_a_new_catalogue_loses_nothing(catalogue: Catalogue) -> None:
    """What was counted for a removed log or event is kept unshown, and shown again when it is back."""
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, STALE, NOW)
    ledger.redeclare(Catalogue(BUILTIN, logs=("web",), events=("other",)))
    snapshot = commit(ledger)
    assert MALFORMED not in snapshot.counters
    assert snapshot.last_events == {}
    assert snapshot.counters[LAYER1] == 1.0
    ledger.redeclare(catalogue)
    assert ledger.snapshot(state_lost=None, exposed=True).last_events == {"stale_booking": NOW}


def test_a_catalogue_of_another_app() -> None:
    """A catalogue without our own series serves records of its own."""
    catalogue = Catalogue((Series("orders_total", "counter", "Orders.", "log"),))
    ledger = Ledger(catalogue, None, SECRET)
    ledger.apply("app", NOW, Match("order", (Increment("orders_total"),)), NOW)
    snapshot = commit(ledger)
    assert snapshot.counters == {("orders_total", ()): 1.0}
    assert snapshot.last_events == {}


def test_histograms_continue(catalogue: Catalogue) -> None:
    """A histogram goes on from the state."""
    state = LedgerState({}, {AGE: HistogramValue((1,) * 15, 100.0)}, {}, {}, {}, {})
    ledger = Ledger(catalogue, state, SECRET)
    ledger.observe(*AGE, 1.0)
    assert commit(ledger).histograms[AGE] == HistogramValue((2,) + (1,) * 14, 101.0)
