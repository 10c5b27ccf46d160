r"""From the bytes of one record to its parts. Pure.

Formats: Monolog's LineFormatter with Laravel's date format (`[Y-m-d H:i:s] channel.LEVEL: `) or
Monolog's own (`[Y-m-d\TH:i:s.uP] …`), and one line of Monolog's JsonFormatter
(https://github.com/Seldaek/monolog/tree/main/src/Monolog/Formatter).
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from exporter.model import LEVELS
from exporter.records.context import layout, load

if TYPE_CHECKING:
    from collections.abc import Mapping

TIME: Final = rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[+-]\d\d:?\d\d|Z)?"
CHANNEL: Final = rb'[^\x00-\x1f:\[\]{}"]{0,64}'
LEVEL: Final = b"|".join(level.upper().encode() for level in LEVELS)
HEADER: Final = re.compile(rb"\[(%b)\] (%b)\.(%b): " % (TIME, CHANNEL, LEVEL))
"""A line record's header: time, channel, level. `match` it at the bracket."""

LIMIT: Final = 1 << 20
"""A record's longest evaluated part in bytes (guarantee G5)."""
JSON_START: Final = b'{"message":"'
JSON_HEAD: Final = re.compile(rb'\{"message":"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+')
"""A JSON record up to the quote that ends its message, if that stands on the line."""
JSON_KEYS: Final = (b'","context":', b'","level":')
"""What follows there: JsonFormatter's next key, which may leave out an empty context."""
_JUNK: Final = b"\x00\xef\xbb\xbf"
_SPACE: Final = b" \r\n"
_JSON_MESSAGE: Final = re.compile(rb'"message":("[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)
_LEVEL_NAMES: Final = frozenset(LEVELS)


class Record:
    """One record. `raw` is all of it, traces included; the context is parsed on first use.

    `context` is None where the record has one that cannot be parsed, and empty where it has none.
    `closed` is the length of `raw` up to the line feed at which the record is complete, or None
    where only the next record or silence shows that.
    """

    def __init__(  # noqa: PLR0913  (the parts of a record are what they are)
        self,
        kind: Literal["line", "json"],
        *,
        time_text: bytes,
        channel: str,
        level: str,
        message: bytes,
        raw: bytes,
        closed: int | None,
        context: Mapping[str, Any] | bytes | None,
    ) -> None:
        """Take the parts; `context` as parsed, as bytes to parse later, or None where it is broken."""
        self.format: Literal["line", "json"] = kind
        self.time_text = time_text
        self.channel = channel
        self.level = level
        self.message = message
        self.raw = raw
        self.closed = closed
        self._context = context

    @cached_property
    def context(self) -> Mapping[str, Any] | None:
        """The context's values by key; None if it could not be parsed."""
        return load(self._context) if isinstance(self._context, bytes) else self._context


def parse(raw: bytes, limit: int = LIMIT) -> Record | None:
    """Parse one record from its first byte; leading NULs and a byte order mark are passed over.

    A record of `limit` bytes or more may lack its end. Return None where `raw` is no record of either format.
    """
    text = raw.lstrip(_JUNK) if raw[:1] in {b"\x00", b"\xef"} else raw
    if text.startswith(JSON_START):
        return _parse_json(text, limit)
    header = HEADER.match(text)
    if header is None:
        return None
    quick = _parse_plain(text, header)
    if quick is not None:
        return quick
    where = layout(text, header.end(), len(text))
    context: Mapping[str, Any] | bytes | None = {}
    if where.context is not None:
        context = text[slice(*where.context)]
    elif text[where.message_end : where.message_end + 2] == b" {" or where.inside:
        context = None
    return Record(
        "line",
        time_text=header.group(1),
        channel=header.group(2).decode("utf-8", "replace"),
        level=header.group(3).decode().lower(),
        message=text[header.end() : where.message_end],
        raw=text,
        closed=where.closed,
        context=context,
    )


def _parse_plain(text: bytes, header: re.Match[bytes]) -> Record | None:
    """Parse the common cases at a tenth of the cost: one JSON object that ends the first line, or the record."""
    body = header.end()
    closed = text.find(b"\n", body) + 1
    brace = text.find(b" {", body, closed)
    if brace < 0 or text.find(b" [", body, brace) >= 0:
        return None
    rest = text[brace + 1 : closed]
    try:
        context = orjson.loads(rest) if rest.rstrip().endswith(b"}") else None
    except orjson.JSONDecodeError:
        context = None
    if context is None:
        rest = text[brace + 1 :].rstrip(_SPACE)
        closed = text.find(b"\n", brace + 1 + len(rest)) + 1
        context = load(rest) if closed and rest.endswith(b"}") else None
        if context is None:
            return None
    return Record(
        "line",
        time_text=header.group(1),
        channel=header.group(2).decode("utf-8", "replace"),
        level=header.group(3).decode().lower(),
        message=text[body:brace],
        raw=text,
        closed=closed,
        context=context,
    )


def _parse_json(text: bytes, limit: int) -> Record | None:
    end = text.find(b"\n") + 1
    fields = load(text[:end].rstrip() if end else text)
    if fields is None:
        return _parse_cut_json(text) if not end and len(text) >= limit else None
    message = fields["message"]
    level = str(fields.get("level_name", "")).lower()
    if level not in _LEVEL_NAMES or not isinstance(message, str):
        return None
    context = fields.get("context", {})
    if isinstance(context, list):
        context = {str(index): item for index, item in enumerate(context)}
    return Record(
        "json",
        time_text=_json_time(fields.get("datetime")),
        channel=str(fields.get("channel", "")),
        level=level,
        message=message.encode("utf-8", "replace"),
        raw=text,
        closed=end or None,
        context=context if isinstance(context, dict) else None,
    )


def _json_time(value: object) -> bytes:
    """Return the time text; Monolog 1 wrote PHP's DateTime as an object, later versions a string."""
    if isinstance(value, dict):
        value = value.get("date")
    return value.encode() if isinstance(value, str) else b""


def _parse_cut_json(text: bytes) -> Record | None:
    """Parse what is left of a JSON record that was cut at its limit: the message, without a level."""
    found = _JSON_MESSAGE.match(text, 1)
    if found is None:
        return None
    whole = load(b"{" + found.group() + b"}")
    if whole is None:
        return None
    return Record(
        "json",
        time_text=b"",
        channel="",
        level="",
        message=whole["message"].encode("utf-8", "replace"),
        raw=text,
        closed=None,
        context=None,
    )
