"""What the beginning of a record already tells: events of plain records without parsing them. Pure.

An app logs each event with one of a few texts, so a record's channel, level and message up to the
last trigger in it are looked up rather than judged anew. What is not settled by that text, or is
not laid out as expected, is left to the parser, which is exact: this is only the way for most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from exporter.model import Match, Settled
    from exporter.records.block import Cut

    Buffer = bytes | bytearray
    AtOnce = Callable[[bytes, Sequence[int]], Settled | None]

_LONGEST: Final = 240
"""Bytes of a beginning that is looked up; a longer one is no fixed text."""
_USUAL: Final = len("[2025-10-06 18:22:12")
_BRACKET: Final = ord("]")
_KEPT: Final = 1024
"""How many beginnings are remembered."""


class Beginnings:
    """Remembers what the beginnings of records mean, as `at_once` says it.

    `at_once(beginning, triggers)` is given a line record's text from its channel to the end of the
    last trigger in it, and the indexes of all triggers. It returns what every record means that
    begins so and holds no other trigger, or None where more than its context decides. What is
    remembered is a keyed hash: a message may hold a name before the trigger.
    """

    def __init__(self, at_once: AtOnce | None) -> None:
        """Take what settles beginnings; None settles nothing."""
        self._at_once = at_once
        self._known: dict[tuple[int, ...], Settled | None] = {}

    def settle(self, cut: Cut, text: Buffer, begin: int, end: int, last: int, triggers: list[int]) -> bool:
        """Add up the complete line record `text[begin:end]` whose last trigger ends at `last`, if that can be done."""
        close = begin + _USUAL
        if text[close] != _BRACKET:
            close = text.find(b"]", begin, last)
        if close < begin or last - close > _LONGEST or (len(triggers) > 1 and text.find(b" {", close, last) >= 0):
            return False
        beginning = bytes(text[close + 2 : last])
        key = (hash(beginning), *triggers)
        try:
            settled = self._known[key]
        except KeyError:
            settled = self._look_up(key, beginning, triggers)
        if settled is None:
            return False
        time = bytes(text[begin + 1 : close])
        if settled.read is None:
            if settled.match is not None:
                _tally(cut, settled.match, time)
            return True
        context = _context(text, last, end)
        if context is None:
            return False
        match, observed, incident = settled.read(context)
        _tally(cut, match, time)
        for series, value in observed:
            cut.observed.setdefault(series, []).append(value)
        if incident is not None:
            cut.incidents.append((len(cut.outcomes), incident, time))
        return True

    def _look_up(self, key: tuple[int, ...], beginning: bytes, triggers: list[int]) -> Settled | None:
        if len(self._known) >= _KEPT:
            self._known.clear()
        settled = None if self._at_once is None else self._at_once(beginning, triggers)
        self._known[key] = settled
        return settled


def _tally(cut: Cut, match: Match, time: bytes) -> None:
    try:
        cut.tallies[id(match)][1].append(time)
    except KeyError:
        cut.tallies[id(match)] = (match, [time])


def _context(text: Buffer, start: int, end: int) -> Mapping[str, Any] | None:
    """Return the context of a record whose message reaches up to `start` or beyond; None if not laid out as most are.

    Most have one JSON object at the end of their first line, and no bracket before it.
    """
    line = text.find(b"\n", start, end)
    brace = text.find(b" {", start - 1, line) if line >= 0 else -1
    if brace < start or text.find(b" [", start - 1, brace) >= 0:
        return None
    try:
        context: Mapping[str, Any] = orjson.loads(text[brace + 1 : line])
    except orjson.JSONDecodeError:
        return None
    return context
