"""From blocks of bytes to records: the cutter. Pure: bytes come in, values go out.

A record begins at an accepted header and ends before the next. What it counts does not depend
on how the bytes were cut into blocks: a block always begins where the last one's open record
began, and a record is looked at first as it was when it was complete (see `records.context`),
then once more with whatever followed it. Beyond its limit a record is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.records.adding import best_adding
from exporter.records.block import Cut, Ending
from exporter.records.parse import LIMIT
from exporter.records.walk import Walk

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

    from exporter.records.carry import Carry
    from exporter.records.hits import Scan
    from exporter.records.plain import AtOnce
    from exporter.records.walk import Judge

    Visit = Callable[[int, Cut], None]


class Cutter:
    """Cuts blocks into records and asks `judge` about those in which a trigger stood.

    `judge(record, triggers)` returns what the record means, or None where it is no event.
    `at_once` may settle that by the beginning of the record, else the record is parsed and judged
    (see `records.plain`). A block must hold up to `limit` bytes, the line limit of
    `records.enclosure` and 1 KiB beyond its first `seen` ones, else nothing of it may be new forever.
    """

    def __init__(
        self,
        scanner: Scan,
        judge: Judge,
        limit: int = LIMIT,
        *,
        at_once: AtOnce | None = None,
        library: ctypes.CDLL | None = None,
    ) -> None:
        """Take the compiled patterns, the judgements of a record, and its longest evaluated part in bytes.

        With the native `library`, events are added up by it.
        """
        self._scanner = scanner
        self._judge = judge
        self._limit = limit
        self._adding = best_adding(at_once, library)

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
        walk = Walk(block, length, carry, seen, ending, hits, self._judge, self._adding, self._limit, observe, visit)
        walk.walk()
        return walk.finish()
