"""What customers said stays in the log: it is in no page, in no line of ours and not in the state."""

from __future__ import annotations

import io
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter import journal
from exporter.config.schema import JournalSettings
from tests.support.scrape import OPENMETRICS

if TYPE_CHECKING:
    from tests.support.stepper import Stepper

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.log"))
MARKS = ("Erika Mustermann", "+49 170 1234567", "BOOKING-77-SECRET", "erika@example.org", "Lindenstrasse")
CONTEXT = (
    '{"booking_id":"BOOKING-77-SECRET","call_id":"BOOKING-77-SECRET","age_seconds":"Erika Mustermann",'
    '"provider":"erika@example.org","status":"Lindenstrasse","name":"Erika Mustermann","phone":"+49 170 1234567",'
    """"error":"SQLSTATE[23000]: Duplicate entry 'BOOKING-77-SECRET' for key 'unique_calcom_v2_booking_id'"}"""
)
MESSAGES = (
    "🚨 DUPLICATE BOOKING PREVENTION: Stale booking detected from Cal.com idempotency",
    "DUPLICATE BOOKING PREVENTION: Erika Mustermann",
    "Failed to save appointment record to database",
    "Cal.com booking failed",
    "Webhook Event Processed",
    "Erika Mustermann, Lindenstrasse",
)


@pytest.mark.usefixtures("restored_logging")
def test_nothing_that_a_customer_said_is_kept(daemon: Stepper, logs: Path) -> None:
    """Names, numbers, addresses and booking IDs in all kinds of events reach no page, line of ours or state file."""
    told = io.StringIO()
    journal.configure(JournalSettings("debug"), told, time.monotonic)
    logging.getLogger("exporter").setLevel(logging.DEBUG)
    daemon.settle()
    with (logs / "laravel.log").open("ab") as log:
        for golden in GOLDEN:
            log.write(golden.read_bytes())
        for level in ("ERROR", "INFO", "CRITICAL"):
            for message in MESSAGES:
                log.write(f"[2025-10-09 10:53:20] production.{level}: {message} {CONTEXT} \n".encode())
        log.write(b"[2025-10-09 10:53:20] Erika Mustermann\nErika Mustermann\n")
        log.write("[2025-10-09 10:53:20] Erika Mustermann.ERROR: Lindenstrasse  \n".encode("utf-16"))
    daemon.settle()
    counted = daemon.counters()
    assert counted["duplicate_booking_rejections_total{layer1,stale_booking}"] > 1
    assert counted["duplicate_booking_rejections_total{layer4,unique_constraint}"] > 1
    assert counted["unrecognized_events_total"] > 0

    shown = b"".join(daemon.daemon.exposition.render(accept).body for accept in ("text/plain", OPENMETRICS))
    state = b"".join(path.read_bytes() for path in daemon.folder.iterdir() if path.is_file())
    assert b"laravel.log" in state
    assert b"layer4" in shown
    for mark in MARKS:
        assert mark.encode() not in shown
        assert mark.encode() not in state
        assert mark not in told.getvalue()
