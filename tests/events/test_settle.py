"""What the beginning of a record settles, and what it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from exporter.events.classify import UNRECOGNIZED, classify
from exporter.events.settle import Settler
from exporter.model import Incident, LinkedLabel, Settled, Violation, Wanted
from exporter.records.parse import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.events.definitions import EventSet

NOTHING = Settled()
MARKER = 'family: {marker: "FAMILY"}'


@pytest.mark.parametrize(
    ("match", "beginning", "settled"),
    [
        ("{message: {contains: Thing}}", "a.INFO: my Thing", True),
        ("{message: {contains: Thing}, levels: [info]}", "a.INFO: my Thing", True),
        ("{message: {contains: Thing}, levels: [error]}", "a.INFO: my Thing", False),
        ("{message: {contains: [Thing, Stuff]}}", "a.INFO: Stuff", True),
        ("{message: {contains: 'Thing '}}", "a.INFO: my Thing ", None),
        ('{message: {contains: "Thing\\r"}}', "a.INFO: my Thing\r", None),
        ("{message: {contains: Thing}}", "a.INFO: my [x] Thing", None),
        ("{message: {contains: Thing}}", 'a.INFO: my {"x":"Thing', None),
        ("{message: {contains: Thing}}", "a.INFO: my\nThing", None),
        ("{message: {contains: Thing}}", "a.INFO: [12 MB] Thing", True),
        ("{message: {contains: Thing}}", "a.INFO: [12MB]Thing", True),
        ("{message: {contains_all: [Thing, done]}}", "a.INFO: done Thing", True),
        ("{message: {contains_all: [Thing, done]}}", "a.INFO: Thing", None),
        ("{message: {contains: Thing}, channels: [a]}", "a.INFO: Thing", None),
        ("{message: {contains: Thing}, context: {context.a: 1}}", "a.INFO: Thing", None),
        ("{record: {contains: ' product'}}", "product", None),
        ("{record: {contains: product}, levels: [error]}", "a.b.product", None),
        ("{record: {contains: mute}}", "mute.x", None),
        ("{message: {contains: Thing}}", "mute.INFO: Thing", False),
        ("{message: {contains: Thing}}", "mute.x.INFO: Thing", True),
    ],
)
def test_conditions(match: str, beginning: str, settled: bool | None, one_event: Callable[..., EventSet]) -> None:  # noqa: FBT001  (an expectation)
    """A level and texts of the message settle the match; brackets, ends and other conditions leave it open."""
    events = one_event(f"match: {match}")
    expected = None if settled is None else Settled(events.definitions[0].constant) if settled else NOTHING
    assert Settler(events, frozenset({"mute"})).settle(beginning.encode(), [0]) == expected


def test_the_first_definition_that_may_match_decides(shipped: EventSet) -> None:
    """A definition that is tried later settles nothing while an earlier one is open."""
    numbers = {trigger.pattern: number for number, trigger in enumerate(shipped.triggers)}
    hits = [numbers[b"DUPLICATE BOOKING PREVENTION"], numbers[b"Failed to save appointment record to database"]]
    text = b"production.ERROR: DUPLICATE BOOKING PREVENTION Failed to save appointment record to database"
    assert Settler(shipped, frozenset()).settle(text, hits) is None


def test_markers(one_event: Callable[..., EventSet]) -> None:
    """A family's marker with no event that may match is an unrecognized event; without the marker it is nothing."""
    events = one_event("match: {message: {contains: Thing}, levels: [error]}", before=MARKER)
    assert Settler(events, frozenset()).settle(b"a.INFO: FAMILY Thing", [0, 1]) == Settled(UNRECOGNIZED)
    assert Settler(events, frozenset()).settle(b"a.INFO: Thing", [0]) == NOTHING


def test_fields_are_read(shipped: EventSet) -> None:
    """Where fields have a part in it the context is read, and equal meanings are one object."""
    (hit,) = (n for n, one in enumerate(shipped.triggers) if one.pattern == b"Call ID mismatch")
    settled = Settler(shipped, frozenset()).settle(b"production.ERROR: Call ID mismatch", [hit])
    assert settled is not None
    assert settled.read is not None
    first, second = (settled.read({"booking_id": number, "age_seconds": -number}) for number in (1, 2))
    assert first[0] is second[0]
    assert [(series[1], value) for series, value in first[1]] == [(("call_id_mismatch",), 1.0)]
    assert second[2] is not None
    assert (second[2].layer, second[2].identifier) == ("layer2", "2")


def test_a_meaning_is_made_once(shipped: EventSet) -> None:
    """Beginnings that vary share what is made of their definition, so that equal events are one tally."""
    (hit,) = (n for n, one in enumerate(shipped.triggers) if one.pattern == b"Call ID mismatch")
    settler = Settler(shipped, frozenset())
    first, second = (settler.settle(f"a.ERROR: {name} Call ID mismatch".encode(), [hit]) for name in ("x", "y"))
    assert first is second is not None


def beginning(text: str, shipped: EventSet, *beyond: str) -> tuple[bytes, list[int], list[int]]:
    """Return the beginning of a record with this text in its message and others in its context."""
    numbers = {trigger.pattern: number for number, trigger in enumerate(shipped.triggers)}
    return b"production.ERROR: " + text.encode(), [numbers[text.encode()]], [numbers[one.encode()] for one in beyond]


def test_what_the_ledger_decides_is_judged_by_the_context(shipped: EventSet) -> None:
    """Labels that depend on earlier records are told by the one field that they name."""
    settled = Settler(shipped, frozenset()).settle(*beginning("SAGA Compensation successful", shipped))
    assert settled is not None
    assert settled.judge is not None
    match = settled.judge({"calcom_booking_id": 7})
    assert match is not None
    assert match.increments[0].labels == ("succeeded", LinkedLabel("7", "unique_constraint", "other"))
    assert settled.wanted == (Wanted("calcom_booking_id", "shown"),)


def test_violations_are_judged_by_the_field_that_tells_them(shipped: EventSet) -> None:
    """A failed save with the key in its context is a violation; where the field tells no key value, that is open."""
    save = beginning("Failed to save appointment record to database", shipped, "unique_calcom_v2_booking_id")
    settled = Settler(shipped, frozenset()).settle(*save)
    assert settled is not None
    assert settled.judge is not None
    match = settled.judge({"error": "Duplicate entry 'x7' for key 'unique_calcom_v2_booking_id'"})
    assert match is not None
    assert (match.violation, match.incident) == (Violation("failed_save", "x7"), Incident("layer4", "x7"))
    for context in ({}, {"error": None}, {"error": "unique_calcom_v2_booking_id"}):
        assert settled.judge(context) is None


def test_without_the_key_a_failed_save_is_nothing(shipped: EventSet) -> None:
    """A text that is sought in the whole record, and is a trigger, would have been seen."""
    save = beginning("Failed to save appointment record to database", shipped)
    assert Settler(shipped, frozenset()).settle(*save) == NOTHING


@pytest.mark.parametrize(
    "fields", [{"booking_id": None}, {"age_seconds": None}, {"age_seconds": "x"}, {"booking_id": []}]
)
def test_fields_without_a_value(fields: dict[str, object], shipped: EventSet) -> None:
    """Null is no observation and no incident, and what is malformed is counted: as the rule has it."""
    settled = Settler(shipped, frozenset()).settle(*beginning("Call ID mismatch", shipped))
    assert settled is not None
    assert settled.read is not None
    context = {"booking_id": 1, "age_seconds": -2, **fields}
    match, observed, incident = settled.read(context)
    raw = b"[2025-10-06 18:22:12] production.ERROR: Call ID mismatch " + orjson.dumps(context) + b"\n"
    record = parse(raw)
    assert record is not None
    rule = classify(shipped, record, None)
    assert rule is not None
    assert (match.malformed, incident) == (rule.malformed, rule.incident)
    assert [(one.metric, one.labels, one.value) for one in rule.observations] == [
        (*key, value) for key, value in observed
    ]


def test_a_violation_told_by_the_message_is_open(one_event: Callable[..., EventSet]) -> None:
    """The rest of the message may tell the key."""
    count = "count: {metric: duplicate_booking_rejections_total, labels: {layer: layer4, reason: unique_constraint}}"
    violation = 'violation: {role: report, text: message, key: ["(x)"]}'
    events = one_event(f"match: {{message: {{contains: Thing}}}}\n    {count}\n    {violation}")
    assert Settler(events, frozenset()).settle(b"a.INFO: Thing", [0]) is None


@pytest.mark.parametrize(
    ("keys", "many"), [(["a", "b", "c", "d"], False), (["a", "b", "c", "d", "e"], True), (["a" * 59], True)]
)
def test_wanted(keys: list[str], many: bool, one_event: Callable[..., EventSet]) -> None:  # noqa: FBT001  (an expectation)
    """The keys that a definition looks at are named, unless they are many or long."""
    values = "".join(
        f", {{metric: booking_age_seconds, value: context.{key}, labels: {{status: stale}}}}" for key in keys
    )
    events = one_event(f"match: {{message: {{contains: Thing}}}}\n    observe: [{values[2:]}]")
    settled = Settler(events, frozenset()).settle(b"a.INFO: Thing", [0])
    assert settled is not None
    assert settled.wanted == (None if many else tuple(Wanted(key, "number") for key in keys))


def test_reports_are_open(shipped: EventSet) -> None:
    """What the message begins with, and a violation told by the message itself, are left to the rule."""
    text, inside, _ = beginning("unique_calcom_v2_booking_id", shipped)
    assert Settler(shipped, frozenset()).settle(text.replace(b": ", b": SQLSTATE[23000] "), inside) is None


@pytest.mark.parametrize(
    ("contains", "begins", "beyond", "settled"),
    [
        ("Thing", "a.INFO: my Thing", [], True),
        ("Thing", "a.INFO: xy", [0], True),
        ("Thing of some length", "a.INFO: x", [0], None),
        ("Thing", "a.INFO: xy", [], False),
    ],
)
def test_texts_of_the_whole_record(
    contains: str,
    begins: str,
    beyond: list[int],
    settled: bool | None,  # noqa: FBT001  (an expectation)
    one_event: Callable[..., EventSet],
) -> None:
    """A text sought anywhere holds in the beginning or behind it; a long one might begin in the record before."""
    events = one_event(f"match: {{record: {{contains: {contains}}}}}")
    expected = None if settled is None else Settled(events.definitions[0].constant) if settled else NOTHING
    inside = [] if beyond or not settled else [0]
    assert Settler(events, frozenset()).settle(begins.encode(), inside, beyond) == expected
