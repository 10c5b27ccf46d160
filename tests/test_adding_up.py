"""Events that are added up by their records' beginnings count exactly as records that are judged one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.catalogue import BUILTIN, Catalogue
from exporter.config.schema import LogSettings
from exporter.events.definitions import Source, load_events
from exporter.events.settle import Settler
from exporter.ledger.ledger import Ledger
from exporter.pipeline import Pipeline, judge_by
from exporter.records.block import Ending
from exporter.records.carry import Carry
from exporter.records.cut import Cutter
from exporter.records.scan import Scanner
from exporter.tail.files import OpenFile
from exporter.tail.follow import Tail
from tests.benchmarks.generate import generate
from tests.support.counting import NOW, empty_ledger
from tests.support.stepper import events

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.model import LedgerState
    from exporter.records.block import Cut

SCANNER = Scanner(events().triggers)
TIMES = (
    "2025-10-06 18:22:12",
    "2025-10-06 18:22:59",
    "2025-10-06 18:23:00",
    "2025-10-16 01:02:03",
    "2025-10-25T18:22:12.250000Z",
    "2025-10-25T18:22:12Z",
)
HEADERS = tuple(
    f"[{time}] {name}: " for time in TIMES for name in ("production.ERROR", "production.INFO", "testing.ERROR")
)
MESSAGES = (
    "🚨 DUPLICATE BOOKING PREVENTION: Stale booking detected from Cal.com",
    "🚨 DUPLICATE BOOKING PREVENTION: something new",
    "🚨 DUPLICATE BOOKING PREVENTION: it already exists",
    "Call ID mismatch",
    "Cal.com booking failed",
    "✅ Webhook Event Processed",
    "[Cal.com] Webhook received",
    "🔍 Duplicate check performance",
    "📅 Local appointment record created",
    "SAGA Compensation successful",
    "❌ Failed to save appointment record to database",
    "Appointment created from booking [x] {y}",
    "Appointment created from call ",
    "Stale booking detected Call ID mismatch",
    "[14 MB] QUERY",
    "plain",
)
CONTEXTS = (
    ' {"booking_id":1,"age_seconds":-2041.5} \n',
    ' {"booking_id":1,"age_seconds":2}\t\n',
    ' {"booking_id":"1","age_seconds":"x"} \n',
    ' {"booking_id":null,"age_seconds":null,"status":409} \n',
    ' {"provider":"calcom","query_time_ms":2.5,"result":"unique","status":"x"} \n',
    ' {"query_time_ms":true,"result":"odd","provider":7} \n',
    ' {"a":"Stale booking detected"} \n',
    ' {"a":"x\nStale booking detected\n"} \n',
    ' {"error":"SQLSTATE[23000]: Duplicate entry \'7\' for key \'unique_calcom_v2_booking_id\'","trace":"#0\n#1"} \n',
    ' {"calcom_booking_id":"7","booking_id":7} {"url":"/x"} \n',
    ' {"booking_id":3,"age_seconds":4} \n[stacktrace]\n#0 {main}\n',
    ' ["a"] {"booking_id":5} \n',
    ' {"broken \n',
    "  \n",
    "\n",
    ' {"text":"[\n[2025-10-06 18:22:12] production.ERROR: Stale booking detected {\\"booking_id\\":9} \n"} \n',
    "\n[2025-10-06 18:22:12] Processed: App\\Jobs\\Sync\n",
    '\n{"message":"Stale booking detected","context":{"booking_id":4},"level":4,"level_name":"ERROR","channel":"a"}\n',
)
records = st.tuples(st.sampled_from(HEADERS), st.sampled_from(MESSAGES), st.sampled_from(CONTEXTS)).map("".join)


IGNORED = frozenset({"testing"})
LOGS = [LogSettings("app", ("unused",), ignore_channels=IGNORED)]
QUICK, SLOW = (Pipeline(LOGS, events(), empty_ledger()) for _ in range(2))
SLOW._logs["app"].cutter = Cutter(SCANNER, judge_by(events(), IGNORED))


def counted(pipeline: Pipeline, path: Path) -> LedgerState:
    """Count a file; return the state that it leads to from nothing."""
    ledger = pipeline._ledger = empty_ledger()
    count_all(pipeline, path)
    return ledger.state()


def count_all(pipeline: Pipeline, path: Path) -> None:
    tail = Tail(1, "app", str(path), 1, 1, file=OpenFile(str(path)))
    for ending in (Ending.MORE, Ending.FINAL):
        while pipeline.count(tail, pipeline.fill(tail), NOW, ending=ending, live=False):
            pass
    tail.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(records, max_size=40).map("".join))
def test_the_same_is_counted(tmp_path: Path, log: str) -> None:
    """Whatever the app logs, and however it is laid out, both ways come to the same state."""
    path = tmp_path / "log"
    path.write_bytes(log.encode())
    assert counted(QUICK, path) == counted(SLOW, path)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("form", ["line", "json"])
def test_generated_logs_count_the_same(tmp_path: Path, kind: str, form: str) -> None:
    """The logs that speed is measured with come to the same state both ways."""
    path = tmp_path / "log"
    generate(kind, 3_000_000, path, form=form)
    assert counted(QUICK, path) == counted(SLOW, path)


@pytest.mark.parametrize(
    "times",
    [
        ("2025-10-26T02:10:12.100000+02:00", "2025-10-26T02:10:13.200000+01:00", "2025-10-26T02:10:14.000000+01:00"),
        ("2025-10-25 18:22:12", "2025-10-25 18:22:61"),
        ("2025-10-25T18:22:12.5Z", "2025-10-25T18:22:12Z"),
    ],
    ids=["offsets", "no-time", "fraction"],
)
def test_minutes(tmp_path: Path, times: tuple[str, ...]) -> None:
    """Times that begin alike are one minute only where they tell the same one."""
    path = tmp_path / "log"
    event = f"production.ERROR: {MESSAGES[0]}{CONTEXTS[0]}"
    path.write_text("".join(f"[{time}] {event}" for time in times) + HEADERS[0] + MESSAGES[-1] + CONTEXTS[0])
    state = counted(QUICK, path)
    assert sum(state.minutes.values()) == len(times)
    assert state == counted(SLOW, path)


def cut(*parts: str) -> Cut:
    """Return what ten equal records come to, and one that is no event behind them."""
    data = bytearray(("".join(parts) * 10 + HEADERS[1] + MESSAGES[-1] + CONTEXTS[12]).encode())
    return QUICK._logs["app"].cutter.cut(data, len(data), Carry(), ending=Ending.FINAL)


def test_usual_events_are_added_up() -> None:
    """Records that are laid out as the app does are not judged one by one."""
    found = cut(HEADERS[0], MESSAGES[0], CONTEXTS[0])
    ((match, times),) = found.tallies.values()
    assert (match.event, len(times), len(found.incidents), found.outcomes) == ("stale_booking", 10, 10, [])
    assert found.observed == {("api_gateway_booking_age_seconds", ("stale",)): [2041.5] * 10}


@pytest.mark.parametrize("message", [9, 10, 11, 12])
def test_what_more_than_the_context_decides_is_judged(message: int) -> None:
    """What the ledger decides, a violation, a message with brackets or with a space at its end: left to the parser."""
    found = cut(HEADERS[message < 11], MESSAGES[message], CONTEXTS[8 if message != 10 else 7])
    assert found.tallies == {}


def test_ignored_channels_are_passed_over() -> None:
    """Records of ignored channels are neither judged nor added up, but counted by level."""
    found = cut(HEADERS[2], MESSAGES[0], CONTEXTS[0])
    assert (found.levels[4], found.tallies, found.outcomes, found.incidents) == (10, {}, [], [])


@pytest.mark.parametrize("text", ["[2025-10-06 18:22", " product", "production.", "ion.ERROR: ", "ERROR: x", "x Th"])
def test_texts_within_headers(text: str, tmp_path: Path) -> None:
    """A definition whose text stands in the header or across its end counts both ways the same, by its levels."""
    example = '{record: "[2025-10-06 18:22:12] production.ERROR: x Thing", expect: {}}'
    match, count = f"{{record: {{contains: '{text}'}}, levels: [error]}}", "count: {metric: bookings_validated_total}"
    other = "{message: {contains: Thing}, levels: [error]}"
    events = load_events(
        [
            Source(
                "a.yaml",
                f"version: 1\nevents:\n  - {{name: one, match: {match}, {count}, examples: [{example}]}}\n"
                f"  - {{name: two, match: {other}, examples: [{example}]}}\n",
            )
        ]
    )
    path = tmp_path / "log"
    lines = (header + message for header in HEADERS for message in ("x Thing\n", "x Thing {}\n", "x\n", "x {}\n"))
    path.write_bytes("".join(lines).encode() * 5)
    ledgers = []
    for at_once in (Settler(events, IGNORED).settle, None):
        ledgers.append(ledger := Ledger(Catalogue(BUILTIN, logs=("app",), events=events.names), None, b"k" * 32))
        pipeline = Pipeline(LOGS, events, ledger)
        pipeline._logs["app"].cutter = Cutter(Scanner(events.triggers), judge_by(events, IGNORED), at_once=at_once)
        count_all(pipeline, path)
    assert ledgers[0].state() == ledgers[1].state()
    assert ledgers[0].state().counters["api_gateway_bookings_validated_total", ()] > 10
