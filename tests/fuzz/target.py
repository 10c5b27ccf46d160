"""What must hold for any bytes on the way from blocks to records: shared by the fuzzer and the replay of its corpus.

An input is one byte, whose lowest two bits choose the limit of a record and whose others give the
number of cuts, then two bytes for each cut (its offset, big endian), then the log. So every input
means something, and a mutation moves one thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from exporter.events.classify import classify
from exporter.events.definitions import builtin_source, load_events
from exporter.records.block import Ending
from exporter.records.carry import Carry
from exporter.records.enclosure import LINE_LIMIT
from exporter.records.parse import LIMIT, parse
from tests.support.cutting import Reader, read

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMITS: Final = (LIMIT, 150, 300, 700)
MOST_CUTS: Final = 16
_SPARE: Final = 1024
_EVENTS: Final = load_events([builtin_source()])


def pack(log: bytes, cuts: Sequence[int] = (), limit: int = 0) -> bytes:
    """Return the input that means `log`, cut at the offsets `cuts`, read with the limit of that index."""
    kept = cuts[:MOST_CUTS]
    return bytes([limit | len(kept) << 2]) + b"".join(cut.to_bytes(2, "big") for cut in kept) + log


def unpack(data: bytes) -> tuple[bytes, list[int], int]:
    """Return the log, the offsets of its cuts in rising order, and the limit in bytes."""
    first = data[0] if data else 0
    number = min(first >> 2, MOST_CUTS)
    log = data[1 + 2 * number :]
    places = [int.from_bytes(data[at : at + 2], "big") for at in range(1, 1 + 2 * number, 2)]
    return log, sorted({place % (len(log) + 1) for place in places}), LIMITS[first & 3]


def check(data: bytes) -> None:
    """Read the input's log in every way; AssertionError where the ways disagree, and whatever the reader raises."""
    log, cuts, limit = unpack(data)
    whole = read(log, limit=limit)
    assert read(log, cuts, limit=limit) == whole, "the blocks change the result"
    assert sum(whole.levels) <= log.count(b": ") + log.count(b'"level_name":"'), "more records than headers"
    _in_pieces(log, cuts, limit)
    _alone(log, limit)


def _in_pieces(log: bytes, cuts: Sequence[int], limit: int) -> None:
    """Read with silence at every other cut: what is carried stays bounded, and a result is never taken back."""
    reader, done, events = Reader(limit=limit), 0, 0
    for number, end in enumerate([*cuts, len(log)]):
        totals = reader.feed(log[done:end], Ending.QUIET if number % 2 else Ending.MORE)
        done = end
        assert len(reader.held) <= limit + LINE_LIMIT + _SPARE, "what is kept is not bounded"
        assert len(reader.carry.dump()) < _SPARE, "the carry is not bounded"
        assert Carry.load(reader.carry.dump()) == reader.carry, "the carry is not what was dumped"
        assert len(totals.events) >= events, "an event was taken back"
        events = len(totals.events)
    reader.feed(b"", Ending.FINAL)


def _alone(log: bytes, limit: int) -> None:
    """Parse the log as one record, and classify it by the shipped events: neither raises."""
    record = parse(log, limit)
    if record is not None:
        assert record.closed is None or 0 < record.closed <= len(record.raw), "closed outside the record"
        assert record.context is None or isinstance(record.context, dict), "a context that is no mapping"
        classify(_EVENTS, record, None)
