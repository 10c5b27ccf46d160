"""Adding up events of plain records by the native library, and by Python, whatever their beginnings mean."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pytest

from exporter.model import Increment, Match, Settled, Trigger, Wanted
from exporter.native.library import load
from exporter.records.block import Ending
from exporter.records.carry import Carry
from exporter.records.cut import Cutter
from exporter.records.meanings import Meanings
from exporter.records.plain import Beginnings
from exporter.records.quick import best_scanner
from tests.support.native import library

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from exporter.model import Reading
    from exporter.records.block import Cut
    from exporter.records.parse import Record
    from exporter.records.plain import AtOnce

HEADER = b"[2025-10-06 18:22:12] production.ERROR: "
SCANNER = best_scanner(
    [Trigger(text, regex=False, definitions=()) for text in (b"Stale booking", b"other text")], load()
)
EVENT = Match("event", (Increment("events_total"),))
JUDGED = Match("judged")


def judge(_: Record, triggers: AbstractSet[int]) -> Match | None:
    return JUDGED if triggers else None


def always(settled: Settled) -> AtOnce:
    """Return the settlement of all beginnings."""

    def at_once(_: bytes, _inside: Sequence[int], _beyond: Sequence[int]) -> Settled:
        return settled

    return at_once


@pytest.fixture(params=["native", "python"])
def cutter(request: pytest.FixtureRequest) -> Callable[[AtOnce], Cutter]:
    """Return a function that makes a cutter of either kind."""
    native = library() if request.param == "native" else None

    def make(at_once: AtOnce) -> Cutter:
        return Cutter(SCANNER, judge, at_once=at_once, library=native)

    return make


def cut(cutter: Cutter, records: Sequence[bytes]) -> Cut:
    """Cut a log of these records, and one that is no event behind them."""
    log = b"".join(HEADER + record for record in records) + HEADER + b"last  \n"
    return cutter.cut(bytearray(log), len(log), Carry(), ending=Ending.FINAL)


def total(found: Cut) -> int:
    """Return how many events were added up."""
    return sum(times for _, _, times in found.counted) + sum(len(times) for _, times in found.tallies.values())


def test_many_beginnings(cutter: Callable[[AtOnce], Cutter]) -> None:
    """More beginnings than are remembered are told all the same: names before the text are all different."""
    one = cutter(always(Settled(EVENT)))
    for _ in range(2):
        found = cut(one, [b"customer %d: Stale booking {}\n" % number for number in range(3000)])
        assert (total(found), found.outcomes) == (3000, [])


def test_values_are_shown(cutter: Callable[[AtOnce], Cutter]) -> None:
    """What is judged by its context is judged by the values wanted of it, with real line feeds in them."""

    def by_a(context: Mapping[str, object]) -> Match:
        return Match(repr(context.get("a")))

    records = [
        b'Stale booking {"a":"x\ny","b":1}\n',
        b'Stale booking {"b":[],"a":{"c":"\xc3\xa4\\n"}} \n',
        b'Stale booking {"b":1} \n',
        b'Stale booking {"b":"other text"} \n',
    ]
    one = cutter(always(Settled(judge=by_a, wanted=(Wanted("a", "shown"),))))
    for _ in range(2):
        events = [match.event for _, match, _ in cut(one, records).outcomes]
        assert events == ["'x\\ny'", "{'c': '\u00e4\\n'}", "None", "None"]


def test_what_the_context_does_not_tell_is_judged(cutter: Callable[[AtOnce], Cutter]) -> None:
    """Where the values wanted do not tell what a record means, the rule does."""
    one = cutter(always(Settled(judge=lambda _: None, wanted=(Wanted("a", "shown"),))))
    for _ in range(2):
        found = cut(one, [b'Stale booking {"a":1}\n'] * 3)
        assert [match for _, match, _ in found.outcomes] == [JUDGED] * 3


def test_fields_that_are_many(cutter: Callable[[AtOnce], Cutter]) -> None:
    """What looks at more fields than the library reads is told by Python."""

    def read(context: Mapping[str, object]) -> Reading:
        return EVENT, [(("x", ()), float(len(context)))], None

    found = cut(cutter(always(Settled(read=read, wanted=None))), [b'Stale booking {"a":1,"b":2}\n'] * 3)
    assert (total(found), found.observed) == (3, {("x", ()): [2.0] * 3})


@pytest.mark.parametrize(
    "record",
    [
        b"x" * 250 + b" Stale booking {}\n",
        b"Stale booking",
        b"Stale booking {}\n other text\n",
        b"Stale booking [1] other text\n",
        b"Stale booking\nother text\n",
        b'Stale booking {"a":"other text"\n',
        b"Stale booking {}" + b" other text" * 20 + b"\n",
    ],
    ids=["long", "no-line", "behind", "list", "lines", "broken", "many"],
)
def test_unusual_records_are_judged(record: bytes, cutter: Callable[[AtOnce], Cutter]) -> None:
    """A long beginning, no line feed at the end, texts behind the context: left to the rule."""
    found = cut(cutter(always(Settled(EVENT))), [b"first {}\n", *[record + b"\0"] * 3])
    assert (total(found), [match for _, match, _ in found.outcomes]) == (0, [JUDGED] * 3)


def test_what_means_nothing(cutter: Callable[[AtOnce], Cutter]) -> None:
    """Texts that mean nothing in such records are passed over, in the message and in the context."""
    found = cut(cutter(always(Settled())), [b"Stale booking {}\n", b'x {"a":"other text"}\n'] * 3)
    assert (total(found), found.outcomes, found.levels[4]) == (0, [], 7)


def test_without_memory() -> None:
    """Where the library has no memory for meanings, that is said at once."""

    class Exhausted(ctypes.CDLL):
        def __init__(self) -> None:
            self.native_meanings_new = lambda *_: None

    with pytest.raises(MemoryError, match="no memory for the meanings of records"):
        Meanings(Exhausted(), Beginnings(None))
