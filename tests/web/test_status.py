"""exporter.web.status: what the page says of a moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.catalogue import AGE_BUCKETS, APP, BUILTIN, OWN, Catalogue
from exporter.model import DatabaseSnapshot, HistogramValue, Sampled
from exporter.web.health import Moment
from exporter.web.status import MOST_EVENTS, MOST_LOGS, Status, status
from tests.support.snapshots import EVENTS, IDENTITY, LOGS, NOW, make_health, make_log_health, make_snapshot

MINUTE = int(NOW // 60)
CATALOGUE = Catalogue(BUILTIN, logs=LOGS, events=EVENTS, statuses=("confirmed", "no_show", "other"))
REJECTED = APP + "duplicate_booking_rejections_total"


def page(*, snapshot: dict[str, Any] | None = None, health: dict[str, Any] | None = None, **changes: Any) -> Status:  # noqa: ANN401 - any field
    moment = Moment(make_snapshot(**snapshot or {}), make_health(**health or {}), IDENTITY, NOW)
    return status(replace(moment, **changes), CATALOGUE, started=NOW - 3700)


def test_figures() -> None:
    """The first row tells the last 24 hours, as the gauge of the prevention rate does, and what waits."""
    shown = page(
        snapshot={"rejections": {MINUTE: 1, MINUTE - 1440: 7}, "created": {MINUTE - 5: 1234}},
        health={"logs": {"app": make_log_health(lag_bytes=2500, oldest_uncommitted=NOW - 7)}},
    )
    assert [(one.name, one.value, one.note) for one in shown.figures] == [
        ("Duplicates rejected", "1", "in the last 24 h"),
        ("Prevention rate", "0.1 %", "of 1,235 attempts"),
        ("Appointments created", "1,234", "in the last 24 h"),
        ("Behind the logs", "7 s", "2.5 kB wait"),
    ]


def test_nothing_waits() -> None:
    """Nothing waits where all is counted; what cannot be read is not said to be counted."""
    (*_, behind) = page().figures
    assert (behind.value, behind.note) == ("nothing", "all is counted")
    (*_, behind) = page(health={"logs": {"app": make_log_health(up=False)}}).figures
    assert (behind.value, behind.note) == ("nothing", "of what can be read")


def test_a_log() -> None:
    """A log is shown with its state, what waits, its files, times and losses."""
    log = make_log_health(lag_bytes=10, oldest_uncommitted=NOW - 3, written=NOW - 4, last_record=NOW - 3600)
    counters = {
        (OWN + "possible_losses_total", ("app", "truncated")): 2.0,
        (OWN + "possible_losses_total", ("app", "deleted")): 1.0,
        (OWN + "possible_loss_bytes_total", ("app", "truncated")): 1500.0,
        (OWN + "possible_losses_total", ("other", "truncated")): 9.0,
    }
    (row,) = page(snapshot={"counters": counters}, health={"logs": {"app": log}}).logs
    assert (row.name, row.severity, row.state) == ("app", "ok", "followed")
    assert (row.waiting, row.files) == ("10 B, 3 s", "1 active, 2 rotated")
    assert row.written is not None
    assert row.record is not None
    assert (row.written.absolute, row.written.ago) == ("08:53:16 UTC", "4 seconds ago")
    assert (row.record.absolute, row.record.ago) == ("07:53:20 UTC", "1 hour ago")
    assert (row.losses, row.lost) == ("3 occasions, 1.5 kB at least", True)


@pytest.mark.parametrize(
    ("log", "catching_up", "state"),
    [
        ({}, False, ("ok", "followed")),
        ({"up": False, "files": {"unreadable": 1}}, False, ("critical", "unreadable")),
        ({"up": False, "files": {}}, False, ("critical", "no file")),
        ({"up": False}, True, ("notice", "reading what is there")),
        ({"oldest_uncommitted": NOW - 61}, False, ("warning", "behind")),
        ({"clock_offset": -3600.0}, False, ("warning", "wrong time zone")),
    ],
)
def test_states_of_a_log(log: dict[str, Any], catching_up: bool, state: tuple[str, str]) -> None:  # noqa: FBT001
    """The state of a log is what the verdict would say of it."""
    (row,) = page(health={"logs": {"app": make_log_health(**log)}, "catching_up": catching_up}).logs
    assert (row.severity, row.state) == state
    if log == {}:
        assert (row.waiting, row.written, row.record, row.losses, row.lost) == (
            "nothing",
            None,
            None,
            "none known",
            False,
        )


def test_hundreds_of_logs() -> None:
    """Of hundreds of logs those are shown that need a look, then the first ones; the rest is a number."""
    logs = {f"log-{number}": make_log_health() for number in range(300)} | {"z": make_log_health(up=False)}
    shown = page(health={"logs": logs})
    assert [row.name for row in shown.logs[:3]] == ["z", "log-0", "log-1"]
    assert (len(shown.logs), shown.more_logs) == (MOST_LOGS, 301 - MOST_LOGS)


def test_rejections_by_layer() -> None:
    """Each layer has a lane, with what it catches; they add up to all rejections of the day."""
    shown = page(snapshot={"rejections": {MINUTE: 5}, "layers": {"layer1": {MINUTE: 3}, "layer4": {MINUTE: 2}}})
    assert [(lane.name, lane.note, lane.total) for lane in shown.rejections.lanes] == [
        ("Layer 1", "stale booking", "3"),
        ("Layer 2", "call ID mismatch", "0"),
        ("Layer 3", "database duplicate", "0"),
        ("Layer 4", "unique constraint", "2"),
    ]


def test_rejections_that_an_earlier_version_counted() -> None:
    """What a version without lanes has counted is a lane of its own, so that the sum stays that of the day."""
    shown = page(snapshot={"rejections": {MINUTE: 5, MINUTE - 9: 1}, "layers": {"layer1": {MINUTE: 3, MINUTE - 9: 1}}})
    assert [(lane.name, lane.total) for lane in shown.rejections.lanes][-1] == ("Not recorded", "2")


def test_ages() -> None:
    """The distribution of ages is that of the histogram, by what was decided."""
    value = HistogramValue((0, 2, *[0] * (len(AGE_BUCKETS) - 1)), 3.0)
    shown = page(snapshot={"histograms": {(APP + "booking_age_seconds", ("accepted",)): value}})
    assert [(lane.name, lane.total, lane.note) for lane in shown.ages.lanes] == [
        ("Accepted", "2", "half of them up to 2 s"),
        ("Rejected as stale", "0", ""),
        ("Rejected, other call", "0", ""),
    ]


def test_totals() -> None:
    """Every counter about the app has its sum and what it is made of; those at 0 are only named."""
    counters = {
        (REJECTED, ("layer1", "stale_booking")): 3.0,
        (REJECTED, ("layer4", "unique_constraint")): 1200.0,
        (APP + "bookings_validated_total", ()): 7.0,
    }
    shown = page(snapshot={"counters": counters})
    assert [(one.name, one.value, one.parts) for one in shown.totals] == [
        (REJECTED, "1,203", "layer4 1,200, layer1 3"),
        (APP + "bookings_validated_total", "7", ""),
    ]
    declared = [one.name for one in BUILTIN if one.kind == "counter" and one.origin == "log"]
    assert sorted([*shown.zeros, *(one.name for one in shown.totals)]) == sorted(declared)


def test_events() -> None:
    """Events are in the order of their last record; those that were never seen are named."""
    shown = page(snapshot={"last_events": {"call_id_mismatch": NOW - 90}})
    ((name, when),) = shown.events
    assert (name, when.ago, shown.unseen) == ("call ID mismatch", "1 minute ago", ("stale booking",))


def test_hundreds_of_events() -> None:
    """Of hundreds of events of a site's own the newest are shown."""
    names = [f"event_{number}" for number in range(500)]
    moment = Moment(
        make_snapshot(last_events={name: NOW - at for at, name in enumerate(names)}), make_health(), IDENTITY, NOW
    )
    shown = status(moment, Catalogue(BUILTIN, logs=LOGS, events=names), started=NOW)
    assert (len(shown.events), shown.more_events, shown.unseen) == (MOST_EVENTS, 500 - MOST_EVENTS, ())
    assert shown.events[0][0] == "event 0"


def test_while_the_history_is_counted() -> None:
    """Before event series are exposed the page shows none of their values either (guarantee G3)."""
    value = HistogramValue((5, *[0] * len(AGE_BUCKETS)), 3.0)
    shown = page(
        snapshot={
            "exposed": False,
            "counters": {(REJECTED, ("layer1", "stale_booking")): 3.0},
            "histograms": {(APP + "booking_age_seconds", ("accepted",)): value},
            "rejections": {MINUTE: 3},
            "layers": {"layer1": {MINUTE: 3}},
            "last_events": {"stale_booking": NOW},
        }
    )
    assert not shown.counted
    assert [one.name for one in shown.figures] == ["Behind the logs"]
    assert (shown.totals, shown.zeros, shown.events) == ((), (), ())
    assert {lane.total for lane in (*shown.rejections.lanes, *shown.ages.lanes)} == {"0"}


def test_about_the_exporter() -> None:
    """Version, uptime, commits and hashes are told, the hashes as their gauges show them."""
    facts = dict(page(snapshot={"counters": {(OWN + "commit_failures_total", ()): 2.0}}).facts)
    assert facts["Version"] == "1.2.3"
    assert facts["Running since"] == "07:51:40 UTC, 1 hour ago"
    assert (facts["Last commit"], facts["Failed commits"]) == ("08:53:15 UTC, 5 seconds ago", "2")
    assert (facts["Configuration hash"], facts["Hash of event definitions"]) == ("123456789", "987654321")
    assert facts["Last damaged state"] == "never"
    lost = dict(page(snapshot={"state_lost": NOW - 86400}, health={"last_commit": None}).facts)
    assert (lost["Last damaged state"], lost["Last commit"]) == ("2025-10-08 08:53 UTC, 1 day ago", "not yet")


def test_the_zone_of_the_logs() -> None:
    """Times are in the zone of the identity, as in the logs."""
    shown = page(identity=replace(IDENTITY, zone="Asia/Kolkata"))
    assert (shown.now.absolute, shown.zone) == ("2025-10-09 14:23 IST", "IST")


def test_no_database() -> None:
    """Without a database nothing is said about one."""
    assert page().database is None


def test_database() -> None:
    """Gauges are words, an overdue one is not known, a bad one is marked; queries have their last result."""
    known = DatabaseSnapshot(
        up=True,
        values={
            (APP + "duplicate_appointment_groups", ()): Sampled(2.0, NOW),
            (APP + "unique_constraint_present", ()): Sampled(1.0, NOW),
            (APP + "appointments_created_1h", ()): Sampled(5.0, NOW - 1),
            (APP + "duplicate_check_probe_seconds", ()): Sampled(0.0004, NOW),
            (APP + "appointments", ("confirmed",)): Sampled(4100.0, NOW),
            (APP + "appointments", ("no_show",)): Sampled(1.0, NOW),
            (APP + "appointments", ("other",)): Sampled(0.0, NOW),
        },
        times={"totals": NOW - 15, "plan": NOW - 1000},
        durations={"totals": 0.25, "plan": 0.0},
        errors={"totals": 0, "plan": 3, "missing_booking_id": 0},
    )
    shown = page(database=known).database
    assert shown is not None
    assert (shown.severity, shown.state, shown.late) == ("ok", "reached", True)
    values = {one.name: (one.value, one.severity) for one in shown.values}
    assert values["Bookings stored more than once"] == ("2", "critical")
    assert values["Unique key in place"] == ("yes", "ok")
    assert values["Its migration has run"] == ("not known", "ok")
    assert values["Created in the last hour"] == ("not known", "ok")
    assert values["Duplicate check takes"] == ("0.4 ms", "ok")
    assert "Replica lags" not in values
    assert shown.statuses == (("confirmed", "4,100"), ("no show", "1"))
    rows = [(row.name, row.sampled and row.sampled.ago, row.took, row.errors, row.severity) for row in shown.queries]
    assert rows == [
        ("totals", "15 seconds ago", "250 ms", "0", "ok"),
        ("plan", "16 minutes ago", "0 s", "3", "warning"),
        ("missing booking ID", None, "", "0", "ok"),
    ]


@pytest.mark.parametrize(
    ("up", "state"),
    [(None, ("notice", "not asked yet")), (False, ("critical", "not reached")), (True, ("ok", "reached"))],
)
def test_states_of_the_database(up: bool | None, state: tuple[str, str]) -> None:  # noqa: FBT001
    """The database is not asked yet, reached, or not; a replica's lag is a value of its own."""
    known = DatabaseSnapshot(up, {}, {}, {}, {"replica_lag": 0})
    shown = page(database=known).database
    assert shown is not None
    assert (shown.severity, shown.state) == state
    assert "Replica lags" in [one.name for one in shown.values]
