"""exporter.web.verdict: what is wrong is said, the worst first, with a runbook that exists; else all is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.catalogue import APP
from exporter.model import DatabaseSnapshot, Health, Sampled, Snapshot, WebHealth
from exporter.web import verdict
from exporter.web.health import Moment
from exporter.web.verdict import judge
from tests.support.snapshots import IDENTITY, NOW, make_health, make_log_health, make_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = Path(__file__).parents[2] / "rules"
MINUTE = int(NOW // 60)


def make_database(**changes: Any) -> DatabaseSnapshot:  # noqa: ANN401 - any field
    """Return a database that was just sampled and is in order, but for `changes`; gauges by their short names."""
    gauges = {"duplicate_appointment_groups": 0.0, "unique_constraint_present": 1.0, "duplicate_check_uses_index": 1.0}
    gauges |= changes.pop("gauges", {})
    fields: dict[str, Any] = {"up": True, "times": {"totals": NOW}, "durations": {}, "errors": {"totals": 0}} | changes
    return DatabaseSnapshot(
        values={(APP + name, ()): Sampled(value, NOW + 60) for name, value in gauges.items()}, **fields
    )


def moment(
    snapshot: Snapshot | None = None, health: Health | None = None, database: DatabaseSnapshot | None = None
) -> Moment:
    return Moment(snapshot or make_snapshot(), health or make_health(), IDENTITY, NOW, database)


@pytest.mark.parametrize(
    ("at", "detail"),
    [
        (moment(), "2 logs are read to the end."),
        (
            moment(database=make_database()),
            "2 logs are read to the end, the database answers and no booking is stored twice.",
        ),
        (moment(health=make_health(logs={"a": make_log_health()})), "1 log is read to the end."),
        (
            moment(health=make_health(logs={}), database=make_database()),
            "The database answers and no booking is stored twice.",
        ),
        (moment(health=make_health(logs={}), database=make_database(up=None)), ""),
    ],
)
def test_all_right(at: Moment, detail: str) -> None:
    """Where nothing is wrong, the sentence says so, and what that rests on."""
    said = judge(at)
    assert (said.severity, said.sentence, said.action) == ("ok", "Everything is all right.", detail)
    assert (said.runbook, said.others) == ("", ())


def logs(**changes: Any) -> Health:  # noqa: ANN401 - any field
    return make_health(logs={"app": make_log_health(**changes), "calcom": make_log_health()})


WRONG: Mapping[str, tuple[Moment, str, str, str]] = {
    "unreadable": (moment(health=logs(up=False)), "critical", "Log app cannot be read.", "BookingLogUnreadable"),
    "several": (
        moment(health=make_health(logs={name: make_log_health(up=False) for name in "abcde"})),
        "critical",
        "Logs a, b, c and 2 more cannot be read.",
        "BookingLogUnreadable",
    ),
    "lag": (
        moment(health=logs(oldest_uncommitted=NOW - 61)),
        "warning",
        "Log app is read 1 min 1 s late.",
        "BookingExporterLagging",
    ),
    "zone": (
        moment(health=logs(clock_offset=-7200.0)),
        "warning",
        "Records of log app are dated 2 h back.",
        "BookingLogClockOffset",
    ),
    "zone ahead": (
        moment(health=logs(clock_offset=3600.0)),
        "warning",
        "Records of log app are dated 1 h ahead.",
        "BookingLogClockOffset",
    ),
    "commits": (
        moment(health=make_health(commit_failing=True, ready=False)),
        "critical",
        "Counts cannot be saved; the values shown stand still.",
        "BookingCommitsFailing",
    ),
    "state": (
        moment(make_snapshot(state_lost=NOW - 120)),
        "warning",
        "The state was damaged 2 min ago; counters began again at 0.",
        "BookingStateLost",
    ),
    "reload": (
        moment(health=make_health(reload_successful=False)),
        "warning",
        "The new configuration was refused; the old one is in force.",
        "BookingReloadFailed",
    ),
    "violation": (
        moment(make_snapshot(layers={"layer4": {MINUTE - 29: 2, MINUTE - 30: 9}})),
        "warning",
        "The unique key had to stop 2 duplicates.",
        "DatabaseConstraintViolation",
    ),
    "duplicates": (
        moment(database=make_database(gauges={"duplicate_appointment_groups": 3.0})),
        "critical",
        "The database holds 3 bookings more than once.",
        "DuplicateBookingsInDatabase",
    ),
    "key": (
        moment(database=make_database(gauges={"unique_constraint_present": 0.0, "constraint_migration_applied": 0.0})),
        "critical",
        "The unique key that prevents duplicate bookings is missing.",
        "UniqueConstraintMissing",
    ),
    "migration": (
        moment(database=make_database(gauges={"constraint_migration_applied": 0.0})),
        "warning",
        "The migration of the unique key is not recorded.",
        "ConstraintMigrationMissing",
    ),
    "index": (
        moment(database=make_database(gauges={"duplicate_check_uses_index": 0.0})),
        "warning",
        "The app's duplicate check reads the whole table.",
        "DuplicateCheckWithoutIndex",
    ),
    "database": (
        moment(database=make_database(up=False, times={}, errors={"totals": 3})),
        "critical",
        "The app's database is not reached.",
        "BookingDatabaseDown",
    ),
    "stale": (
        moment(database=make_database(times={"totals": NOW - 901}, errors={"totals": 0})),
        "warning",
        "A query of the database gets no new result: totals.",
        "BookingDatabaseSampleStale",
    ),
    "never": (
        moment(database=make_database(times={}, errors={"totals": 1, "plan": 1, "probe": 0})),
        "warning",
        "Queries of the database get no new result: totals and plan.",
        "BookingDatabaseSampleStale",
    ),
    "web": (
        replace(moment(), web=WebHealth(reload_successful=False, certificate_expires=None)),
        "warning",
        "The web configuration cannot be used; the one before it is in force.",
        "BookingReloadFailed",
    ),
    "certificate": (
        replace(moment(), web=WebHealth(reload_successful=True, certificate_expires=NOW + 6 * 86400)),
        "warning",
        "The TLS certificate expires in 6 d.",
        "BookingCertificateExpires",
    ),
    "expired": (
        replace(moment(), web=WebHealth(reload_successful=True, certificate_expires=NOW)),
        "warning",
        "The TLS certificate has expired.",
        "BookingCertificateExpires",
    ),
    "history": (
        moment(make_snapshot(exposed=False), logs(lag_bytes=2_400_000)),
        "notice",
        "The history in the logs is being counted; 2.4 MB are left.",
        "",
    ),
    "catching up": (
        moment(health=make_health(catching_up=True, ready=False)),
        "notice",
        "The logs are being read up to the present.",
        "",
    ),
    "nothing": (moment(health=make_health(logs={})), "notice", "Nothing is followed yet.", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str) -> None:
    """Each problem has its sentence, its severity, something to do first, and a runbook of that name, if any."""
    at, severity, sentence, runbook = WRONG[name]
    said = judge(at)
    assert (said.severity, said.sentence, said.runbook, said.others) == (severity, sentence, runbook, ())
    assert said.action.endswith(".")
    assert not runbook or (RULES / "runbooks" / f"{runbook}.md").exists()


@pytest.mark.parametrize(
    "at",
    [
        moment(health=logs(oldest_uncommitted=NOW - 60)),
        moment(health=logs(clock_offset=900.0)),
        moment(make_snapshot(state_lost=NOW - 86400)),
        moment(make_snapshot(layers={"layer4": {MINUTE - 30: 9}, "layer1": {MINUTE: 9}})),
        moment(database=make_database(times={"totals": NOW - 900})),
        replace(moment(), web=WebHealth(reload_successful=True, certificate_expires=NOW + 7 * 86400)),
        replace(moment(), web=WebHealth(reload_successful=True, certificate_expires=None)),
    ],
)
def test_at_the_limit_all_is_right(at: Moment) -> None:
    """A limit that is reached, not passed, is no problem."""
    assert judge(at).severity == "ok"


def test_what_is_read_late_while_catching_up_is_no_problem() -> None:
    """While old logs are read, being late or without a file yet is expected."""
    said = judge(
        moment(health=make_health(catching_up=True, logs={"app": make_log_health(up=False, oldest_uncommitted=1.0)}))
    )
    assert (said.severity, said.others) == ("notice", ())


def test_gauges_that_are_overdue_say_nothing() -> None:
    """A value of the database that may not be shown any more is no problem either: its query is."""
    late = DatabaseSnapshot(
        up=True,
        values={(APP + "duplicate_appointment_groups", ()): Sampled(3.0, NOW - 1)},
        times={"duplicates": NOW},
        durations={},
        errors={"duplicates": 0},
    )
    assert judge(moment(database=late)).severity == "ok"


def test_the_worst_first() -> None:
    """All problems are told, critical ones before warnings, warnings before notices."""
    said = judge(
        moment(
            make_snapshot(state_lost=NOW - 60, exposed=False),
            make_health(commit_failing=True, reload_successful=False),
            make_database(up=False),
        )
    )
    assert [said.severity, *(one.severity for one in said.others)] == [
        "critical",
        "critical",
        "warning",
        "warning",
        "notice",
    ]
    assert said.runbook == "BookingCommitsFailing"


def test_limits_are_those_of_the_alerts() -> None:
    """Page and alerts agree: the limits are those that rules/thresholds.yml ships."""
    groups = yaml.safe_load((RULES / "thresholds.yml").read_text("utf-8"))["groups"]
    rules = {rule["record"].split(":")[-1]: rule["expr"] for group in groups for rule in group["rules"]}
    shipped = {name: float(expr[len("vector(") : -1]) for name, expr in rules.items() if expr.startswith("vector(")}
    assert shipped["lag_seconds"] == verdict.LAG_SECONDS
    assert shipped["clock_offset_seconds"] == verdict.CLOCK_OFFSET_SECONDS
    assert shipped["sample_age_seconds"] == verdict.SAMPLE_AGE_SECONDS
    assert shipped["state_lost_seconds"] == verdict.STATE_LOST_SECONDS
    assert shipped["certificate_seconds"] == verdict.CERTIFICATE_SECONDS
