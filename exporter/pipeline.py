"""From a followed file to the ledger: read a block, cut it, classify, count.

One buffer serves all files. A block always begins where the file's open record begins, so what
is read again after a restart is at most one record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from exporter.catalogue import APP, OWN
from exporter.events.classify import at_once, classify
from exporter.model import LEVELS
from exporter.records.cut import Cutter, Ending
from exporter.records.parse import HEADER, LIMIT
from exporter.records.scan import Scanner
from exporter.records.time import FoldWatch, Times, repeated_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from exporter.config.schema import LogSettings
    from exporter.events.definitions import EventSet
    from exporter.ledger.ledger import Ledger
    from exporter.model import Match
    from exporter.records.cut import AtOnce, Cut, Judge
    from exporter.records.parse import Record
    from exporter.tail.follow import Tail

BLOCK: Final = 1 << 18
"""Bytes read at a time."""
CAPACITY: Final = BLOCK + LIMIT
"""Bytes read where one open record fills a block: enough to cut it at its limit."""
_NEAR: Final = 4096
_MINUTE: Final = len("2025-10-06 18:22")


@dataclass(slots=True)
class _Log:
    """What reading needs to know of one log."""

    cutter: Cutter
    zone: ZoneInfo
    times: Times
    clock_offset: float | None = None


class Pipeline:
    """Reads files into the ledger; for one thread."""

    def __init__(self, logs: Iterable[LogSettings], events: EventSet, ledger: Ledger) -> None:
        """Compile the events' triggers and prepare each log."""
        scanner = Scanner(events.triggers)
        self._ledger = ledger
        self._buffer = bytearray(CAPACITY)
        self._view = memoryview(self._buffer)
        self._logs: dict[str, _Log] = {}
        for log in logs:
            zone = ZoneInfo(log.timezone)
            ignored = log.ignore_channels
            cutter = Cutter(scanner, judge_by(events, ignored), at_once=_at_once(events, ignored))
            self._logs[log.name] = _Log(cutter, zone, Times(zone))

    def fill(self, tail: Tail) -> int:
        """Read the next block of an open file into the buffer; return its length. Raises ReadError."""
        if tail.file is None:
            return 0
        full = tail.position - tail.start >= BLOCK
        length = tail.file.read_into(self._view[: CAPACITY if full else BLOCK], tail.start)
        tail.probe(self._buffer, length)
        return length

    def count(self, tail: Tail, length: int, now: float, *, ending: Ending, live: bool) -> int:
        """Count what the buffer's `length` bytes of `tail` hold; return how many of them are new.

        `live` tells that they were written just now, so that an ambiguous local time is the one
        nearer to `now`; otherwise file order decides.
        """
        seen = tail.position - tail.start
        if length < seen or (length == seen and ending is Ending.MORE):
            return 0
        log = self._logs[tail.log]
        watch = None if live else self._fold_watch(tail, log, length)
        cut = log.cutter.cut(
            self._buffer, length, tail.carry, seen=seen, ending=ending, observe=watch.observe if watch else None
        )
        self._apply(tail, log, cut, now, live=live)
        carry = cut.carry
        if watch is not None and (watch.fold or watch.latest):
            carry = replace(carry, fold=watch.fold, latest=watch.latest)
        new = length - seen
        if new:
            self._ledger.add(OWN + "read_bytes_total", (tail.log,), new)
            tail.uncommitted += new
        tail.advance(length, cut.start, carry)
        tail.judged = not cut.pending or ending is not Ending.MORE
        return new

    def clock_offset(self, log: str) -> float | None:
        """Return the newest live record's time minus its arrival in seconds; None before the first."""
        return self._logs[log].clock_offset

    def _apply(self, tail: Tail, log: _Log, cut: Cut, now: float, *, live: bool) -> None:
        for level, count in zip(LEVELS, cut.levels, strict=True):
            if count:
                self._ledger.add(APP + "log_records_total", (level,), count)
        if cut.unparsed:
            self._ledger.add(OWN + "unparsed_lines_total", (tail.log,), cut.unparsed)
        if cut.oversized:
            self._ledger.add(OWN + "oversized_records_total", (tail.log,), cut.oversized)
        for (text, fold), match, times in _added_up(cut.outcomes):
            time = log.times.resolve(text, fold=fold, near=now if live else None)
            self._ledger.apply(tail.log, now if time is None else time, match, now, times)
        if live and cut.newest >= 0:
            header = HEADER.match(self._buffer, cut.newest)
            time = log.times.resolve(header.group(1), near=now) if header else None
            log.clock_offset = None if time is None else time - now

    def _fold_watch(self, tail: Tail, log: _Log, length: int) -> FoldWatch | None:
        """Return a watch over the local times if the block may touch a night that has an hour twice."""
        first = HEADER.search(self._buffer, 0, length)
        last = self._last_header(length)
        if last is None:
            return None
        oldest, newest = sorted((first.group(1)[:10] if first else last[:10], last[:10]))  # times may step back
        years = range(int(oldest[:4]), int(newest[:4]) + 1)
        if len(years) > 1 or any(oldest <= day <= newest for year in years for day in repeated_days(log.zone, year)):
            return FoldWatch(log.times, tail.carry.latest, tail.carry.fold)
        return None

    def _last_header(self, length: int) -> bytes | None:
        at = length
        while at > 0:
            at = self._buffer.rfind(b"\n[", 0, at)
            header = HEADER.match(self._buffer, at + 1)
            if header is not None:
                return header.group(1)
            if length - at > _NEAR:
                break
        return None


def _added_up(outcomes: list[tuple[bytes, Match, int]]) -> Iterator[tuple[tuple[bytes, int], Match, int]]:
    """Yield the outcomes in order, but those that only increment counters once for all of their minute."""
    same: dict[tuple[int, bytes, int], list[tuple[bytes, Match]]] = {}
    for text, match, fold in outcomes:
        if match.plain:
            same.setdefault((id(match), text[:_MINUTE], fold), []).append((text, match))
        else:
            yield (text, fold), match, 1
    for (_, _, fold), equal in same.items():
        text, match = max(equal, key=itemgetter(0))
        yield (text, fold), match, len(equal)


def judge_by(events: EventSet, ignored: AbstractSet[str]) -> Judge:
    """Return the judgement of records by `events`; those of ignored channels are no events."""

    def judge(record: Record, triggers: AbstractSet[int]) -> Match | None:
        return None if record.channel in ignored else classify(events, record, triggers)

    return judge


def _at_once(events: EventSet, ignored: AbstractSet[str]) -> AtOnce:
    def settle(level: int, channel: str, triggers: AbstractSet[int], beginning: bytes) -> Match | None:
        return None if channel in ignored else at_once(events, LEVELS[level], triggers, beginning)

    return settle
