"""Drives the cutter over a log as the daemon does: block by block, the state dumped and loaded between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from exporter.model import LEVELS, Match, Trigger
from exporter.native.library import load
from exporter.records.block import Ending
from exporter.records.carry import Carry
from exporter.records.cut import Cutter
from exporter.records.parse import LIMIT
from exporter.records.quick import best_scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet

    from exporter.records.block import Cut
    from exporter.records.parse import Record

HEADER: Final = b"[2025-10-06 18:22:12] production.ERROR: "
PHRASE: Final = b"Stale booking"
MARKER: Final = b"FAMILY"
DEFERRED: Final = b"Lock->block"
CHANNEL: Final = b"booking-channel"
SCANNER: Final = best_scanner(
    [Trigger(text, regex=False, definitions=()) for text in (PHRASE, MARKER, DEFERRED, CHANNEL)], load()
)
TOKENS: Final = (
    HEADER,
    b"\n" + HEADER,
    b"[2025-10-06T18:22:12.123456+02:00] my-app.queue worker.INFO: ",
    b"\n[2025-10-06 18:22:12] .DEBUG: ",
    b"[2020-06-02 10:56:05] Processed: App\\Jobs\\Sync\n",
    b"\n[2020-06-02 10:56:05] local.EXAMPLE: x",
    b"\n[2020-06-02 10:56:05] ",
    b'{"message":"Stale booking","context":{"a":1},"level":400,"level_name":"ERROR","channel":"local","extra":{}}\n',
    b'\n{"message":"',
    b'","context":{"b":["',
    b'"level_name":"INFO","channel":"',
    b'\n{"message":"Unauthenticated."}\n',
    b"Stale booking",
    b"FAMILY",
    b"Lock->block",
    b' {"',
    b' {"a":"',
    b' ["',
    b'":"',
    b'":',
    b'","',
    b",",
    b"1",
    b"-1.5e+3",
    b"true",
    b'"',
    b'\\"',
    b"\\",
    b"\\\\",
    b'"} \n',
    b'"}\n',
    b"}",
    b"]",
    b"} ",
    b"  \n",
    b" [] []\n",
    b" {} ",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0\0\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe\xc3",
    b"x",
    b"#1 /var/www/a.php(3): b()\n",
    b"x" * 100,
    b"\\" * 101,
    b'\\"' * 60,
    b"y" * 520,
)
"""What makes generated logs hard to cut."""
_STALE: Final = b'x"}} \n' + HEADER + b'left over {"a":1} \n'
"""What an earlier block left behind in the buffer: it must never be looked at."""


def judge(record: Record, triggers: AbstractSet[int]) -> Match | None:
    """Return an event by the phrase in the message or a text anywhere, no event by the family's marker alone."""
    in_raw = (2 in triggers and DEFERRED in record.raw) or (3 in triggers and CHANNEL in record.raw)
    if in_raw or (0 in triggers and PHRASE in record.message):
        return Match(f"{record.level} {record.message!r} {record.context!r} {len(record.raw)}")
    return Match(None) if 1 in triggers and MARKER in record.message else None


@dataclass(slots=True)
class Totals:
    """All that the blocks of one log added up to; `events` in order, None for an unrecognized one."""

    levels: list[int] = field(default_factory=lambda: [0] * len(LEVELS))
    unparsed: int = 0
    oversized: int = 0
    events: list[str | None] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)

    @property
    def records(self) -> dict[str, int]:
        """The records by level, without zeros."""
        return {level: count for level, count in zip(LEVELS, self.levels, strict=True) if count}


class Reader:
    """Reads one log in pieces; `held` is how many bytes were kept for the next block."""

    def __init__(self, *, limit: int = LIMIT, observe: Callable[[bytes], int] | None = None) -> None:
        self.totals = Totals()
        self.carry = Carry()
        self.held = b""
        self.last: Cut | None = None
        self._cutter = Cutter(SCANNER, judge, limit)
        self._observe = observe

    @property
    def pending(self) -> bool:
        """Whether the last block left a record that may be an event."""
        return self.last is not None and self.last.pending

    def feed(self, piece: bytes, ending: Ending = Ending.MORE) -> Totals:
        """Read on; return the totals so far."""
        text = self.held + piece
        cut = self._cutter.cut(
            bytearray(text + _STALE), len(text), self.carry, seen=len(self.held), ending=ending, observe=self._observe
        )
        totals = self.totals
        totals.levels = [a + b for a, b in zip(totals.levels, cut.levels, strict=True)]
        totals.unparsed += cut.unparsed
        totals.oversized += cut.oversized
        totals.events += [match.event for _, match, _ in cut.outcomes]
        totals.folds += [fold for _, _, fold in cut.outcomes]
        self.held = text[cut.start :]
        self.carry = Carry.load(cut.carry.dump())
        self.last = cut
        return totals


def read(data: bytes, cuts: Iterable[int] = (), *, limit: int = LIMIT) -> Totals:
    """Read a whole log, cut at the offsets `cuts`, to its final end."""
    reader = Reader(limit=limit)
    done = 0
    for end in sorted({min(cut, len(data)) for cut in cuts}):
        reader.feed(data[done:end])
        done = end
    return reader.feed(data[done:], Ending.FINAL)
