"""Whether a line that looks like a record stands inside the record before it. Pure.

A logged value may hold a line feed and, behind it, a forged header. It is known by the JSON
string that is open before it and still sound at the end of its line: the quotes of a genuine
record would break it. A message may hold the body of an HTTP response, which in a Laravel app
often begins as a JSON record does (`{"message":"…`).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from exporter.records.context import Json, layout, resume, uncut
from exporter.records.parse import HEADER, JSON_HEAD, JSON_KEYS

if TYPE_CHECKING:
    from exporter.records.carry import Carry, Inside

LINE_LIMIT: Final = 1 << 16
"""How much of a suspected line is looked at before it is judged."""
PASSED_OVER: Final = -1
"""Stands for the start of a record whose beginning is gone."""

_INSIDE: Final[dict[Json | None, Inside]] = {Json.STRING: "string", Json.OPEN: "json"}


class Verdict(Enum):
    """What a suspected line is."""

    GENUINE = "genuine"
    FORGED = "forged"
    WAIT = "wait"
    """Its line must be complete first."""


class Place(NamedTuple):
    """What is open at the offset `at` of the record that begins at `record`; `at` begins a token or is in a string."""

    record: int
    at: int
    inside: Inside
    depth: int


class Enclosure:
    """Follows the context of the open record of one block.

    Up to `limit` bytes of a record its context is sought as `layout` does; beyond, only the one
    that is open there is followed, so that the answer is the same where the record's beginning
    is gone. What was found last is remembered, since one string may hold many forged headers.
    """

    def __init__(self, block: bytearray, length: int, carry: Carry, limit: int) -> None:
        """Take the block, of which `length` bytes hold text, and the state at its first byte."""
        self._block = block
        self._length = length
        self._limit = limit
        self._first = Place(PASSED_OVER, 0, carry.inside, carry.depth)
        self._known = self._first

    def header(self, start: int, begin: int, *, final: bool) -> Verdict:
        """Judge the header at `begin` by the line record that begins at `start`."""
        place = self.place(start, begin)
        if place.inside != "string":
            return Verdict.GENUINE
        stop, complete = self._line(begin)
        if not complete and not final:
            return Verdict.WAIT
        status, _, _ = resume(self._block, begin, stop, place.depth, in_string=True)
        return Verdict.GENUINE if status is Json.BROKEN else Verdict.FORGED

    def json(self, begin: int, *, final: bool) -> Verdict:
        """Judge the beginning of a JSON record at `begin` that follows a line record: by what is behind its message."""
        stop, complete = self._line(begin)
        message = JSON_HEAD.match(self._block, begin, stop)
        rest = bytes(self._block[message.end() if message else stop : stop])[: max(map(len, JSON_KEYS))]
        if rest.startswith(JSON_KEYS):
            return Verdict.GENUINE
        if complete or final or not any(key.startswith(rest) for key in (*JSON_KEYS, b"\\")):
            # A message that fills the limit is no response's body.
            return Verdict.GENUINE if not rest and stop - begin == LINE_LIMIT else Verdict.FORGED
        return Verdict.WAIT

    def border(self, start: int) -> int:
        """Return the offset near the record's limit from which on only the open context is followed."""
        return uncut(self._block, start, start + self._limit)

    def place(self, start: int, end: int) -> Place:
        """Tell in what part of its context the record that begins at `start` is at `end`."""
        known = self._known
        if known.record != start or known.at > end:
            known = self._first
        if known.record == start:
            place = self._go_on(known, end)
            if start == PASSED_OVER or place.inside == "string" or known.at - start >= self._limit:
                self._known = place
                return place
        border = self.border(start) if end - start > self._limit else end
        header = HEADER.match(self._block, start)
        where = layout(self._block, header.end() if header else start, border)
        place = Place(start, border if where.inside is Json.STRING else where.token, _inside(where.inside), where.depth)
        self._known = place if border == end else self._go_on(place, end)
        return self._known

    def _go_on(self, place: Place, end: int) -> Place:
        if not place.inside:
            return place
        in_string = place.inside == "string"
        status, token, depth = resume(self._block, place.at, end, place.depth, in_string=in_string)
        return Place(place.record, end if status is Json.STRING else token, _inside(status), depth)

    def _line(self, begin: int) -> tuple[int, bool]:
        """Return where the line from `begin` on ends, for all that is looked at, and whether that is all of it."""
        stop = min(self._length, begin + LINE_LIMIT)
        line_end = self._block.find(b"\n", begin, stop)
        return (line_end + 1, True) if line_end >= 0 else (stop, stop == begin + LINE_LIMIT)


def _inside(status: Json | None) -> Inside:
    return _INSIDE.get(status, "")
