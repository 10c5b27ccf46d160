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
from exporter.native.library import load
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

    from exporter.model import LedgerState, Match
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
    " {\"error\":\"SQLSTATE[23000]: Duplicate entry '7' for key 'unique_calcom_v2_booking_id'\"} \n",
    ' {"error":"Duplicate entry \'\\u00e4\' for key \'unique_calcom_v2_booking_id\'","booking_id":8} \n#0 unique_x\n',
    ' {"a":"unique_calcom_v2_booking_id"} \n',
    ' {"booking_id":"12\\/3","age_seconds":1.0e3,"status":500} \n',
    ' {"booking_id":12.5,"age_seconds":0.1,"status":422,"query_time_ms":0.30000000000000004} \n',
    ' {"booking_id":-3,"age_seconds":-0,"query_time_ms":-1} \n',
    ' {"booking_id":"ä\ud7ff","age_seconds":1000000000.5,"booking_id":6} \r\n',
    ' {"booking_id":900719925474099312,"age_seconds":12345678901234567,"query_time_ms":null,"result":"duplicate"} \n',
    ' {"booking_id":[1],"age_seconds":{"a":[{}]},"provider":["calcom"],"status":true} \n',
    ' {"nested":{"booking_id":3,"deep":[[{"age_seconds":4}],[]]},"booking_id":"","age_seconds":999999999.999} \n',
    ' {"booking_id":01} \n',
    ' {"booking_id":1,} \n',
    ' {"booking_id" :1} \n',
    ' {"booking_id":1}x\n',
    ' {"booking_id":"a\tb"} \n',
    ' {"booking\\u005fid":1,"age_seconds":3} \n',
    " {} \n",
    ' {"calcom_booking_id":"Aa","status":"200","provider":"retell","query_time_ms":0.625} \nmore\n',
    "  \n",
    "\n",
    ' {"text":"[\n[2025-10-06 18:22:12] production.ERROR: Stale booking detected {\\"booking_id\\":9} \n"} \n',
    "\n[2025-10-06 18:22:12] Processed: App\\Jobs\\Sync\n",
    '\n{"message":"Stale booking detected","context":{"booking_id":4},"level":4,"level_name":"ERROR","channel":"a"}\n',
)
records = st.tuples(st.sampled_from(HEADERS), st.sampled_from(MESSAGES), st.sampled_from(CONTEXTS)).map("".join)


IGNORED = frozenset({"testing"})
LOGS = [LogSettings("app", ("unused",), ignore_channels=IGNORED)]
NATIVE, QUICK, SLOW = (Pipeline(LOGS, events(), empty_ledger()) for _ in range(3))
QUICK._logs["app"].cutter = Cutter(SCANNER, judge_by(events(), IGNORED), at_once=Settler(events(), IGNORED).settle)
SLOW._logs["app"].cutter = Cutter(SCANNER, judge_by(events(), IGNORED))
WAYS = (NATIVE, QUICK, SLOW)
"""With the native library where there is one, by Python, and judging each record."""


def counted(pipeline: Pipeline, path: Path) -> LedgerState:
    """Count a file; return the state that it leads to from nothing."""
    ledger = pipeline._ledger = empty_ledger()
    count_all(pipeline, path)
    return ledger.state()


def check(path: Path) -> None:
    """Hold all ways to the same state."""
    native, quick, slow = (counted(way, path) for way in WAYS)
    assert quick == slow
    assert native == slow


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
    check(path)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("form", ["line", "json"])
def test_generated_logs_count_the_same(tmp_path: Path, kind: str, form: str) -> None:
    """The logs that speed is measured with come to the same state both ways."""
    path = tmp_path / "log"
    generate(kind, 3_000_000, path, form=form)
    check(path)


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
    assert sum(counted(SLOW, path).minutes.values()) == len(times)
    check(path)


def cut(*parts: str, way: Pipeline = NATIVE) -> Cut:
    """Return what ten equal records come to, and one that is no event behind them."""
    data = bytearray(("".join(parts) * 10 + HEADERS[1] + MESSAGES[-1] + CONTEXTS[12]).encode())
    return way._logs["app"].cutter.cut(data, len(data), Carry(), ending=Ending.FINAL)


def added(found: Cut) -> list[tuple[Match, int]]:
    """Return what was added up, whichever way, and how often."""
    together: dict[int, tuple[Match, int]] = {}
    tallies = [(match, len(times)) for match, times in found.tallies.values()]
    for match, times in [*tallies, *((match, times) for match, _, times in found.counted)]:
        together[id(match)] = (match, together.get(id(match), (match, 0))[1] + times)
    return list(together.values())


def test_usual_events_are_added_up() -> None:
    """Records that are laid out as the app does are not judged one by one."""
    found = cut(HEADERS[0], MESSAGES[0], CONTEXTS[0])
    assert [match.event for match, _ in added(found)] == ["stale_booking"]
    assert [times for _, times in added(found)] == [10]
    assert (len(found.incidents), found.outcomes) == (10, [])
    assert found.observed == {("api_gateway_booking_age_seconds", ("stale",)): [2041.5] * 10}


@pytest.mark.parametrize("message", [9, 10, 11, 12])
def test_what_more_than_the_context_decides_is_judged(message: int) -> None:
    """What the ledger decides, a violation, a message with brackets or with a space at its end: told one by one."""
    found = cut(HEADERS[message < 11], MESSAGES[message], CONTEXTS[8 if message != 10 else 7])
    assert added(found) == []


def test_ignored_channels_are_passed_over() -> None:
    """Records of ignored channels are neither judged nor added up, but counted by level."""
    found = cut(HEADERS[2], MESSAGES[0], CONTEXTS[0])
    assert (found.levels[4], added(found), found.outcomes, found.incidents) == (10, [], [], [])


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
    settle = Settler(events, IGNORED).settle
    for at_once, library in ((settle, load()), (settle, None), (None, None)):
        ledgers.append(ledger := Ledger(Catalogue(BUILTIN, logs=("app",), events=events.names), None, b"k" * 32))
        pipeline = Pipeline(LOGS, events, ledger)
        judge = judge_by(events, IGNORED)
        pipeline._logs["app"].cutter = Cutter(Scanner(events.triggers), judge, at_once=at_once, library=library)
        count_all(pipeline, path)
    assert ledgers[0].state() == ledgers[1].state() == ledgers[2].state()
    assert ledgers[0].state().counters["api_gateway_bookings_validated_total", ()] > 10
