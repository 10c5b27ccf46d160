"""Is everything all right? What one daemon knows to be wrong now, the worst first, and what to do about it. Pure.

The limits are those of the shipped alerts (rules/thresholds.yml), and each problem names the runbook of the alert
about it. What only the whole fleet can tell (rates, "no bookings") is left to the alerts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

from exporter.catalogue import APP
from exporter.printable import size
from exporter.web.health import sampled
from exporter.web.words import duration, listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.model import DatabaseSnapshot, LogHealth
    from exporter.web.health import Moment

Severity = Literal["critical", "warning", "notice", "ok"]
ORDER: tuple[Severity, ...] = ("critical", "warning", "notice", "ok")

LAG_SECONDS = 60.0
CLOCK_OFFSET_SECONDS = 900.0
SAMPLE_AGE_SECONDS = 900.0
STATE_LOST_SECONDS = 86400.0
CERTIFICATE_SECONDS = 7 * 86400.0
VIOLATION_MINUTES = 30
"""For how long the alert DatabaseConstraintViolation looks back."""

CHECK = "booking-exporter check"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one sentence, what to do first, and the runbook that says more ("": there is none)."""

    severity: Severity
    title: str
    action: str
    runbook: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: how bad it is, one sentence, what to do first, the runbook, and the other problems in their order."""

    severity: Severity
    sentence: str
    action: str
    runbook: str
    others: tuple[Problem, ...]


def judge(moment: Moment) -> Verdict:
    """Return the verdict on what is true at `moment`."""
    found = chain(_bookings(moment), _state(moment), _logs(moment), _database(moment), _own(moment))
    problems = sorted(found, key=lambda one: ORDER.index(one.severity))
    if not problems:
        return Verdict("ok", "Everything is all right.", _all_right(moment), "", ())
    worst, *others = problems
    return Verdict(worst.severity, worst.title, worst.action, worst.runbook, tuple(others))


def lag_seconds(log: LogHealth, now: float) -> float:
    """Return the age of the oldest byte of a log that is not committed; 0 when caught up."""
    return 0.0 if log.oldest_uncommitted is None else max(0.0, now - log.oldest_uncommitted)


def overdue(database: DatabaseSnapshot, now: float) -> list[str]:
    """Return the queries whose last success is too long ago, or that failed and never succeeded."""
    return [
        query
        for query, errors in database.errors.items()
        if (errors and query not in database.times) or now - database.times.get(query, now) > SAMPLE_AGE_SECONDS
    ]


def _all_right(moment: Moment) -> str:
    parts = []
    logs = moment.health.logs
    if logs:
        parts.append(f"{plural(len(logs), 'log')} {'is' if len(logs) == 1 else 'are'} read to the end")
    if moment.database is not None and moment.database.up:
        parts.append("the database answers")
        if sampled(APP + "duplicate_appointment_groups")(moment, ()) == 0:
            parts.append("no booking is stored twice")
    text = listed(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _bookings(moment: Moment) -> Iterator[Problem]:
    groups = sampled(APP + "duplicate_appointment_groups")(moment, ())
    if groups:
        yield Problem(
            "critical",
            f"The database holds {plural(groups, 'booking')} more than once.",
            "Find the rows by their booking ID and cancel what customers did not want.",
            "DuplicateBookingsInDatabase",
        )
    if sampled(APP + "unique_constraint_present")(moment, ()) == 0:
        yield Problem(
            "critical",
            "The unique key that prevents duplicate bookings is missing.",
            "Run the app's migration that makes it.",
            "UniqueConstraintMissing",
        )
    elif sampled(APP + "constraint_migration_applied")(moment, ()) == 0:
        yield Problem(
            "warning",
            "The migration of the unique key is not recorded.",
            "Compare the app's migrations with its release.",
            "ConstraintMigrationMissing",
        )
    if sampled(APP + "duplicate_check_uses_index")(moment, ()) == 0:
        yield Problem(
            "warning",
            "The app's duplicate check reads the whole table.",
            f"{CHECK} says which index is missing.",
            "DuplicateCheckWithoutIndex",
        )
    yield from _violations(moment)


def _violations(moment: Moment) -> Iterator[Problem]:
    first = int(moment.now // 60) - VIOLATION_MINUTES
    counts: Mapping[int, int] = moment.snapshot.layers.get("layer4", {})
    late = sum(count for minute, count in counts.items() if minute > first)
    if late and moment.snapshot.exposed:
        yield Problem(
            "warning",
            f"The unique key had to stop {plural(late, 'duplicate')}.",
            f"That was in the last {VIOLATION_MINUTES} minutes. Look what layers 1 to 3 let pass, and why.",
            "DatabaseConstraintViolation",
        )


def _state(moment: Moment) -> Iterator[Problem]:
    lost = moment.snapshot.state_lost
    if moment.health.commit_failing:
        yield Problem(
            "critical",
            "Counts cannot be saved; the values shown stand still.",
            "Make room on the disk of the state file, or make it writable. Nothing is lost meanwhile.",
            "BookingCommitsFailing",
        )
    if lost is not None and moment.now - lost < STATE_LOST_SECONDS:
        yield Problem(
            "warning",
            f"The state was damaged {duration(max(0.0, moment.now - lost))} ago; counters began again at 0.",
            "The damaged file lies beside the new one under a dated name. Check the disk.",
            "BookingStateLost",
        )


def _logs(moment: Moment) -> Iterator[Problem]:
    logs = moment.health.logs
    down = [name for name, log in logs.items() if not log.up]
    if down and not moment.health.catching_up:
        yield Problem(
            "critical",
            f"{_log(down)} cannot be read.",
            f"Run {CHECK} as the exporter's user: it names file, cause and remedy.",
            "BookingLogUnreadable",
        )
    behind = [name for name, log in logs.items() if lag_seconds(log, moment.now) > LAG_SECONDS]
    if behind and not moment.health.catching_up:
        oldest = max(lag_seconds(logs[name], moment.now) for name in behind)
        yield Problem(
            "warning",
            f"{_log(behind)} {'is' if len(behind) == 1 else 'are'} read {duration(oldest)} late.",
            "See whether commits fail, or the machine has no processor time left.",
            "BookingExporterLagging",
        )
    shifted = [name for name, log in logs.items() if abs(log.clock_offset or 0.0) > CLOCK_OFFSET_SECONDS]
    if shifted:
        far = max((logs[name].clock_offset or 0.0 for name in shifted), key=abs)
        yield Problem(
            "warning",
            f"Records of {_log(shifted, 'log')} are dated {duration(abs(far))} {'ahead' if far > 0 else 'back'}.",
            "Set timezone of the log to the app's app.timezone.",
            "BookingLogClockOffset",
        )


def _database(moment: Moment) -> Iterator[Problem]:
    database = moment.database
    if database is None:
        return
    if database.up is False:
        yield Problem(
            "critical",
            "The app's database is not reached.",
            f"{CHECK} says whether network, password or privileges are the cause. Counting the logs does not need it.",
            "BookingDatabaseDown",
        )
        return
    late = overdue(database, moment.now)
    if late:
        yield Problem(
            "warning",
            f"{'A query' if len(late) == 1 else 'Queries'} of the database {'gets' if len(late) == 1 else 'get'} no new"
            f" result: {listed(late)}.",
            f"{CHECK} says what to change.",
            "BookingDatabaseSampleStale",
        )


def _own(moment: Moment) -> Iterator[Problem]:
    health = moment.health
    if not health.reload_successful:
        yield Problem(
            "warning",
            "The new configuration was refused; the old one is in force.",
            f"{CHECK} lists every fault with its line.",
            "BookingReloadFailed",
        )
    yield from _web(moment)
    if not moment.snapshot.exposed:
        left = sum(log.lag_bytes for log in health.logs.values())
        yield Problem(
            "notice",
            f"The history in the logs is being counted; {size(left)} are left.",
            "Wait: events are shown once that is done.",
        )
    elif health.catching_up:
        yield Problem("notice", "The logs are being read up to the present.", "Wait a moment.")
    elif not health.logs and moment.database is None:
        yield Problem("notice", "Nothing is followed yet.", "Name the app's logs in the configuration.")


def _web(moment: Moment) -> Iterator[Problem]:
    web = moment.web
    if web is None:
        return
    if not web.reload_successful:
        yield Problem(
            "warning",
            "The web configuration cannot be used; the one before it is in force.",
            f"{CHECK} says what is wrong with it.",
            "BookingReloadFailed",
        )
    left = None if web.certificate_expires is None else web.certificate_expires - moment.now
    if left is not None and left < CERTIFICATE_SECONDS:
        yield Problem(
            "warning",
            f"The TLS certificate expires in {duration(left)}." if left > 0 else "The TLS certificate has expired.",
            "Renew it; the exporter takes the new one by itself.",
            "BookingCertificateExpires",
        )


def _log(names: list[str], word: str = "Log") -> str:
    return f"{word} {names[0]}" if len(names) == 1 else f"{word}s {listed(names)}"
