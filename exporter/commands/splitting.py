"""A log file in pieces for `explain`: each record whole, and the lines that belong to none; pure.

It decides as `exporter.records.cut` does where records begin, but hands out every record,
where the daemon looks only at those in which something was found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.records.context import Json, layout
from exporter.records.parse import HEADER, JSON_START, LIMIT, TIME, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.records.parse import Record

_JUNK = b"\0\xef\xbb\xbf"
_SUSPECT = re.compile(rb"\[(?:%b)\]" % TIME)


@dataclass(slots=True)
class Piece:
    """What begins in line `line` (from 1) and spans `lines`: a record, or a line that is in none.

    `suspects` are the further lines that begin like a record and are none. `raw` ends at the
    record limit, as for the daemon; `cut` tells that there was more.
    """

    line: int
    raw: bytes
    lines: int = 1
    suspects: int = 0
    cut: bool = False

    @property
    def record(self) -> Record | None:
        """The parsed record, None where this is none."""
        return parse(self.raw)


def split(parts: Iterable[bytes]) -> Iterator[Piece]:
    """Yield the pieces of a log whose lines are `parts`, in order, each with its line feed.

    A line that is too long to be held may come in several parts, of which only the last ends
    in a line feed.
    """
    record: Piece | None = None
    number, begins_line = 0, True
    for part in parts:
        if begins_line:
            number += 1
        if begins_line and _begins_record(part) and not (record and _forged(record.raw, part)):
            if record is not None:
                yield record
            record = Piece(number, part)
        elif record is not None:
            _append(record, part, begins_line=begins_line)
        elif begins_line:
            yield Piece(number, part)
        begins_line = part.endswith(b"\n")
    if record is not None:
        yield record


def _append(record: Piece, part: bytes, *, begins_line: bool) -> None:
    room = LIMIT - len(record.raw)
    record.cut = record.cut or len(part) > room
    record.raw += part[: max(room, 0)]
    if begins_line:
        record.lines += 1
        record.suspects += _SUSPECT.match(part) is not None and HEADER.match(part) is None


def _begins_record(line: bytes) -> bool:
    text = line.lstrip(_JUNK)
    return text.startswith(JSON_START) or HEADER.match(text) is not None


def _forged(before: bytes, line: bytes) -> bool:
    """Tell whether a header stands inside a JSON string that the record before it has left open.

    It does where the JSON is still sound at the end of the header's line: the quotes of a
    genuine record would break it.
    """
    text = before.lstrip(_JUNK)
    header = HEADER.match(text)
    if header is None:
        return False
    open_before = layout(text, header.end(), len(text))
    if open_before.inside is not Json.STRING:
        return False
    text += line
    after = layout(text, header.end(), len(text))
    # The same context, that is: not one in the line itself, after the open one has turned out to be none.
    sound = after.inside is not None or after.closed == len(text)
    return sound and after.message_end == open_before.message_end
