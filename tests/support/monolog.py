r"""Records as Laravel writes them, in both formats.

Source: Monolog 3, `LineFormatter` as `Illuminate\Log\LogManager` sets it up (`allowInlineLineBreaks`,
`ignoreEmptyContextAndExtra`), and `JsonFormatter`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Style = Literal["line", "json"]

VALUES = {
    "DEBUG": 100,
    "INFO": 200,
    "NOTICE": 250,
    "WARNING": 300,
    "ERROR": 400,
    "CRITICAL": 500,
    "ALERT": 550,
    "EMERGENCY": 600,
}
_LINE_BREAK = re.compile(r"(?<!\\)\\[rn]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One call of the app's logger. `after` are bytes that follow the record's line and belong to no record."""

    level: str
    message: str
    context: Mapping[str, object] | None = None
    channel: str = "production"
    after: bytes = b""


def render(entry: Entry, time: datetime, style: Style = "line") -> bytes:
    """Return the bytes that the app writes for `entry` at the local time `time` (aware for the JSON format)."""
    text = _line(entry, time) if style == "line" else _json(entry, time)
    return text.encode() + entry.after


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _line(entry: Entry, time: datetime) -> str:
    context = _LINE_BREAK.sub("\n", _dump(entry.context)) if entry.context else ""
    return f"[{time:%Y-%m-%d %H:%M:%S}] {entry.channel}.{entry.level}: {entry.message} {context} \n"


def _json(entry: Entry, time: datetime) -> str:
    record = {
        "message": entry.message,
        "context": entry.context or {},
        "level": VALUES[entry.level],
        "level_name": entry.level,
        "channel": entry.channel,
        "datetime": time.isoformat(timespec="microseconds"),
        "extra": {},
    }
    return _dump(record) + "\n"
