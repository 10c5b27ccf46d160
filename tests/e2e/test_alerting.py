"""From a line in the log to a message: daemon, Prometheus, Alertmanager, Slack and mail, all real but the last two."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import BERLIN
from tests.support.alertmanager import Alertmanager, Hook, Mailbox
from tests.support.daemon import Daemon
from tests.support.monolog import Entry, render
from tests.support.prometheus import Prometheus
from tests.support.shortened import PASSWORD, write_config, write_rules
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

PREFIX = "🚨 DUPLICATE BOOKING PREVENTION:"
DUPLICATE = (
    "SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '77' for key 'unique_calcom_v2_booking_id'"
)
STALE = Entry(
    "ERROR", f"{PREFIX} Stale booking detected from Cal.com idempotency", {"booking_id": 1, "age_seconds": -99}
)
VIOLATION = Entry(
    "ERROR", "❌ Failed to save appointment record to database", {"error": DUPLICATE, "calcom_booking_id": "77"}
)
CANCELLED = Entry("INFO", "✅ SAGA Compensation successful: Cal.com booking cancelled", {"calcom_booking_id": "77"})
ORPHANED = Entry("ERROR", "❌ SAGA Compensation exception: Cal.com cancellation failed", {"calcom_booking_id": "78"})
FOUND = Entry("CRITICAL", "🚨 DUPLICATE BOOKINGS DETECTED", {"count": 2})
BYPASSED = Entry("INFO", "🔍 POC: COMPLETE Cal.com Booking Response Analysis", {"booking_age_seconds": -45.0})
FORGED = (
    Entry("DEBUG", "[Cal.com] Signature failed", {"provided": "x"}),
    Entry("WARNING", "Retell webhook: Invalid signature", {}),
)
CREATED = Entry("INFO", "📅 Local appointment record created", {"appointment_id": 1})
QUIET = 'ALERTS{alertstate="firing", alertname!="BookingExporterWatchdog"}'
RED, YELLOW, GREEN = "#d32f2f", "#f2a100", "#2eb67d"


def append(path: Path, *entries: Entry) -> None:
    """Write records of now, as the app would."""
    now = datetime.now(BERLIN)
    with path.open("ab") as file:
        file.write(b"".join(render(one, now) for one in entries))


@dataclass(frozen=True)
class Stack:
    """What runs, and what it received."""

    log: Path
    hook: Hook
    mailbox: Mailbox
    alertmanager: Alertmanager
    began: float

    def slack(self, summary: str, *, resolved: bool = False) -> dict[str, Any]:
        """Wait for the Slack message with this summary, firing or resolved, and return it."""

        def found() -> dict[str, Any] | None:
            fitting = (one for one in self.hook.slack() if summary in one["title"])
            return next((one for one in fitting if one["title"].startswith("[RESOLVED") == resolved), None)

        what = f"{'resolved' if resolved else 'firing'}: {summary}"
        return wait_until(
            found, deadline=90, step=0.1, what=lambda: f"{what} in {self.titles()} {self.alertmanager.journal()[-800:]}"
        )

    def titles(self) -> list[str]:
        """Return the titles of all Slack messages."""
        return [one["title"] for one in self.hook.slack()]

    def mail(self, summary: str) -> tuple[list[str], EmailMessage]:
        """Wait for the first mail with this summary and return its recipients and itself."""

        def found() -> tuple[list[str], EmailMessage] | None:
            return next((one for one in tuple(self.mailbox.mails) if summary in one[1]["Subject"]), None)

        return wait_until(
            found, deadline=60, step=0.1, what=lambda: f"mail: {summary} {self.alertmanager.journal()[-800:]}"
        )


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """Yield the running stack after all bad things have been written to the log at once."""
    log = folder / "laravel.log"
    append(log, CREATED, VIOLATION, *[STALE] * 9)  # history: must not alert
    rules = write_rules(folder / "rules", short=True)
    arguments = ("--log", str(log), "--timezone", "Europe/Berlin")
    with (
        Hook() as hook,
        Mailbox(PASSWORD) as mailbox,
        Alertmanager(
            folder / "alertmanager",
            write_config(
                folder / "config", slack=hook.url("/slack"), watchdog=hook.url("/watchdog"), mail=mailbox.port
            ),
        ) as alertmanager,
        Daemon(folder / "daemon", *arguments) as daemon,
        Prometheus(folder / "prometheus", daemon.port, rules=rules, alertmanager=alertmanager.port) as server,
    ):
        recorded = "count_over_time(job_environment:api_gateway_duplicate_booking_rejections:increase1h[1m]) > 11"
        # As many samples as the shortest window holds, or increase() extrapolates over what is not there. And with
        # `for` shortened, the seconds before the first scrape suffice for BookingExporterAbsent, and fifteen seconds
        # without a booking for NoBookingsLogged.
        quiet = QUIET.replace('"}', '", alertname!="NoBookingsLogged"}')
        wait_until(
            lambda: server.query(recorded) and not server.query(quiet),
            deadline=30,
            step=0.1,
            what=lambda: f"quiet: {server.query(quiet)}",
        )
        append(log, *[STALE] * 8, VIOLATION, CANCELLED, ORPHANED, FOUND, BYPASSED, BYPASSED, *FORGED * 11)
        yield Stack(log, hook, mailbox, alertmanager, time.monotonic())


MESSAGES = {
    "Cal.com returns old bookings instead of new ones.": (
        "WARNING",
        YELLOW,
        (
            r"In 10 minutes ([89]|1[0-6]) bookings were rejected as stale\..*"
            r"\*Environment:\* production\n\*Value:\* ([89]|1[0-6])\n\*Layer:\* layer1\n"
        ),
    ),
    "A booking that a customer holds was cancelled at Cal.com.": (
        "CRITICAL",
        RED,
        r"the app cancelled [12] bookings at Cal\.com after.*\*Value:\* [12]\n\*Layer:\* layer4\n",
    ),
    "A booking at Cal.com has no appointment.": (
        "CRITICAL",
        RED,
        r"In 30 minutes [12] bookings could be neither saved nor cancelled.*\*Value:\* [12]\n",
    ),
    "The app has found duplicate bookings by itself.": (
        "CRITICAL",
        RED,
        r"health check reported duplicates [12] times in 30 minutes.*\*Value:\* [12]\n",
    ),
    "Bookings older than 30 seconds were accepted.": (
        "WARNING",
        YELLOW,
        r"In 30 minutes [2-4] bookings older than 30 seconds.*\*Value:\* [2-4]\n\*Layer:\* layer1\n",
    ),
    "Webhooks arrive with a wrong signature.": (
        "WARNING 2",
        YELLOW,
        r"webhooks of calcom had.*webhooks of retell had.*\*Value:\* [12]\d of calcom\n\*Value:\* [12]\d of retell\n",
    ),
}
"""Summary to severity with count, colour, and text; the last one groups two alerts in one message.

In shortened windows increase() extrapolates by more than in long ones, on a busy machine by up to the double; hence
the alternatives. Exact values are tested by promtool.
"""


@pytest.mark.slow
def test_lines_in_the_log_become_messages(tmp_path: Path) -> None:
    """Slack gets each alert and its end, mail goes to those on call, one cause is told once, the watchdog leaves.

    One test, so that one stack serves all: it takes most of a minute, nearly all of it waiting.
    """
    with running(tmp_path) as stack:
        for summary, (severity, color, pattern) in MESSAGES.items():
            begins(stack, summary, severity, color, pattern)
        first_words = time.monotonic() - stack.began
        mailed(stack)
        watched(stack)
        for summary in MESSAGES:
            ends(stack, summary)
        # LiveBookingCancelled holds back the message about the constraint that led to it.
        assert [one for one in stack.titles() if one.startswith("[CRITICAL] The unique constraint refused")] == []
        assert [one for one in stack.titles() if "The path of alerts works" in one] == []
    assert first_words < 300


def begins(stack: Stack, summary: str, severity: str, color: str, pattern: str) -> None:
    """Check the message of a firing alert: text, colour, buttons."""
    message = stack.slack(summary)
    assert (message["title"], message["color"]) == (f"[{severity}] {summary} (production)", color)
    assert re.search(pattern, message["text"], re.DOTALL), message["text"]
    assert re.search(r"\*Since:\* \d{4}-\d\d-\d\d \d\d:\d\d UTC\n$", message["text"])
    runbook, dashboard, silence = message["actions"]
    assert [button["text"] for button in message["actions"]] == ["Runbook", "Dashboard", "Silence"]
    assert re.fullmatch(r"https://runbooks\.shop\.test/booking-exporter/[A-Za-z]+\.md", runbook["url"])
    assert re.fullmatch(r"https://grafana\.shop\.test/d/[a-z-]+\?var-job=booking-exporter", dashboard["url"])
    assert "/#/silences/new?filter=%7Balertname%3D%22" in silence["url"]


def ends(stack: Stack, summary: str) -> None:
    """Check the message that an alert is over."""
    over = stack.slack(summary, resolved=True)
    assert over["color"] == GREEN
    assert "*Until:*" in over["text"]


def mailed(stack: Stack) -> None:
    """Check the mails, in text and HTML, sent with the password from the file."""
    recipients, mail = stack.mail("A booking at Cal.com has no appointment.")
    assert recipients == ["oncall@example.com"]
    assert mail["Subject"] == "[CRITICAL] A booking at Cal.com has no appointment. (production)"
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert "bookings could be neither saved nor cancelled" in text.get_content()
    assert f"border-left: 0.4em solid {RED}" in html.get_content()
    recipients, _ = stack.mail("The app has found duplicate bookings by itself.")
    assert recipients == ["bookings@example.com"]


def watched(stack: Stack) -> None:
    """Check that the alert that always fires is posted to the service outside."""
    hook = stack.hook
    wait_until(lambda: [one for one in hook.received if one[0] == "/watchdog"], deadline=30, what="the watchdog")
    (first, *_) = [body for path, body in tuple(hook.received) if path == "/watchdog"]
    assert first["commonLabels"]["alertname"] == "BookingExporterWatchdog"


@pytest.mark.slow
def test_no_alert_for_what_happens_to_the_daemon(tmp_path: Path, logs: Path) -> None:
    """First start over history, restart, kill -9, rotation and upgrade: no alert fires with the rules as shipped.

    The history holds what would alert at once if it were counted a second time. To Prometheus, an
    upgrade is a stop, a start and another `version`; here the second version is our own code that
    calls itself 99.0.0.
    """
    log = logs / "laravel.log"
    append(log, CREATED, VIOLATION, CANCELLED, ORPHANED, FOUND, BYPASSED, *[STALE] * 9, *FORGED * 11)
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "sitecustomize.py").write_text("import exporter\nexporter.__version__ = '99.0.0'\n")
    arguments = ("--log", f"{logs}/laravel*.log", "--timezone", "Europe/Berlin")
    daemon = Daemon(tmp_path / "daemon", *arguments)
    rules = write_rules(tmp_path / "rules", short=False)
    firing = f"count_over_time({QUIET}[10m])"
    created = "sum(increase(api_gateway_appointments_created_total[10m]))"
    with daemon, Prometheus(tmp_path / "prometheus", daemon.port, rules=rules) as server:
        after = f"{created} and on () (count(booking:threshold:stale_burst) > 0)"
        wait_until(lambda: server.query(after), deadline=30, step=0.1, what="a first evaluation")

        def lived_through(times: int) -> None:
            append(log, CREATED)
            daemon.wait_for(lambda now: now.total("api_gateway_appointments_created_total") == times + 1, "a record")
            seen = f"round({created}) >= {times}"
            wait_until(lambda: server.query(seen), deadline=30, step=0.1, what=f"increase of {times}")
            assert server.query(firing) == {}

        daemon.terminate()
        daemon.start()
        daemon.wait_ready()
        lived_through(1)
        daemon.kill()
        daemon.start()
        daemon.wait_ready()
        lived_through(2)
        log.rename(logs / "laravel.log.1")
        lived_through(3)
        daemon.terminate()
        upgraded = Daemon(tmp_path / "upgraded", *arguments, prefix=("env", f"PYTHONPATH={newer}"), state=daemon.state)
        upgraded.port = daemon.port
        daemon = upgraded
        with upgraded:
            assert upgraded.scrape().get("booking_exporter_build_info", version="99.0.0") == 1
            lived_through(4)
            # The proof can fail: what does happen alerts.
            append(log, FOUND)
            wait_until(lambda: server.query(QUIET), deadline=30, step=0.1, what="the alert of a new event")
