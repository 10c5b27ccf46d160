"""Adds up the events of plain records by the native library: what `records.plain` does, many at a time. Pure.

The library counts what begins in a way that it knows, and hands back the records that it does not
know or that are laid out in an unusual way. What a new beginning means is then told to it.
"""

from __future__ import annotations

import ctypes
import secrets
import weakref
from array import array
from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from exporter.model import Match
from exporter.records.plain import WORTH_A_COPY, Plain, add

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.model import SeriesKey, Settled
    from exporter.records.block import Cut
    from exporter.records.hits import Hits
    from exporter.records.plain import Beginnings, Buffer, Part

_UINT32: Final = "I"
_FIELDS: Final = 4
_HEAD: Final = 6
_ROW: Final = _HEAD + 2 * _FIELDS
_VARIES, _UNKNOWN, _UNSEEN = range(2**32 - 1, 2**32 - 4, -1)
_MOST: Final = 1024
_NOTHING, _COUNT, _SHOW = range(3)
_ROLES: Final = ("label", "number", "absolute", "thousandth", "identifier", "shown")
_OBSERVED: Final = frozenset(_ROLES[1:4])
_NO_SERIES: Final[SeriesKey] = ("", ())
_NO_MATCH: Final = Match(None)
_INCIDENT: Final = 5
_TIME: Final = len("2025-10-06 18:22:12")
_ROOM: Final = 256


class _Run(ctypes.Structure):
    """The structure of the same name in exporter/native/events.c."""

    _fields_ = (
        ("header_ends", ctypes.c_void_p),
        ("text_ends", ctypes.c_void_p),
        ("text_numbers", ctypes.c_void_p),
        ("first", ctypes.c_uint32),
        ("last", ctypes.c_uint32),
        ("text", ctypes.c_uint32),
        ("texts", ctypes.c_uint32),
        ("begin", ctypes.c_uint32),
        ("rows", ctypes.c_uint32),
        ("counts", ctypes.c_uint32),
        ("incidents", ctypes.c_uint32),
        ("numbers", ctypes.c_uint32),
        ("row", ctypes.c_void_p),
        ("hash", ctypes.c_void_p),
        ("count", ctypes.c_void_p),
        ("incident", ctypes.c_void_p),
        ("number_of", ctypes.c_void_p),
        ("number", ctypes.c_void_p),
    )


class _Room:
    """Lists that the library fills, for what `texts` triggers may lead to."""

    def __init__(self, texts: int) -> None:
        self.texts = texts
        self.rows = array(_UINT32, bytes(4 * _ROW * texts))
        self.hashes = array("Q", bytes(8 * texts))
        self.counts = array(_UINT32, bytes(12 * texts))
        self.incidents = array(_UINT32, bytes(4 * _INCIDENT * texts))
        self.number_of = array(_UINT32, bytes(4 * _FIELDS * texts))
        self.numbers = array("d", bytes(8 * _FIELDS * texts))


class _Kind(NamedTuple):
    """What records of one kind come to: `match`, and a series for each key that is wanted whose values are observed."""

    settled: Settled
    match: Match
    series: tuple[SeriesKey, ...]


class Meanings:
    """Adds up events by the library, for one thread."""

    def __init__(self, library: ctypes.CDLL, beginnings: Beginnings) -> None:
        """Take the library, and what tells the meaning of beginnings."""
        self._library = library
        self._beginnings = beginnings
        self._room = _Room(_ROOM)
        self._run = _Run()
        self._begin()

    def _begin(self) -> None:
        """Begin with nothing known."""
        self._kinds: list[_Kind] = []
        self._numbers: dict[tuple[object, ...], int] = {}
        self._table = self._library.native_meanings_new(secrets.randbits(64), secrets.randbits(64))
        if not self._table:
            raise MemoryError("no memory for the meanings of records")
        self._free = weakref.finalize(self, self._library.native_meanings_free, self._table)

    def take(self, cut: Cut, block: bytearray, hits: Hits, part: Part, judge: Callable[[Plain], None]) -> int:
        """Add up the records of `part`; `judge` is given those that are left to the parser. Return the next trigger."""
        done = self._call(block, hits, part)
        kinds, run, room = self._kinds, self._run, self._room
        text: Buffer = block
        if run.counts + run.incidents + run.rows > WORTH_A_COPY:
            with memoryview(block) as view:
                text = bytes(view[: hits.headers[part.last]])  # slices of bytes cost half
        for kind, times, newest in _in_threes(room.counts[: 3 * run.counts].tolist()):
            cut.counted.append((kinds[kind].match, bytes(text[newest : newest + _TIME]), times))
        observed: defaultdict[int, list[float]] = defaultdict(list)
        for number, value in zip(room.number_of[: run.numbers], room.numbers[: run.numbers], strict=True):
            observed[number].append(value)
        for number, values in observed.items():
            cut.observed.setdefault(kinds[number // _FIELDS].series[number % _FIELDS], []).extend(values)
        met = _Met(text, room.incidents[: _INCIDENT * run.incidents].tolist(), kinds)
        rows, hashes = room.rows[: _ROW * run.rows].tolist(), room.hashes[: run.rows].tolist()
        for number, unknown in enumerate(hashes):
            met.add_before(cut, number)
            at = _ROW * number
            kind, begin, body, end, first, last = rows[at : at + _HEAD]
            if kind < _MOST and _add_shown(cut, text, kinds[kind], begin, rows[at + _HEAD : at + _ROW]):
                continue
            record = Plain(begin, body, end, hits.ends[first:last], hits.triggers[first:last])
            if kind not in {_UNKNOWN, _UNSEEN} or not self._told(cut, text, record, unknown, seen=kind == _UNSEEN):
                judge(record)
        met.add_before(cut, len(hashes))
        return done

    def _call(self, block: bytearray, hits: Hits, part: Part) -> int:
        run, packed = self._run, hits.packed()
        left = len(hits.ends) - part.trigger
        if left > self._room.texts:
            self._room = _Room(2 * left)
        room = self._room
        run.header_ends, run.text_ends, run.text_numbers = (one.buffer_info()[0] for one in packed)
        run.first, run.last, run.begin, run.text = part.first, part.last, part.begin, part.trigger
        run.texts = len(hits.ends)
        lists = (room.rows, room.hashes, room.counts, room.incidents)
        run.row, run.hash, run.count, run.incident = (one.buffer_info()[0] for one in lists)
        run.number_of, run.number = room.number_of.buffer_info()[0], room.numbers.buffer_info()[0]
        at = ctypes.byref(ctypes.c_char.from_buffer(block))
        done: int = self._library.native_run(self._table, at, ctypes.byref(run))
        return done

    def _told(self, cut: Cut, text: Buffer, record: Plain, unknown: int, *, seen: bool) -> bool:
        """Add up a record with a new beginning (or if that was `seen`, new labels), and tell the library of it."""
        told = self._beginnings.tell(text, record)
        if told is None or not add(cut, told.settled, told.context, told.time):
            return False
        settled = told.settled
        if settled.wanted is None:
            return True
        roles = {role for _, role in settled.wanted}
        if settled.labelled is None or "shown" in roles:
            self._tell_kind(unknown, settled)
        elif "label" in roles and not seen:
            self._tell(unknown, _VARIES, _COUNT, settled)
        else:
            match, observed = settled.labelled(told.context)
            amounts = iter(observed)
            series = tuple(next(amounts) if role in _OBSERVED else _NO_SERIES for _, role in settled.wanted)
            self._tell(unknown, self._number(_Kind(settled, match, series)), _COUNT, settled)
        return True

    def _tell_kind(self, unknown: int, settled: Settled) -> None:
        """Tell what needs no context, or of what the whole context is to be seen."""
        shown = settled.read is not None or settled.judge is not None
        kind = self._number(_Kind(settled, settled.match or _NO_MATCH, ()))
        self._tell(unknown, kind, _SHOW if shown else _NOTHING if settled.match is None else _COUNT, settled)

    def _number(self, kind: _Kind) -> int:
        key = (id(kind.settled), id(kind.match), kind.series)
        if key not in self._numbers:
            self._numbers[key] = len(self._kinds)
            self._kinds.append(kind)
        return self._numbers[key]

    def _tell(self, unknown: int, kind: int, mode: int, settled: Settled) -> None:
        """Tell the library what a hash stands for; one that finds no place begins all anew."""
        wanted = settled.wanted or ()
        keys = [one.key.encode() for one in wanted]
        roles, lengths = bytes(_ROLES.index(one.role) for one in wanted), bytes(map(len, keys))
        if not self._library.native_meanings_add(
            self._table, unknown, kind, mode, len(keys), roles, lengths, b"".join(keys)
        ):
            self._forget()

    def _forget(self) -> None:
        self._free()
        self._begin()


class _Met:
    """The incidents of a run, which are to be added before the rows that come after them."""

    def __init__(self, text: Buffer, numbers: list[int], kinds: list[_Kind]) -> None:
        self._text = text
        self._kinds = kinds
        self._of, self._times, self._starts, self._stops, self._rows = (
            numbers[at::_INCIDENT] for at in range(_INCIDENT)
        )
        self._done = 0

    def add_before(self, cut: Cut, row: int) -> None:
        """Add the incidents that come before a row."""
        text, kinds, before, done = self._text, self._kinds, len(cut.outcomes), self._done
        upto = self._done = bisect_right(self._rows, row, done)
        columns = (self._of[done:upto], self._times[done:upto], self._starts[done:upto], self._stops[done:upto])
        cut.incidents += [
            (before, kinds[kind].settled.layer, bytes(text[start:stop]), bytes(text[time : time + _TIME]))
            for kind, time, start, stop in zip(*columns, strict=True)
        ]


def _add_shown(cut: Cut, text: Buffer, kind: _Kind, begin: int, fields: list[int]) -> bool:
    """Add a record of which all that its kind wants is shown."""
    context = {
        one.key: _value(bytes(text[start:stop]))
        for one, start, stop in zip(kind.settled.wanted or (), fields[::2], fields[1::2], strict=False)
        if stop
    }
    return add(cut, kind.settled, context, bytes(text[begin + 1 : begin + 1 + _TIME]))


def _value(text: bytes) -> object:
    """Parse a value of compact JSON, in which real line feeds stand within strings only."""
    if b"\n" in text or b"\r" in text:
        text = text.replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return orjson.loads(text)


def _in_threes(numbers: list[int]) -> Iterator[tuple[int, int, int]]:
    each = iter(numbers)
    return zip(each, each, each, strict=True)
