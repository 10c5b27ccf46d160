"""What the beginning of a record settles, and what it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.events.classify import UNRECOGNIZED
from exporter.events.settle import Settler
from exporter.model import Settled

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


@pytest.mark.parametrize("message", ["SAGA Compensation successful", "Failed to save appointment record to database"])
def test_what_the_ledger_decides_is_open(message: str, shipped: EventSet) -> None:
    """Violations and labels that depend on earlier records are never settled."""
    (hit,) = (n for n, one in enumerate(shipped.triggers) if one.pattern == message.encode())
    for level in (b"INFO", b"ERROR"):
        settled = Settler(shipped, frozenset()).settle(b"production." + level + b": " + message.encode(), [hit])
        assert settled is None or settled == NOTHING
