"""Numbers, durations and times as the status page writes them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_WORDS = {"d": "day", "h": "hour", "min": "minute", "s": "second"}
_MOMENT = 2.0
"""Below this many seconds a time is "just now": a page is not read faster."""


def number(value: float) -> str:
    """Return a number with thousands apart; fractions with three significant digits.

    >>> number(12345.0), number(0.01234)
    ('12,345', '0.0123')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"


def percent(value: float) -> str:
    """Return a percentage with one digit behind the point.

    >>> percent(3.14159)
    '3.1 %'
    """
    return f"{value:.1f} %"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units; below a second in milliseconds.

    >>> duration(93784), duration(60), duration(0.0042)
    ('1 d 2 h', '1 min', '4.2 ms')
    """
    if 0 < seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    rest = int(seconds)
    parts = []
    for at, (unit, size) in enumerate(_UNITS):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
            following, length = _UNITS[at + 1] if at + 1 < len(_UNITS) else ("", 1)
            if following and rest >= length:
                parts.append(f"{rest // length} {following}")
            break
    return " ".join(parts) or "0 s"


def plural(count: float, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "log"), plural(1200, "file")
    ('1 log', '1,200 files')
    """
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def listed(names: list[str], most: int = 3) -> str:
    """Return names in a row, at most `most` of them.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


@dataclass(frozen=True, slots=True)
class Stamp:
    """One time in three forms: for programs, for comparing with a log, and relative to now."""

    iso: str
    absolute: str
    ago: str


def stamp(seconds: float, now: float, zone: tzinfo) -> Stamp:
    """Return the forms of a time; both are Unix seconds. Without its date if that is today's in the zone.

    A time that a datetime cannot hold is shown as the number that it is.
    """
    try:
        moment = datetime.fromtimestamp(seconds, zone)
    except (ValueError, OverflowError, OSError):
        return Stamp("", f"{seconds:.0f}", "")
    today = moment.date() == datetime.fromtimestamp(now, zone).date()
    absolute = f"{moment:%H:%M:%S}" if today else f"{moment:%Y-%m-%d %H:%M}"
    return Stamp(moment.isoformat(timespec="seconds"), f"{absolute} {_zone(moment)}", _ago(now - seconds))


def spoken(name: str) -> str:
    """Return a name of the catalogue or a definition as people say it.

    >>> spoken("call_id_mismatch")
    'call ID mismatch'
    """
    return " ".join("ID" if word == "id" else word for word in name.split("_"))


def clock(seconds: float, zone: tzinfo) -> str:
    """Return hour and minute of a time (Unix seconds)."""
    return f"{datetime.fromtimestamp(seconds, zone):%H:%M}"


def day(seconds: float, zone: tzinfo) -> str:
    """Return date, hour and minute of a time (Unix seconds), with the zone."""
    moment = datetime.fromtimestamp(seconds, zone)
    return f"{moment:%Y-%m-%d %H:%M} {_zone(moment)}"


def zone_name(seconds: float, zone: tzinfo) -> str:
    """Return what the zone is called at that time, such as CET."""
    return _zone(datetime.fromtimestamp(seconds, zone))


def _zone(moment: datetime) -> str:
    name = moment.tzname() or ""
    return f"UTC{name}" if name[:1] in {"+", "-"} else name


def _ago(seconds: float) -> str:
    if abs(seconds) < _MOMENT:
        return "just now"
    unit, size = next(one for one in _UNITS if abs(seconds) >= one[1])
    span = plural(int(abs(seconds)) // size, _WORDS[unit])
    return f"{span} ago" if seconds > 0 else f"in {span}"
