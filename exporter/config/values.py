"""Types of single values in the file, shared by its sections: each refuses what does not fit, in words; pure."""

from __future__ import annotations

import re
import zoneinfo
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Callable

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)\Z")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Section(BaseModel):
    """A section of the file: unknown keys are refused, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


def wrong(text: str) -> PydanticCustomError:
    """Return the error whose message is exactly `text` (`what is wrong; remedy`)."""
    return PydanticCustomError("wrong", "{text}", {"text": text})


def _absolute(value: str) -> str:
    if not value:
        raise wrong("is empty; write a path")
    if "\0" in value:
        raise wrong("holds a NUL character, which no path can; remove it")
    if value.startswith("~"):
        raise wrong("begins with ~, which is not expanded here; write the full path")
    # Symlinks and `..` stay as written: a `current/` symlink is to be followed anew each time.
    return str(Path(value).absolute())


def _time_zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = _near_zone(value.lower())
        remedy = f"did you mean {near}?" if near else "write an IANA name such as Europe/Berlin or UTC"
        raise wrong(f"no time zone has this name; {remedy}") from None
    return value


def _near_zone(name: str) -> str | None:
    """Return the zone of a region whose name, or whose city's name, is like this one, or that differs in case."""
    zones = sorted(zoneinfo.available_timezones())
    same = {zone.lower(): zone for zone in zones}
    if name in same:
        return same[name]
    regional = {zone.lower(): zone for zone in zones if "/" in zone}
    known = {zone.rpartition("/")[2]: full for zone, full in regional.items()} | regional
    return next((known[one] for one in get_close_matches(name, known, n=1, cutoff=0.8)), None)


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


def duration(lowest: str, highest: str) -> Callable[[object], float]:
    """Return what reads durations from `lowest` to `highest`, such as `500ms`, `15s`, `10m` or `1h`, into seconds.

    >>> duration("10ms", "60s")("1.5s")
    1.5
    """
    low, high = _seconds(lowest), _seconds(highest)

    def read(value: object) -> float:
        if not (isinstance(value, str) and _DURATION.match(value)):
            raise wrong("is no duration; write a number with its unit, such as 500ms or 2s")
        seconds = _seconds(value)
        if not low <= seconds <= high:
            raise wrong(f"is out of range; write a duration from {lowest} to {highest}")
        return seconds

    return read


def _seconds(text: str) -> float:
    number = text.rstrip("msh")
    return float(number) * _UNITS[text.removeprefix(number)]
