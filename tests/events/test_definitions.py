"""Tests of exporter.events.definitions: files become one set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.events.definitions import EventError, EventSet, Source, builtin_source, load_events
from exporter.model import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable


def file(*definitions: str, head: str = "") -> Source:
    """Return a file of definitions, each given as name and match."""
    events = "".join(f"  - {one}\n    examples: [{{record: x, expect: {{}}}}]\n" for one in definitions)
    return Source("user.yaml", f"version: 1\n{head}\n" + (f"events:\n{events}" if events else ""))


def event(name: str, text: str) -> str:
    return f'name: {name}\n    match: {{message: {{contains: "{text}"}}}}'


def names(events: EventSet) -> list[str]:
    return [one.name for one in events.definitions]


def test_nothing_is_a_set_too() -> None:
    """Without sources there are no events: a daemon that follows no log needs none."""
    events = load_events([])
    assert (events.definitions, events.names, events.triggers, events.markers) == ((), (), (), ())


def test_sources_keep_their_order() -> None:
    """Definitions are tried in the order of the sources, and variants share one name."""
    events = load_events([file(event("b", "text b"), event("a", "text a")), file(event("b", "text c"))])
    assert names(events) == ["b", "a", "b"]
    assert events.names == ("b", "a")


def test_disable_drops_later_definitions_only() -> None:
    """A file can drop an event of the sources after it and define it anew."""
    replacing = file(event("a", "new a"), head="disable: [a]")
    events = load_events([file(event("a", "first")), replacing, file(event("a", "old a"), event("b", "text b"))])
    assert names(events) == ["a", "a", "b"]
    assert [trigger.pattern for trigger in events.triggers] == [b"first", b"new a", b"text b"]


def test_a_shipped_event_can_be_disabled(shipped: EventSet) -> None:
    """A user's file takes a shipped event out of service, and nothing else."""
    events = load_events([file(head="disable: [webhook]"), builtin_source()])
    assert set(shipped.names) - set(events.names) == {"webhook"}


def test_disabling_nothing_is_a_mistake() -> None:
    """A name that no later source defines is reported: it is misspelt, or the order is wrong."""
    with pytest.raises(EventError) as caught:
        load_events([file(event("a", "text a"), head="disable: [a]"), Source("b.yaml", "version: 1")])
    assert caught.value.messages == ("user.yaml:2: disable[0]: no source after this file defines 'a'; remove it",)


def test_problems_of_all_files_come_together() -> None:
    """Broken YAML in one file does not hide the problems of the others."""
    with pytest.raises(EventError) as caught:
        load_events([Source("a.yaml", "a: ["), Source("b.yaml", "version: 3"), builtin_source()])
    assert [message.split(":")[0] for message in caught.value.messages] == ["a.yaml", "b.yaml"]


def test_equal_triggers_are_one() -> None:
    """A text that several definitions look for is scanned for once; a marker has no definitions."""
    events = load_events(
        [
            file(
                event("a", "same text"),
                event("b", "same text"),
                'name: c\n    match: {message: {contains_all: ["FAMILY/x", "y"], regex: "y+z"}}',
                head="family: {marker: FAMILY/x}",
            ),
            file(event("d", "none"), head="family: {marker: 'Other family'}"),
        ]
    )
    assert events.triggers == (
        Trigger(b"same text", regex=False, definitions=(0, 1)),
        Trigger(b"FAMILY/x", regex=False, definitions=(2,)),
        Trigger(b"FAMILY\\/x", regex=False, definitions=(2,)),
        Trigger(b"none", regex=False, definitions=(3,)),
        Trigger(b"Other family", regex=False, definitions=()),
    )
    assert events.markers == (b"FAMILY/x", b"Other family")


@pytest.mark.parametrize(
    ("match", "patterns"),
    [
        ("{message: {begins: [abcd, 'wxyz\"']}}", [b"abcd", b'wxyz"', b'wxyz\\"']),
        ("{message: {contains: [short, longer text]}, record: {contains: rather long}}", [b"rather long"]),
        ("{message: {contains: long enough}, record: {contains: short}}", [b"long enough"]),
        ("{record: {contains_all: ['a->b', long enough]}}", [b"long enough"]),
        ("{record: {contains: 'abc>'}}", [b"abc>", b"abc\\u003E"]),
    ],
)
def test_the_rarest_text_is_the_trigger(match: str, patterns: list[bytes], one_event: Callable[..., EventSet]) -> None:
    """Of texts that must all occur, those that chance is least likely to produce are scanned for."""
    assert [one.pattern for one in one_event(f"match: {match}").triggers] == patterns


def test_a_regex_is_a_trigger_where_no_text_is_given(one_event: Callable[..., EventSet]) -> None:
    """A regex is scanned for only if nothing cheaper leads to its records."""
    assert one_event('match: {message: {regex: "took [0-9]+ ms"}}').triggers == (
        Trigger(b"took [0-9]+ ms", regex=True, definitions=(0,)),
    )


def test_lowest_level_of_an_event_covers_its_variants() -> None:
    """The app must let through the lowest level of all variants."""
    events = load_events(
        [
            file(
                "name: a\n    match: {message: {contains: abcd}, levels: [error]}",
                "name: a\n    match: {message: {contains: efgh}, levels: [notice]}",
                "name: a\n    match: {message: {contains: ijkl}, levels: [alert]}",
            )
        ]
    )
    assert events.lowest_levels == {"a": "notice"}


def test_hash_is_of_what_is_counted(shipped: EventSet) -> None:
    """The hash is 32 bits, the same for the same meaning, and another for another."""
    base = load_events([file(event("a", "text a"))]).hash
    other_example = Source("other.yaml", file(event("a", "text a")).text.replace("record: x", "record: y"))
    assert load_events([other_example]).hash == base
    assert 0 <= base < 2**32
    different = (
        file(event("a", "text b")),
        file(event("b", "text a")),
        file(event("a", "text a"), head="family: {marker: abcd}"),
        file(event("a", "text a"), head="series: [{name: x_total, kind: counter, help: x}]"),
    )
    assert len({base, *(load_events([one]).hash for one in different)}) == 5
    assert load_events([builtin_source()]).hash == shipped.hash
