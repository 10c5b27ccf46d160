"""One walk over the hits of one block: where records begin and end, and which of them are events. Pure.

Nearly all records of a log are plain: line records that no open JSON string of the one before
them may hold. They are taken in runs (see `Walk._run`); everything else is taken hit by hit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from exporter.records.block import Cut, Ending
from exporter.records.carry import Carry
from exporter.records.context import uncut
from exporter.records.enclosure import PASSED_OVER, Enclosure, Verdict
from exporter.records.hits import ENCLOSED, JSON_LEVELS, JSON_OPEN, SUSPECT
from exporter.records.parse import JSON_START, Record, parse
from exporter.records.plain import HEADER_SPAN, Part, bracket

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from exporter.model import Match
    from exporter.records.adding import Adding
    from exporter.records.carry import Counted, Kind
    from exporter.records.hits import Hit, Hits
    from exporter.records.plain import Plain

    Judge = Callable[[Record, AbstractSet[int]], Match | None]

_OVERLAP: Final = 512
"""Bytes kept of an unfinished line that is passed over: longer than any header."""
_MARK: Final = b"\xef\xbb\xbf"
_STRUCTURAL: Final = frozenset(b"\\:,[{")
"""What may stand before a quote that opens a string (or before an escaped one)."""


class Walk:
    """One walk over the hits of one block."""

    def __init__(  # noqa: PLR0913, PLR0917  (what one block needs to be cut)
        self,
        block: bytearray,
        length: int,
        carry: Carry,
        seen: int,
        ending: Ending,
        hits: Hits,
        judge: Judge,
        adding: Adding,
        limit: int,
        observe: Callable[[bytes], int] | None,
        visit: Callable[[int, Cut], None] | None,
    ) -> None:
        """Take the block, its hits, and what `Cutter` was given."""
        self.block = block
        self.length = length
        self.seen = seen
        self.ending = ending
        self.hits = hits
        self.judge = judge
        self.adding = adding
        self.limit = limit
        self.observe = observe
        self.visit = visit
        self.cut = Cut()
        self.first = carry
        self.enclosure = Enclosure(block, length, carry, limit)
        self.fold = 0
        self.waiting = -1  # where a line begins that must be complete to be judged
        self.suspect = -1  # where the last line began that looks like a record and is none
        self.done = 0  # how many of the triggers are dealt with
        self.enclosed = False  # whether an open string may hold the next header
        self.plain = False  # whether the open record is plain, so that a run may begin with it
        self.runs = observe is None and visit is None and length <= limit - HEADER_SPAN
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

    def walk(self) -> None:
        """Go through the hits in order."""
        headers = self.hits.headers
        at = 0
        for end, code in self.hits.others:
            upto = bisect_left(headers, end, at)
            if upto > at:
                self._headers(at, upto)
                at = upto
            self._other(end, code)
        self._headers(at, len(headers))
        self._take_triggers(self.length)

    def _headers(self, at: int, stop: int) -> None:
        """Take the headers by their numbers: those of plain records in a run, others one by one."""
        while at < stop:
            if self.plain and not self.enclosed:
                self._run(at - 1, stop - 1)
                return
            end = self.hits.headers[at]
            self._take_triggers(end)
            self.enclosed = False
            accepted = self._header(end, self.hits.levels[at])
            self.plain = accepted and self.runs and not (self.triggers or self.counted)
            at += 1

    def _take_triggers(self, end: int) -> None:
        """Let the open record have the triggers that end before `end`, or there."""
        ends, at = self.hits.ends, self.done
        if at < len(ends) and ends[at] <= end:
            self.done = bisect_right(ends, end, at)
            self.triggers += zip(ends[at : self.done], self.hits.triggers[at : self.done], strict=True)
            self.plain = False

    def _other(self, end: int, code: int) -> None:
        """Take a hit that is neither header nor trigger."""
        if code == ENCLOSED:
            self.enclosed = True
            return
        self._take_triggers(end)
        if code == SUSPECT:
            self._suspect(end)
        elif code == JSON_OPEN:
            self.plain = False
            self._json(end - len(JSON_START))
        elif self.kind == "json" and not self.level_done:
            self.tails.append((end, code - JSON_LEVELS.start))

    def _run(self, first: int, last: int) -> None:
        """Take the plain records from the open one, whose header is number `first`, up to the one that `last` opens."""
        headers, levels, counts = self.hits.headers, self.hits.levels, self.cut.levels
        for level in range(len(counts)):
            counts[level] += levels.count(level, first + 1, last + 1)
        ends, at = self.hits.ends, self.done
        if at < len(ends) and ends[at] < headers[last]:
            self._run_triggers(first, last)
        self.start = self.cut.newest = bracket(self.block, headers[last])
        self.level, self.header_end, self.counted = levels[last], headers[last], ""

    def _run_triggers(self, first: int, last: int) -> None:
        """Judge the records in a run that hold triggers."""
        self.done = self.adding.take(
            self.cut, self.block, self.hits, Part(first, last, self.start, self.done), self._evaluate_plain
        )

    def _evaluate_plain(self, record: Plain) -> None:
        self.start, self.counted = record.begin, ""
        self.triggers = list(zip(record.ends, record.triggers, strict=True))
        self._evaluate(record.end, complete=True)
        self.triggers = []

    def _header(self, end: int, level: int) -> bool:
        """Take a header, of a level by its number; return whether a record begins there."""
        begin = bracket(self.block, end)
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
        if self.triggers and self.counted != "event":
            self._evaluate(end, complete=True)

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
