"""From a followed file to the ledger: read a block, cut it, classify, count.

One buffer serves all files. A block always begins where the file's open record begins, so what
is read again after a restart is at most one record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from exporter.catalogue import APP, OWN
from exporter.events.classify import classify
from exporter.events.settle import Settler
from exporter.model import LEVELS
from exporter.native.library import load
from exporter.records.block import Ending
from exporter.records.cut import Cutter
from exporter.records.parse import HEADER, LIMIT
from exporter.records.quick import best_scanner
from exporter.records.time import FoldWatch, Times, repeated_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from exporter.config.schema import LogSettings
    from exporter.events.definitions import EventSet
    from exporter.ledger.ledger import Ledger
    from exporter.model import Match
    from exporter.records.block import Cut
    from exporter.records.parse import Record
    from exporter.records.walk import Judge
    from exporter.tail.follow import Tail

BLOCK: Final = 1 << 19
"""Bytes read at a time."""
CAPACITY: Final = BLOCK + LIMIT
"""Bytes read where one open record fills a block: enough to cut it at its limit."""
_NEAR: Final = 4096
_MINUTE: Final = itemgetter(slice(len("2025-10-06 18:22")))
_TENS: Final = len("2025-10-06 18:22:")
_SECOND: Final = len("2025-10-06 18:22:12")


@dataclass(slots=True)
class _Log:
    """What reading needs to know of one log."""

    name: str
    cutter: Cutter
    zone: ZoneInfo
    times: Times
    clock_offset: float | None = None
    last_record: float | None = None


class Pipeline:
    """Reads files into the ledger; for one thread."""

    def __init__(self, logs: Iterable[LogSettings], events: EventSet, ledger: Ledger) -> None:
        """Compile the events' triggers and prepare each log."""
        scanner = best_scanner(events.triggers, load())
        self._ledger = ledger
        self._buffer = bytearray(CAPACITY)
        self._view = memoryview(self._buffer)
        self._logs: dict[str, _Log] = {}
        cutters: dict[AbstractSet[str], Cutter] = {}  # what one remembers takes a megabyte
        for log in logs:
            zone = ZoneInfo(log.timezone)
            ignored = log.ignore_channels
            if ignored not in cutters:
                settle = Settler(events, ignored).settle
                cutters[ignored] = Cutter(scanner, judge_by(events, ignored), at_once=settle, library=load())
            self._logs[log.name] = _Log(log.name, cutters[ignored], zone, Times(zone))

    def take_over(self, before: Pipeline) -> None:
        """Take over what another pipeline learnt of the same logs."""
        for name, log in self._logs.items():
            known = before._logs.get(name)
            if known is not None and known.zone == log.zone:
                log.clock_offset, log.last_record = known.clock_offset, known.last_record

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

    def last_record(self, log: str) -> float | None:
        """Return the time of the record read last (Unix seconds); None before the first."""
        return self._logs[log].last_record

    def _apply(self, tail: Tail, log: _Log, cut: Cut, now: float, *, live: bool) -> None:
        for level, count in zip(LEVELS, cut.levels, strict=True):
            if count:
                self._ledger.add(APP + "log_records_total", (level,), count)
        if cut.unparsed:
            self._ledger.add(OWN + "unparsed_lines_total", (tail.log,), cut.unparsed)
        if cut.oversized:
            self._ledger.add(OWN + "oversized_records_total", (tail.log,), cut.oversized)
        self._apply_events(log, cut, now, now if live else None)
        if cut.newest >= 0:
            self._note_newest(log, cut.newest, now, live=live)

    def _apply_events(self, log: _Log, cut: Cut, now: float, near: float | None) -> None:
        done = 0
        for before, met in groupby(cut.incidents, itemgetter(0)):
            self._settle(log, cut.outcomes[done:before], now, near)
            done = before
            self._ledger.meet_all(_with_times(met, log.times, now, near), now)
        self._settle(log, cut.outcomes[done:], now, near)
        for match, text, times in cut.counted:
            time = log.times.resolve(text, near=near)
            self._ledger.apply(log.name, now if time is None else time, match, now, times)
        for match, texts in cut.tallies.values():
            for text, times in _by_minute(texts):
                time = log.times.resolve(text, near=near)
                self._ledger.apply(log.name, now if time is None else time, match, now, times)
        for series, values in cut.observed.items():
            self._ledger.observe_all(series, values)

    def _note_newest(self, log: _Log, newest: int, now: float, *, live: bool) -> None:
        header = HEADER.match(self._buffer, newest)
        time = log.times.resolve(header.group(1), near=now) if header else None
        if time is not None:
            log.last_record = time
        if live:
            log.clock_offset = None if time is None else time - now

    def _settle(self, log: _Log, outcomes: list[tuple[bytes, Match, int]], now: float, near: float | None) -> None:
        for text, match, fold in outcomes:
            time = log.times.resolve(text, fold=fold, near=near)
            self._ledger.apply(log.name, now if time is None else time, match, now)

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


def _with_times(
    met: Iterable[tuple[int, str, bytes, bytes]], times: Times, now: float, near: float | None
) -> Iterator[tuple[str, bytes, float]]:
    """Yield layer, identifier and Unix time of incidents."""
    last, time = b"", now
    for _, layer, identifier, text in met:
        if text != last:  # most share the second of the one before
            resolved = times.resolve(text, near=near)
            last, time = text, now if resolved is None else resolved
        yield layer, identifier, time


def _by_minute(texts: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield, for each minute that the time texts tell, the newest of them and their number."""
    for _, equal in groupby(sorted(texts), _MINUTE):
        same = list(equal)
        if max(map(len, same)) == _SECOND and not _rest(same[-1])[0]:  # nearly always
            yield same[-1], len(same)
            continue
        for _, alike in groupby(sorted(same, key=_rest), _rest):
            these = list(alike)
            yield max(these, key=lambda text: text.rstrip(b"Z")), len(these)


def _rest(text: bytes) -> tuple[bool, bytes]:
    """Return what else decides which minute a time text tells: whether its seconds are none, and its offset."""
    return text[_TENS : _TENS + 1] > b"5", text[_SECOND:].lstrip(b".0123456789")


def judge_by(events: EventSet, ignored: AbstractSet[str]) -> Judge:
    """Return the judgement of records by `events`; those of ignored channels are no events."""

    def judge(record: Record, triggers: AbstractSet[int]) -> Match | None:
        return None if record.channel in ignored else classify(events, record, triggers)

    return judge
