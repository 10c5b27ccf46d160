"""Records as Monolog's LineFormatter writes them in a Laravel app.

The format is Laravel's default (`[%datetime%] %channel%.%level_name%: %message% %context% %extra%`
with `allowInlineLineBreaks`, empty context and extra left out), as Monolog 3 writes it:
https://github.com/Seldaek/monolog/blob/main/src/Monolog/Formatter/LineFormatter.php
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_ESCAPED_BREAK = re.compile(r"(?<!\\)\\[rn]")


def record(
    time: datetime, channel: str, level: str, message: str, context: Mapping[str, object] | None = None
) -> bytes:
    """Return one record, its line feed included. `time` is written as it stands, without its zone."""
    tail = f"{_json(context)} " if context else " "
    return f"[{time:%Y-%m-%d %H:%M:%S}] {channel}.{level.upper()}: {message} {tail}\n".encode()


def _json(context: Mapping[str, object]) -> str:
    text = json.dumps(context, ensure_ascii=False, separators=(",", ":"))
    return _ESCAPED_BREAK.sub("\n", text)


def trace(frames: Sequence[tuple[str, str]]) -> str:
    """Return a PHP stack trace of (file and line, call) frames, as `Exception::getTraceAsString` does."""
    lines = [f"#{number} {place}: {call}" for number, (place, call) in enumerate(frames)]
    return "\n".join([*lines, f"#{len(lines)} {{main}}"])


def exception(kind: str, code: int | str, message: str, place: str, frames: Sequence[tuple[str, str]]) -> str:
    """Return an exception as a record's context shows it, trace included."""
    return f"[object] ({kind}(code: {code}): {message} at {place})\n[stacktrace]\n{trace(frames)}\n"
