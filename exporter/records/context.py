r"""Where a record's JSON context begins and ends, and whether a JSON string is open. Pure.

Monolog's LineFormatter (https://github.com/Seldaek/monolog, `LineFormatter::format`) writes
`message context extra`; context and extra are compact JSON, and Laravel's configuration
(`allowInlineLineBreaks`) turns `\n` and `\r` inside strings into real line feeds. So a line
feed is legal JSON only inside a string here, which is what makes a boundary decidable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    Buffer = bytes | bytearray


class Json(Enum):
    """How a scan of JSON text ended."""

    CLOSED = "closed"
    """The value is complete."""
    STRING = "string"
    """The text ended inside a string."""
    OPEN = "open"
    """The text ended outside a string before the value was complete (never at a line's end)."""
    BROKEN = "broken"
    """The text is no JSON value."""


_TOKEN: Final = re.compile(rb'([{\[])|([}\]])|[,:]|"|(?:-?\d[\d.eE+-]{0,40}|true|false|null)(?=[,}\]])')
_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")
_BEHIND_STRING: Final = frozenset(b",:}]")
_CUT_TOKEN: Final = re.compile(rb"[\da-zE.+-]{1,42}\Z")
_CANDIDATE: Final = re.compile(rb" (?=[{\[])")
_LINE_END: Final = re.compile(rb"[ \r]*(?:\n|\Z)")
_TWO_SPACES: Final = re.compile(rb"  \r?\n")
_CONTROLS: Final = {code: f"\\u{code:04x}" for code in range(32)}
_CANDIDATES: Final = 32
"""How many places of one record are tried as the beginning of its context."""


def json_end(text: Buffer, start: int, end: int, depth: int = 0) -> tuple[Json, int, int]:
    """Scan the compact JSON value that begins at `start` (or, with `depth`, goes on there).

    Return how the scan ended, the offset behind the value (CLOSED), of the open string's first
    byte (STRING), of the last token begun (OPEN), or where it broke (BROKEN), and the depth there.
    """
    pos = start
    while pos < end:
        token = _TOKEN.match(text, pos, end)
        if token is None:
            return (Json.OPEN if _CUT_TOKEN.match(text, pos, end) else Json.BROKEN), pos, depth
        if text[pos] == _QUOTE:
            closing = _string_end(text, pos + 1, end)
            if closing < 0:
                return Json.STRING, pos, depth
            if closing + 1 < end and text[closing + 1] not in _BEHIND_STRING:
                return Json.BROKEN, pos, depth
            pos = closing + 1
            continue
        pos = token.end()
        if token.group(1):
            depth += 1
        elif token.group(2):
            depth -= 1
        if depth <= 0:
            return Json.CLOSED, pos, depth
    return Json.OPEN, pos, depth


def _string_end(text: Buffer, start: int, end: int) -> int:
    """Return the offset of the quote that closes the string whose text begins at `start`, or -1 where none does."""
    quote = text.find(b'"', start, end)
    while quote >= 0:
        before = quote
        while before > start and text[before - 1] == _BACKSLASH:
            before -= 1
        if (quote - before) % 2 == 0:
            break
        quote = text.find(b'"', quote + 1, end)
    return quote


def resume(text: Buffer, start: int, end: int, depth: int, *, in_string: bool) -> tuple[Json, int, int]:
    """Scan on within a context at whose byte `start` the depth is `depth`, inside a string or between tokens.

    Returns what `json_end` does, but CLOSED only where the context's line ends at `end`: a
    context that closes anywhere before is BROKEN.
    """
    if in_string:
        closing = _string_end(text, start, end)
        if closing < 0:
            return Json.STRING, start, depth
        if closing + 1 < end and text[closing + 1] not in _BEHIND_STRING:
            return Json.BROKEN, start, depth
        start = closing + 1
    status, pos, depth = json_end(text, start, end, depth)
    if status is Json.CLOSED and _behind_extra(text, pos, end) != end:
        status = Json.BROKEN
    return status, pos, depth


def uncut(text: Buffer, least: int, at: int) -> int:
    """Return the last offset up to `at` at which JSON text can be parted: behind no quote, and within no escape.

    A quote's meaning depends on what follows it. At `least` the text can be parted.
    """
    if at > least and text[at - 1] == ord('"'):
        at -= 1
    before = bytes(text[least:at])
    return at - (len(before) - len(before.rstrip(b"\\"))) % 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a record's body lie (offsets into the text that was given).

    `message_end` is where the message ends; `context` the slice of the JSON context, if one was
    found; `closed` the offset behind the line feed at which the record is complete, or None
    while that is open; `inside` tells that the text ends inside a string of the context (STRING)
    or between its tokens (OPEN), `token` at which offset that string or token begins, and `depth`
    how many values are open there.
    """

    message_end: int
    context: tuple[int, int] | None
    closed: int | None
    inside: Json | None = None
    token: int = 0
    depth: int = 0


def layout(text: Buffer, start: int, end: int) -> Layout:
    """Find message and context in the body `text[start:end]` of a line record (behind its header)."""
    first_brace: int | None = None
    ending = _TWO_SPACES.search(text, start, end)
    for tried, candidate in enumerate(_CANDIDATE.finditer(text, start, end)):
        at = candidate.end()
        if (ending is not None and ending.start() < at) or tried == _CANDIDATES:
            break
        if first_brace is None and text[at : at + 1] == b"{":
            first_brace = candidate.start()
        status, stop, depth = json_end(text, at, end)
        if status in {Json.STRING, Json.OPEN}:
            message_end = candidate.start() if first_brace is None else first_brace
            return Layout(message_end, None, None, status, stop, depth)
        if status is Json.CLOSED:
            line_end = _behind_extra(text, stop, end)
            if line_end is not None and load(bytes(text[at:stop])) is not None:  # the scan is laxer than JSON
                closed = line_end if text[line_end - 1 : line_end] == b"\n" else None
                return Layout(candidate.start(), (at, stop), closed)
    message_end = first_brace if first_brace is not None else (ending.start() if ending else _trimmed(text, start, end))
    return Layout(message_end, None, ending.end() if ending else None)


def _behind_extra(text: Buffer, stop: int, end: int) -> int | None:
    """Return the offset behind the line that the context (and an extra) ends, or None where neither does."""
    if text[stop : stop + 2] in (b" {", b" ["):
        status, behind, _ = json_end(text, stop + 1, end)
        if status is Json.CLOSED:
            stop = behind
    line_end = _LINE_END.match(text, stop, end)
    return line_end.end() if line_end else None


def _trimmed(text: Buffer, start: int, end: int) -> int:
    """Return `end` without the white space that ends a record."""
    while end > start and text[end - 1] in b" \r\n":
        end -= 1
    return end


def load(context: bytes) -> Mapping[str, Any] | None:
    """Parse a context, with real line feeds inside strings restored and bad UTF-8 replaced.

    A list becomes a mapping by its indexes, as PHP has it. None where it is no JSON.
    """
    value = _loads(context)
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else None


def _loads(text: bytes) -> object:
    if b"\n" in text or b"\r" in text:
        text = text.replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    cleaned = text.decode("utf-8", "replace").translate(_CONTROLS)
    try:
        return orjson.loads(cleaned)
    except orjson.JSONDecodeError:
        return None
