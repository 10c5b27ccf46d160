"""From blocks of bytes to records: the cutter. Pure: bytes come in, values go out.

A record begins at an accepted header and ends before the next. What it counts does not depend
on how the bytes were cut into blocks: a block always begins where the last one's open record
began, and a record is looked at first as it was when it was complete (see `records.context`),
then once more with whatever followed it. Beyond its limit a record is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from exporter.model import LEVELS
from exporter.records.carry import Carry
from exporter.records.context import uncut
from exporter.records.enclosure import PASSED_OVER, Enclosure, Verdict
from exporter.records.parse import JSON_START, LIMIT, Record, parse
from exporter.records.scan import FIRST_TRIGGER, JSON_LEVELS, JSON_OPEN, SUSPECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from exporter.model import Match
    from exporter.records.carry import Counted, Kind
    from exporter.records.scan import Hit, Scanner

    Judge = Callable[[Record, AbstractSet[int]], Match | None]
    AtOnce = Callable[[int, str, AbstractSet[int], bytes], Match | None]
    Visit = Callable[[int, "Cut"], None]

_OVERLAP: Final = 512
"""Bytes kept of an unfinished line that is passed over: longer than any header."""
_HEADER_SPAN: Final = 160
_FIRST_OTHER: Final = JSON_LEVELS.start
_MARK: Final = b"\xef\xbb\xbf"
_STRUCTURAL: Final = frozenset(b"\\:,[{")
"""What may stand before a quote that opens a string (or before an escaped one)."""


class Ending(Enum):
    """What is known to follow the block."""

    MORE = "more"
    QUIET = "quiet"
    """Nothing has followed for a while: the open record is looked at as it is."""
    FINAL = "final"
    """Nothing will follow (`--once`): the end of the block ends the record."""


@dataclass(slots=True)
class Cut:
    """What a block held. `start` is the offset at which the next block must begin, with `carry`.

    `outcomes` are the time text of each record that is an event, what it means, and the fold at its
    header; `newest` is the offset of the last header accepted (-1: none); `pending` tells that the open
    record may be an event that only silence can end.
    """

    levels: list[int] = field(default_factory=lambda: [0] * len(LEVELS))
    unparsed: int = 0
    oversized: int = 0
    outcomes: list[tuple[bytes, Match, int]] = field(default_factory=list)
    newest: int = -1
    pending: bool = False
    start: int = 0
    carry: Carry = field(default_factory=Carry)


class Cutter:
    """Cuts blocks into records and asks `judge` about those in which a trigger stood.

    `judge(record, triggers)` returns what the record means, or None where it is no event.
    `at_once(level, channel, triggers, beginning)` may settle that by the number of the level and
    the beginning of the message, else it returns None and the record is parsed and judged. A block
    must hold up to `limit` bytes, the line limit of `records.enclosure` and 1 KiB beyond its first
    `seen` ones, else nothing of it may be new forever.
    """

    def __init__(self, scanner: Scanner, judge: Judge, limit: int = LIMIT, *, at_once: AtOnce | None = None) -> None:
        """Take the compiled patterns, the judgements of a record, and its longest evaluated part in bytes."""
        self._scanner = scanner
        self._at_once = at_once
        self._judge = judge
        self._limit = limit

    def cut(
        self,
        block: bytearray,
        length: int,
        carry: Carry,
        *,
        seen: int = 0,
        ending: Ending = Ending.MORE,
        observe: Callable[[bytes], int] | None = None,
        visit: Visit | None = None,
    ) -> Cut:
        """Cut `block[:length]`, whose first `seen` bytes were part of an earlier block.

        `observe` is told the time text of each line record's header in order, and returns the
        fold (0 or 1) that holds from it on; the outcomes carry it. `visit` is told the offset of each
        record that begins, once, and what the block held before it; what it holds more at the next
        belongs to that record.
        """
        with memoryview(block) as view, view[:length] as part:
            hits = self._scanner.scan(part)
        walk = _Walk(block, length, carry, seen, ending, self._judge, self._at_once, self._limit, observe, visit)
        walk.walk(hits)
        return walk.finish()


class _Walk:
    """One walk over the hits of one block."""

    def __init__(  # noqa: PLR0913, PLR0917  (what one block needs to be cut)
        self,
        block: bytearray,
        length: int,
        carry: Carry,
        seen: int,
        ending: Ending,
        judge: Judge,
        at_once: AtOnce | None,
        limit: int,
        observe: Callable[[bytes], int] | None,
        visit: Visit | None,
    ) -> None:
        self.block = block
        self.length = length
        self.seen = seen
        self.ending = ending
        self.judge = judge
        self.at_once = at_once
        self.limit = limit
        self.observe = observe
        self.visit = visit
        self.quick = observe is None and visit is None
        self.cut = Cut()
        self.first = carry
        self.enclosure = Enclosure(block, length, carry, limit)
        self.fold = 0
        self.waiting = -1  # where a line begins that must be complete to be judged
        self.suspect = -1  # where the last line began that looks like a record and is none
        # the record that is open: where it begins (-1: none), and what is known of it
        self.start = 0 if carry.skipping else -1
        self.kind: Kind = carry.kind
        self.skipping = carry.skipping
        self.level = -1
        self.header_end = 0
        self.level_done = carry.level
        self.counted: Counted = carry.counted
        self.triggers: list[Hit] = []
        self.tails: list[Hit] = []

    def walk(self, hits: list[Hit]) -> None:
        """Go through the hits in order.

        Nearly all are headers of records in which nothing stood: those are counted here, by a look
        at the last quote before them. `plain` is the offset behind such an open record's header.
        """
        block, levels, longest = self.block, self.cut.levels, self.limit - _HEADER_SPAN
        plain = level = -1
        for end, code in hits:
            if code < _FIRST_OTHER and plain >= 0:
                quote = block.rfind(b'"', plain, end)
                if (quote < 0 or block[quote - 1] not in _STRUCTURAL) and end - plain <= longest:
                    levels[code] += 1
                    plain, level = end, code
                    continue
            if plain >= 0:
                self._resume_at(plain, level)
            plain, level = self._hit(end, code), code
        if plain >= 0:
            self._resume_at(plain, level)

    def _resume_at(self, header_end: int, level: int) -> None:
        """Take over from the quick way: a line record whose header ends here is open, and nothing stood in it."""
        begin = self.block.rfind(b"[", max(0, header_end - _HEADER_SPAN), header_end)
        if begin != self.start:
            self.start = self.cut.newest = begin
            self.counted = ""
            self.level, self.header_end = level, header_end

    def _hit(self, end: int, code: int) -> int:
        """Take one hit; return `end` if from it on the quick way may be gone, else -1."""
        if code < _FIRST_OTHER:
            accepted = self._header(end, code)
            return end if accepted and self.quick and not self.triggers else -1
        if code >= FIRST_TRIGGER:
            self.triggers.append((end, code - FIRST_TRIGGER))
        elif code == JSON_OPEN:
            self._json(end - len(JSON_START))
        elif code == SUSPECT:
            self._suspect(end)
        elif self.kind == "json" and not self.level_done:
            self.tails.append((end, code - JSON_LEVELS.start))
        return -1

    def _header(self, end: int, level: int) -> bool:
        """Take a header, of a level by its number; return whether a record begins there."""
        begin = self.block.rfind(b"[", max(0, end - _HEADER_SPAN), end)
        if begin <= len(_MARK) and self._amid_line(begin):
            return False
        if self.start >= 0 and self.kind == "line":
            if self.waiting >= 0:
                return False
            quote = self.block.rfind(b'"', self.start, begin)
            if (self.skipping or (quote > 0 and self.block[quote - 1] in _STRUCTURAL)) and self._forged(begin):
                return False
        carried = begin == 0 and self.first.kind == "line" and not self.first.skipping
        self._open(begin, "line")
        self.cut.newest = begin
        self.level, self.header_end = level, end
        if not carried:
            self.cut.levels[level] += 1
        if self.observe is not None:
            self.fold = self.observe(bytes(self.block[begin + 1 : begin + 40]).partition(b"]")[0])
        return True

    def _json(self, begin: int) -> None:
        if begin <= len(_MARK) and self._amid_line(begin):
            return
        if self.waiting >= 0:
            return
        if self.start >= 0 and self.kind == "line":
            verdict = self.enclosure.json(begin, final=self.ending is Ending.FINAL)
            if verdict is Verdict.WAIT:
                self.waiting = begin
            if verdict is not Verdict.GENUINE:
                return
        self._open(begin, "json")

    def _suspect(self, end: int) -> None:
        """Count a line that looks like a record and is none, once, by its first hit; orphans are counted as lines."""
        line = self.block.rfind(b"\n", 0, end - 1) + 1
        if line == self.suspect or self.start < 0 or (line == 0 and self.first.mid_line):
            return
        self.suspect = line
        if end > self.seen:
            self.cut.unparsed += 1

    def _amid_line(self, begin: int) -> bool:
        """Tell whether the record that seems to begin at `begin` only stands where the block was cut."""
        return self.first.mid_line and bytes(self.block[:begin]) in {b"", _MARK}

    def _forged(self, begin: int) -> bool:
        """Tell whether the header at `begin` stands inside an open JSON string of the record before it.

        Only called where that record's last quote may open a string, since no other can be open.
        """
        start = PASSED_OVER if self.skipping else self.start
        verdict = self.enclosure.header(start, begin, final=self.ending is Ending.FINAL)
        if verdict is Verdict.WAIT:
            self.waiting = begin
        return verdict is not Verdict.GENUINE

    def _open(self, begin: int, kind: Kind) -> None:
        """End the open record at `begin`, where the next one begins."""
        self._close(begin)
        carried = begin == 0 and self.first.kind != "none" and not self.first.skipping
        if self.visit is not None and not carried:
            self.visit(begin, self.cut)
        self.start = begin
        self.kind = kind
        self.skipping = False
        self.waiting = -1
        self.level_done = self.first.level if carried else kind == "line"
        self.counted = self.first.counted if carried else ""
        if self.triggers:
            self.triggers = [hit for hit in self.triggers if hit[0] > begin]
        if self.tails:
            self.tails = []

    def _close(self, end: int) -> None:
        if self.start < 0:
            self._orphans(end)
            return
        if self.kind == "json" and not self.level_done:
            self._count_json(end, complete=True)
        if self.skipping:
            return
        if end - self.start > self.limit:
            self.cut.oversized += 1
        elif self.triggers and not self.counted and self.kind == "line" and self._settled(end):
            return
        if self.triggers and self.counted != "event":
            self._evaluate(end, complete=True)

    def _settled(self, end: int) -> bool:
        """Judge the line record that ends at `end` by what surely is its message, if that is enough.

        The context begins at the first bracket behind a space, or later.
        """
        if self.at_once is None:
            return False
        block, begin = self.block, self.header_end
        stop = block.find(b"\n", begin, end)
        for bracket in (b" {", b" ["):
            found = block.find(bracket, begin, stop if stop >= 0 else end)
            stop = found if found >= 0 else stop
        time, _, channel = bytes(block[self.start + 1 : begin]).partition(b"] ")
        name = channel.rpartition(b".")[0].decode("utf-8", "replace")
        match = self.at_once(self.level, name, {code for _, code in self.triggers}, bytes(block[begin:stop]))
        if match is None:
            return False
        self.cut.outcomes.append((time, match, self.fold))
        return True

    def _orphans(self, end: int) -> None:
        """Count the lines before the first record."""
        if end > self.seen:
            self.cut.unparsed += self.block.count(b"\n", self.seen, end)

    def _count_json(self, end: int, *, complete: bool) -> None:
        """Count a JSON record by level once its line is complete; one without a level is no record."""
        line_end = self.block.find(b"\n", self.start, end)
        if line_end < 0:
            if not complete:
                return
            line_end = end
        levels = [level for behind, level in self.tails if behind <= line_end]
        if levels:
            self.cut.levels[levels[-1]] += 1
        elif self.skipping and self.first.tail >= 0:
            self.cut.levels[self.first.tail] += 1
        else:
            self.cut.unparsed += 1
        self.level_done = True

    def _evaluate(self, end: int, *, complete: bool) -> None:
        """Judge the open record, which ends at `end` for all that is known.

        First as it was when its context closed, then with all that followed, so that the result
        is the same whether the rest was there at once or came later.
        """
        raw = bytes(self.block[self.start : min(end, self.start + self.limit)])
        record = parse(raw, self.limit)
        if record is None:
            return
        if record.closed is not None and record.closed < len(raw):
            self._judge(parse(raw[: record.closed]) or record)
        if self.counted != "event" and (complete or record.closed == len(raw)):
            self._judge(record)

    def _judge(self, record: Record) -> None:
        limit = self.start + len(record.raw)
        match = self.judge(record, {trigger for end, trigger in self.triggers if end <= limit})
        if match is None or (match.event is None and self.counted):
            return
        self.counted = "event" if match.event is not None else "unrecognized"
        self.cut.outcomes.append((record.time_text, match, self.fold))

    def finish(self) -> Cut:
        """Deal with what is open at the block's end, and say where the next block must begin."""
        if self.start < 0:
            self._orphans(self.length)
            self._pass_over(Carry())
            return self.cut
        final = self.ending is Ending.FINAL
        if self.kind == "json" and not self.level_done:
            tail = self.tails or (self.skipping and self.first.tail >= 0)
            self._count_json(self.length, complete=final or (self.ending is Ending.QUIET and bool(tail)))
        # The record may end where a line waits, or a header be about to form.
        known = self.waiting if self.waiting >= 0 else self.length - (0 if final else _OVERLAP)
        if self.skipping:
            self._pass_over(self._carry(skipping=True))
        elif known - self.start > self.limit:
            self._cut_short()
        else:
            if self.triggers and self.counted != "event":
                complete = self.ending is not Ending.MORE
                end = self.waiting if self.waiting >= 0 else self.length
                if not complete:  # the last line may turn out to begin the next record
                    end = self.block.rfind(b"\n", self.start, end) + 1
                self._evaluate(end, complete=complete)
            self.cut.start = self.start
            self.cut.carry = self._carry(skipping=False)
            self.cut.pending = (bool(self.triggers) and self.counted != "event") or not self.level_done
        return self.cut

    def _carry(self, *, skipping: bool) -> Carry:
        tail = -1
        if skipping and not self.level_done:
            tail = self.tails[-1][1] if self.tails else self.first.tail if self.skipping else -1
        return Carry(self.kind, self.level_done, self.counted, skipping, tail=tail)

    def _cut_short(self) -> None:
        """Judge a record that exceeds the limit by what lies within, and pass over the rest."""
        if self.triggers and self.counted != "event":
            self._evaluate(self.length, complete=True)
        self.cut.oversized += 1
        self._pass_over(self._carry(skipping=True))

    def _pass_over(self, carry: Carry) -> None:
        """Leave all but the end of an unfinished line behind, where a header may be about to form."""
        line = self.block.rfind(b"\n", 0, self.length) + 1
        keep = max(line, self.length - _OVERLAP)
        if carry.skipping and not self.skipping:
            keep = max(keep, self.enclosure.border(self.start))
        if self.waiting >= 0:
            keep = self.waiting
        if carry.skipping and carry.kind == "line":
            keep = uncut(self.block, 0, keep)
            place = self.enclosure.place(PASSED_OVER if self.skipping else self.start, keep)
            if place.inside == "json":
                keep = place.at
            carry = replace(carry, inside=place.inside, depth=place.depth if place.inside else 0)
        mid_line = keep not in {line, self.waiting} or (keep == 0 and self.first.mid_line)
        self.cut.start = keep
        self.cut.carry = replace(carry, mid_line=mid_line)
