"""What the beginning of a record already tells: events of plain records without parsing them. Pure.

An app logs each event with one of a few texts, so a record's channel, level and message up to the
last trigger in it are looked up rather than judged anew. What is not settled so, or is not laid out as
expected, is left to the parser, which is exact: this is only the way for most. `records.meanings` goes
the same way by the native library.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from exporter.records.context import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from exporter.model import Match, Settled
    from exporter.records.block import Cut
    from exporter.records.hits import Hits

    Judge = Callable[["Plain"], None]
    Buffer = bytes | bytearray
    AtOnce = Callable[[bytes, Sequence[int], Sequence[int]], Settled | None]

HEADER_SPAN: Final = 160
"""Bytes before a header's end within which it begins."""
WORTH_A_COPY: Final = 64
"""Slices to come for which it pays to copy the block, once."""
_LONGEST: Final = 240
"""Bytes of a beginning that is looked up; a longer one is no fixed text."""
_MANY: Final = 12
"""Triggers in one record that are looked up."""
_USUAL: Final = len("[2025-10-06 18:22:12")
_BRACKET: Final = ord("]")
_KEPT: Final = 1024
"""How many beginnings are remembered."""


class Plain(NamedTuple):
    """A complete line record in a block: the offsets of its beginning, of its header's end and of its own end.

    `ends` and `triggers` are the offsets behind all triggers in it, rising, and their indexes.
    """

    begin: int
    body: int
    end: int
    ends: Sequence[int]
    triggers: Sequence[int]


class Part(NamedTuple):
    """Records of a block that are taken at once: from header number `first`, whose record begins at `begin`, to `last`.

    `trigger` is the number of the first trigger that is not dealt with.
    """

    first: int
    last: int
    begin: int
    trigger: int


class Told(NamedTuple):
    """What a record's beginning settles, the record's time text, and its context where that is looked at."""

    settled: Settled
    time: bytes
    context: Mapping[str, Any]


class Beginnings:
    """Remembers what the beginnings of records mean, as `at_once` says it.

    `at_once(beginning, inside, beyond)` is given a line record's text from its channel to the end of the
    last trigger in its message, and the indexes of all triggers in the message and behind it. It returns
    what every record means that begins so and holds no other trigger, or None where more than its
    context decides. What is remembered is a keyed hash: a message may hold a name before the trigger.
    """

    def __init__(self, at_once: AtOnce | None) -> None:
        """Take what settles beginnings; None settles nothing."""
        self._at_once = at_once
        self._known: dict[tuple[int, ...], Settled | None] = {}

    def take(self, cut: Cut, block: bytearray, hits: Hits, part: Part, judge: Judge) -> int:
        """Add up the records of `part`; `judge` is given those that are left to the parser. Return the next trigger."""
        headers, ends, triggers = hits.headers, hits.ends, hits.triggers
        number, last, begin, at = part
        text: Buffer = block
        count, opened = len(ends), number
        if count - at > WORTH_A_COPY:
            text = bytes(block)  # slices of bytes cost half
        while at < count and number < last and ends[at] < headers[last]:
            if ends[at] > headers[number + 1]:
                number = bisect_right(headers, ends[at], number, last) - 1
            if opened != number:
                begin = bracket(text, headers[number])
            end = bracket(text, headers[number + 1])
            until = at
            while until < count and ends[until] <= end:
                until += 1
            if until > at:
                record = Plain(begin, headers[number], end, ends[at:until], triggers[at:until])
                told = self.tell(text, record)
                if told is None or not add(cut, told.settled, told.context, told.time):
                    judge(record)
                at = until
            # A trigger inside a header belongs to that header's record.
            number += 1
            begin, opened = end, number
        return at

    def tell(self, text: Buffer, record: Plain) -> Told | None:
        """Return what is settled of a record, None where the parser must see it."""
        begin, body, end, ends, triggers = record
        close = begin + _USUAL
        if text[close] != _BRACKET:
            close = text.find(b"]", begin, body)
        stop = _message_end(text, body, end)
        if close < begin or stop < 0 or ends[0] < body or len(triggers) > _MANY:
            return None
        number = bisect_right(ends, stop)
        last = ends[number - 1] if number else body
        if last - close > _LONGEST:
            return None
        settled = self._settled(bytes(text[close + 2 : last]), triggers[:number], triggers[number:])
        if settled is None:
            return None
        look = number < len(triggers) or settled.read is not None or settled.judge is not None
        context = _context(text, stop, end, ends[-1]) if look else {}
        return None if context is None else Told(settled, bytes(text[begin + 1 : close]), context)

    def _settled(self, beginning: bytes, inside: Sequence[int], beyond: Sequence[int]) -> Settled | None:
        key = (hash(beginning), len(inside), *inside, *beyond)
        try:
            return self._known[key]
        except KeyError:
            pass
        if len(self._known) >= _KEPT:
            self._known.clear()
        settled = None if self._at_once is None else self._at_once(beginning, inside, beyond)
        self._known[key] = settled
        return settled


def bracket(text: Buffer, header_end: int) -> int:
    """Return where the header begins that ends at `header_end`."""
    return text.rfind(b"[", max(0, header_end - HEADER_SPAN), header_end)


def add(cut: Cut, settled: Settled, context: Mapping[str, Any], time: bytes) -> bool:
    """Add up a record of which this is settled; False where its context alone does not tell what it means."""
    if settled.judge is not None:
        match = settled.judge(context)
        if match is None:
            return False
        cut.outcomes.append((time, match, 0))
        return True
    if settled.read is None:
        if settled.match is not None:
            _tally(cut, settled.match, time)
        return True
    match, observed, incident = settled.read(context)
    _tally(cut, match, time)
    for series, value in observed:
        cut.observed.setdefault(series, []).append(value)
    if incident is not None:
        identifier = incident.identifier.encode("utf-8", "surrogatepass")
        cut.incidents.append((len(cut.outcomes), incident.layer, identifier, time))
    return True


def _tally(cut: Cut, match: Match, time: bytes) -> None:
    try:
        cut.tallies[id(match)][1].append(time)
    except KeyError:
        cut.tallies[id(match)] = (match, [time])


def _message_end(text: Buffer, body: int, end: int) -> int:
    """Return where a message ends for what its first line tells: with it, or before a bracket; -1 without a line."""
    line = text.find(b"\n", body, end)
    if line < 0:
        return -1
    brace = text.find(b" {", body, line)
    bracket = text.find(b" [", body, line if brace < 0 else brace)
    return bracket if bracket >= 0 else brace if brace >= 0 else line


def _context(text: Buffer, start: int, end: int, last: int) -> Mapping[str, Any] | None:
    """Return the context that begins behind a space at `start`; None if not laid out as most are.

    Most are one JSON object that ends its line, or the record, and `last` does not lie behind it.
    """
    line = text.find(b"\n", start, end)
    if text[start : start + 2] != b" {":
        return None
    context: Mapping[str, Any] | None
    try:
        context = orjson.loads(text[start + 1 : line])
    except orjson.JSONDecodeError:
        rest = bytes(text[start + 1 : end]).rstrip(b" \r\n")
        line = text.find(b"\n", start + 1 + len(rest), end)
        context = load(rest) if line >= 0 and rest.endswith(b"}") else None
    return None if last > line else context
