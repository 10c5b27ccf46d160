"""What a definition reads from a record's context: paths, numbers, identifiers, texts; pure.

A path is `context.` and the keys below it, joined by dots (`context.response.status`); an
integer key indexes a list. A key that itself holds a dot cannot be named.

A field is *missing* where the path leads nowhere or the context could not be parsed, and
*malformed* where its value is of no use. Null is neither: it says that there is no value.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str, ...]

_ROOT = "context"
_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_LIMIT = 1e9
"""Larger magnitudes are a broken field, and would spoil a histogram's sum for ever."""

_STATUS_CODES = range(100, 600)


class Absent:
    """The type of `MISSING` and `MALFORMED`, which no JSON value can equal."""

    __slots__ = ()


MISSING: Final = Absent()
MALFORMED: Final = Absent()

Transform = Literal["abs", "milliseconds_to_seconds"]


def parse_path(text: str) -> Path:
    """Return the keys of a path, without `context`; ValueError says what a path looks like."""
    root, *keys = text.split(".")
    if root != _ROOT or not keys or not all(_KEY.match(key) for key in keys):
        msg = f"{text!r} is no path: write context.<key>, further keys joined by dots"
        raise ValueError(msg)
    return tuple(keys)


def read(context: Mapping[str, object] | None, path: Path) -> object:
    """Return the value at `path`, or MISSING."""
    if context is not None and len(path) == 1:  # nearly all
        return context.get(path[0], MISSING)
    value: object = context
    for key in path:
        if isinstance(value, dict):
            value = value.get(key, MISSING)
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value


def number(value: object, transform: Transform | None) -> float | Absent | None:
    """Return what to observe: None for null, MALFORMED for no finite number, |value| > 1e9 or a negative result.

    A negative observation is refused because a histogram's sum would fall, which Prometheus
    takes for a restart. `transform` converts the unit or drops the sign.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LIMIT:
        return MALFORMED  # a NaN compares as false and ends here too
    result = float(value)
    if transform == "abs":
        result = abs(result)
    elif transform == "milliseconds_to_seconds":
        result /= 1000
    return result if result >= 0 else MALFORMED


def identifier(value: object) -> str | Absent | None:
    """Return an identifier as text: numbers as decimal text (7 and 7.0 are one), None for null."""
    if value is None:
        return None
    if isinstance(value, str):
        return value or MALFORMED
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return MALFORMED
    return str(int(value)) if value == int(value) else repr(value)


def text(value: object) -> str | None:
    """Return a label field as the text that `one_of` lists: `true`, `false`, decimal numbers, or the string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else None


def status_class(value: object) -> str | Absent | None:
    """Return the class of an HTTP status (`4xx`), None for another number or null, else MALFORMED."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        return MALFORMED
    return f"{value // 100}xx" if value in _STATUS_CODES else None
