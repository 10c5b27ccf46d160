"""Tests of exporter.events.classify: what a record means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import APP
from exporter.events.classify import UNRECOGNIZED, classify
from exporter.events.definitions import Source, load_events
from exporter.model import Incident, Increment, LinkedLabel, Match, Observation, Violation
from exporter.records.parse import Record, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.events.definitions import EventSet

TEXT = "match: {message: {contains: Thing done}}"


def record(message: str, context: object = None, *, level: str = "ERROR", channel: str = "production") -> Record:
    """Return a record as Laravel writes it; a context given as text is written as it is."""
    written = context if isinstance(context, str) else "" if context is None else json.dumps(context)
    parsed = parse(f"[2025-10-06 18:22:12] {channel}.{level}: {message} {written} \n".encode())
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    ("match", "kwargs", "expected"),
    [
        ("{message: {contains: [Thing done, Thing made]}}", {"message": "A Thing made."}, True),
        ("{message: {contains: [Thing done, Thing made]}}", {"message": "A Thing."}, False),
        ("{message: {contains: Thing done}}", {"message": "x", "context": {"a": "Thing done"}}, False),
        ("{message: {contains_all: [Thing, done]}}", {"message": "done is the Thing"}, True),
        ("{message: {contains_all: [Thing, done]}}", {"message": "Thing"}, False),
        ("{message: {begins: [Thing, Stuff]}}", {"message": "Stuff done"}, True),
        ("{message: {begins: [Thing]}}", {"message": "A Thing"}, False),
        ("{message: {regex: 'took \\d+ ms'}}", {"message": "it took 12 ms"}, True),
        ("{message: {regex: 'took \\d+ ms'}}", {"message": "it took long"}, False),
        ("{message: {contains: Thing}, levels: [error, alert]}", {"message": "Thing", "level": "ALERT"}, True),
        ("{message: {contains: Thing}, levels: [error]}", {"message": "Thing", "level": "INFO"}, False),
        ("{message: {contains: Thing}, channels: [production]}", {"message": "Thing"}, True),
        ("{message: {contains: Thing}, channels: [production]}", {"message": "Thing", "channel": "local"}, False),
        ("{record: {contains: [abcd, Lock->block()]}}", {"message": "x", "context": '{"t":"Lock->block()"}'}, True),
        ("{record: {contains: Lock->block()}}", {"message": "x", "context": '{"t":"Lock-\\u003Eblock()"}'}, True),
        ("{record: {contains_all: [abcd, efgh]}}", {"message": "x", "context": {"t": "efgh abcd"}}, True),
        ("{record: {contains_all: [abcd, efgh]}}", {"message": "x", "context": {"t": "abcd"}}, False),
        (
            "{message: {contains: abcd}, context: {context.a.b: ''}}",
            {"message": "abcd", "context": {"a": {"b": ""}}},
            True,
        ),
        ("{message: {contains: abcd}, context: {context.a: ''}}", {"message": "abcd", "context": {"a": "x"}}, False),
        ("{message: {contains: abcd}, context: {context.a: ''}}", {"message": "abcd"}, False),
        ("{message: {contains: abcd}, context: {context.a: null}}", {"message": "abcd"}, False),
        (
            "{message: {contains: abcd}, context: {context.a: null}}",
            {"message": "abcd", "context": {"a": None}},
            True,
        ),
        ("{message: {contains: abcd}, context: {context.a: 1}}", {"message": "abcd", "context": {"a": True}}, False),
        (
            "{message: {contains: abcd}, context: {context.a: true}}",
            {"message": "abcd", "context": {"a": True}},
            True,
        ),
        ("{message: {contains: abcd}, context: {context.a: ''}}", {"message": "abcd", "context": '{"a":"'}, False),
    ],
)
def test_conditions(
    match: str, kwargs: dict[str, object], one_event: Callable[..., EventSet], *, expected: bool
) -> None:
    """A definition matches where all of its conditions hold, and only there."""
    found = classify(one_event(f"match: {match}"), record(**kwargs), None)  # type: ignore[arg-type]  # a table's row
    assert found == (Match("thing") if expected else None)


def test_only_definitions_that_were_hit_are_tried(shipped: EventSet) -> None:
    """Hits choose the candidates; several hits are tried in the order of the definitions."""
    both = record("Stale booking detected, Call ID mismatch, booked WRONG time", {"booking_id": 1, "age_seconds": 2})
    by_pattern = {trigger.pattern: index for index, trigger in enumerate(shipped.triggers)}
    stale, mismatch = by_pattern[b"Stale booking detected"], by_pattern[b"Call ID mismatch"]
    marker = by_pattern[b"DUPLICATE BOOKING PREVENTION"]

    def event(*hits: int) -> str | None:
        match = classify(shipped, both, hits)
        return match.event if match else None

    assert event(mismatch) == "call_id_mismatch"
    assert event(mismatch, stale) == "stale_booking"
    assert event(stale, stale) == "stale_booking"
    assert event(by_pattern[b"booked WRONG time"], mismatch) == "call_id_mismatch"
    assert event(marker) is None
    assert event() is None


def test_first_definition_wins() -> None:
    """A user's definition takes a record before the shipped one sees it."""
    text = (
        "version: 1\nevents:\n  - name: {}\n    match: {{message: {{contains: Thing}}}}\n"
        "    examples: [{{record: x, expect: {{}}}}]\n"
    )
    events = load_events([Source("1", text.format("mine")), Source("2", text.format("theirs"))])
    assert classify(events, record("Thing"), [0]) == Match("mine")


def test_unrecognized_events(shipped: EventSet) -> None:
    """The family's marker in the message of a record that is no event is counted; in its context it means nothing."""
    marker = "DUPLICATE BOOKING PREVENTION"
    assert classify(shipped, record(f"🚨 {marker}: something new"), None) == UNRECOGNIZED
    assert classify(shipped, record(f"🚨 {marker}: something new"), []) == UNRECOGNIZED
    assert classify(shipped, record("QUERY", {"bindings": [marker]}), None) is None
    assert Match(None, (Increment("api_gateway_unrecognized_events_total"),)) == UNRECOGNIZED


def test_a_broken_context_still_counts(shipped: EventSet) -> None:
    """Where the context cannot be parsed the event counts, and each field that it needs is malformed."""
    broken = record("Stale booking detected", '{"booking_id":1,"age_seconds":')
    assert broken.context is None
    assert classify(shipped, broken, None) == Match(
        "stale_booking",
        (Increment(APP + "duplicate_booking_rejections_total", ("layer1", "stale_booking")),),
        malformed=2,
    )


@pytest.mark.parametrize(
    ("context", "incident", "malformed"),
    [
        ({"booking_id": 7, "age_seconds": None}, Incident("layer1", "7"), 0),
        ({"booking_id": "7", "age_seconds": None}, Incident("layer1", "7"), 0),
        ({"booking_id": None, "age_seconds": None}, None, 0),
        ({"booking_id": [], "age_seconds": None}, None, 1),
        ({"age_seconds": None}, None, 1),
    ],
)
def test_incidents(context: object, incident: Incident | None, malformed: int, shipped: EventSet) -> None:
    """The identifier groups repeats; null is no incident, a missing one is malformed."""
    match = classify(shipped, record("Stale booking detected", context), None)
    assert match is not None
    assert (match.incident, match.malformed, match.observations) == (incident, malformed, ())


def test_observations(one_event: Callable[..., EventSet]) -> None:
    """Fields are observed with their labels; malformed and missing ones are counted unless optional."""
    events = one_event(
        TEXT,
        "observe:",
        "  - {metric: booking_age_seconds, value: context.a, transform: abs, labels: {status: stale}}",
        "  - {metric: booking_age_seconds, value: context.b, optional: true, labels: {status: accepted}}",
        "  - metric: duplicate_check_duration_seconds",
        "    value: context.ms",
        "    transform: milliseconds_to_seconds",
        "    labels: {result: {path: context.r, one_of: [unique]}}",
    )
    age, check = APP + "booking_age_seconds", APP + "duplicate_check_duration_seconds"
    full = classify(events, record("Thing done", {"a": -1.5, "b": 2, "ms": 250, "r": "unique"}), None)
    assert full == Match(
        "thing",
        (),
        (
            Observation(age, ("stale",), 1.5),
            Observation(age, ("accepted",), 2.0),
            Observation(check, ("unique",), 0.25),
        ),
    )
    assert classify(events, record("Thing done", {"a": "x", "ms": 250, "r": "new"}), None) == Match(
        "thing", (), (Observation(check, ("other",), 0.25),), malformed=1
    )
    assert classify(events, record("Thing done", {"b": False, "ms": 250}), None) == Match(
        "thing", (), (Observation(check, ("other",), 0.25),), malformed=3
    )


@pytest.mark.parametrize(
    ("label", "context", "expected", "malformed"),
    [
        ("{path: context.x, one_of: [slot, 'true']}", {"x": "slot"}, "slot", 0),
        ("{path: context.x, one_of: [slot, 'true']}", {"x": True}, "true", 0),
        ("{path: context.x, one_of: [slot]}", {"x": "new"}, "other", 0),
        ("{path: context.x, one_of: [slot]}", {"x": None}, "other", 0),
        ("{path: context.x, one_of: [slot]}", {}, "other", 1),
        ("{path: context.x, one_of: [slot], optional: true}", {}, "other", 0),
        ("{path: context.x, transform: status_class}", {"x": 503}, "5xx", 0),
        ("{path: context.x, transform: status_class}", {"x": 0}, "other", 0),
        ("{path: context.x, transform: status_class}", {"x": None}, "other", 0),
        ("{path: context.x, transform: status_class}", {"x": "503"}, "other", 1),
        ("{path: context.x, transform: status_class, optional: true}", {"x": "503"}, "other", 1),
        ("{path: context.x, violated: slot, otherwise: no_}", {"x": 7}, LinkedLabel("7", "slot", "no_"), 0),
        ("{path: context.x, violated: slot, otherwise: no_}", {"x": None}, "no_", 0),
        ("{path: context.x, violated: slot, otherwise: no_}", {"x": True}, "no_", 1),
        ("{path: context.x, violated: slot, otherwise: no_}", {}, "no_", 1),
        ("{path: context.x, violated: slot, otherwise: no_, optional: true}", {}, "no_", 0),
    ],
)
def test_labels_from_fields(
    label: str,
    context: object,
    expected: str | LinkedLabel,
    malformed: int,
    one_event: Callable[..., EventSet],
) -> None:
    """A field becomes one of a closed set of values, whatever stands in it."""
    events = one_event(
        TEXT,
        f"count: {{metric: x_total, labels: {{k: {label}}}}}",
        before=(
            "series: [{name: x_total, kind: counter, help: x, labels: "
            '{k: [slot, no_, "true", 1xx, 2xx, 3xx, 4xx, 5xx, other]}}]'
        ),
    )
    assert classify(events, record("Thing done", context or {"y": 1}), None) == Match(
        "thing", (Increment("x_total", (expected,)),), malformed=malformed
    )


SQLITE = (
    "SQLSTATE[23000]: Integrity constraint violation: 19 UNIQUE constraint failed: appointments.calcom_v2_booking_id "
    '(Connection: sqlite, SQL: insert into "appointments" ("calcom_v2_booking_id") values (RL0-1))'
)
SAVE = "❌ Failed to save appointment record to database"


def violation(shipped: EventSet, found: Record) -> tuple[Violation | None, Incident | None]:
    match = classify(shipped, found, None)
    assert match is not None
    assert match.event == "unique_constraint"
    return match.violation, match.incident


@pytest.mark.parametrize(
    "text",
    [
        "SQLSTATE[23000]: … 1062 Duplicate entry 'RL0-1' for key 'unique_calcom_v2_booking_id' (SQL: insert)",
        "SQLSTATE[23000]: … 1062 Duplicate entry 'RL0-1' for key 'appointments.unique_calcom_v2_booking_id' (SQL)",
        (
            'SQLSTATE[23505]: … 7 ERROR:  duplicate key violates unique constraint "unique_calcom_v2_booking_id"\n'
            "DETAIL:  Key (calcom_v2_booking_id)=(RL0-1) already exists."
        ),
    ],
)
def test_key_values(text: str, shipped: EventSet) -> None:
    """MySQL's, MySQL 8's and PostgreSQL's wordings give the key's value, in a failed save and in a report."""
    incident = Incident("layer4", "RL0-1")
    context = {"error": text, "calcom_booking_id": "RL0-1"}
    assert violation(shipped, record(SAVE, context)) == (Violation("failed_save", "RL0-1"), incident)
    assert violation(shipped, record(text, {"exception": "x"})) == (Violation("report", "RL0-1"), incident)


def test_sqlite_tells_no_key_value(shipped: EventSet) -> None:
    """Failed save and report of one exception give the same text, and other bookings give another."""
    save = violation(shipped, record(SAVE, {"error": SQLITE, "calcom_booking_id": 12}))
    report = violation(shipped, record(SQLITE, {"exception": "[object] (x)"}))
    assert save == (Violation("failed_save", SQLITE, "12"), Incident("layer4", "12"))
    assert report == (Violation("report", SQLITE), Incident("layer4", SQLITE))
    other = violation(shipped, record(SQLITE.replace("RL0-1", "RL0-2"), {"exception": "[object] (x)"}))
    assert other[0] != report[0]


def test_a_violation_in_a_broken_context(shipped: EventSet) -> None:
    """Where the context cannot be parsed, the raw record tells the same key."""
    mysql = "SQLSTATE[23000]: 1062 Duplicate entry 'RL0-1' for key 'unique_calcom_v2_booking_id'"
    broken = record(SAVE, f'{{"error":"{mysql}","x":')
    assert broken.context is None
    assert violation(shipped, broken)[0] == Violation("failed_save", "RL0-1")
    escaped = json.dumps(SQLITE)
    assert violation(shipped, record(SAVE, f'{{"error":{escaped},"x":'))[0] == Violation("failed_save", SQLITE)


def test_a_violation_without_an_exception(shipped: EventSet) -> None:
    """Where even the exception is missing or cut inside an escape, what there is stands for it."""
    name = "unique_calcom_v2_booking_id"
    assert violation(shipped, record(SAVE, {"error": f"{name} hit"}))[0] == Violation("failed_save", f"{name} hit")
    cut = violation(shipped, record(SAVE, f'{{"error":"SQLSTATE[23000]: {name} \\u00"'))[0]
    assert cut == Violation("failed_save", f"SQLSTATE[23000]: {name} \\u00")
