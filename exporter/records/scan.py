"""One pass of hyperscan over a block, for everything that matters: headers, oddities, events.

This is the only code that touches every byte, and it does so in C
(https://intel.github.io/hyperscan/dev-reference/). Matches are reported by their end, in rising
order; what lies around a match is looked at by `cut`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import hyperscan

from exporter.model import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.model import Trigger

HEADERS: Final = range(len(LEVELS))
"""Codes of a line record's header, by level."""
_OTHERS: Final = len(HEADERS)
JSON_LEVELS: Final = range(len(LEVELS), 2 * len(LEVELS))
"""Codes of the level in a JSON record's tail, by level."""
JSON_OPEN: Final = 2 * len(LEVELS)
"""Code of a JSON record's beginning."""
SUSPECT: Final = JSON_OPEN + 1
"""Code of a line that begins with a bracketed time and is no header; one line may match more than once."""
ENCLOSED: Final = SUSPECT + 1
"""Code of a bracketed time at a line's beginning where the last quote before it may open a string."""
FIRST_TRIGGER: Final = ENCLOSED + 1
"""The first trigger's code in the compiled table."""

_TIME: Final = rb"\[\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[+-]\d\d:?\d\d|Z)?\]"
_BEGIN: Final = rb"(?:^|\x00|^\xEF\xBB\xBF)"
_NAME: Final = rb'[^\x00-\x1f:\[\]{}"]'
_LEVELS: Final = tuple(level.upper() for level in LEVELS)
_ANY_LEVEL: Final = b"(?:" + "|".join(_LEVELS).encode() + b")"


def _other_words() -> bytes:
    """Return a pattern for words in upper case that are no level (hyperscan has no lookahead)."""
    begun = sorted({level[:length] for level in _LEVELS for length in range(len(level) + 1)})
    words = [prefix for prefix in begun if prefix not in _LEVELS]
    for prefix in begun:
        following = "".join(letter for letter in map(chr, range(65, 91)) if prefix + letter not in begun)
        words.append(f"{prefix}[{following}][A-Z]*")
    return b"(?:" + "|".join(words).encode() + b")"


_BAD: Final = rb'[\x00-\x1f\[\]{}"]'
_CELL: Final = rb'[^\x00-\x1f:\[\]{}".]'
_NO_HEADER: Final = (
    _NAME + rb"{0,74}" + _BAD,
    _NAME + rb"{75}",
    _CELL + rb"{0,74}:",
    _NAME + rb'{0,74}\.[A-Z]*[^A-Z\x00-\x1f:\[\]{}".]' + _CELL + rb"*:",
    _NAME + rb"{0,74}\." + _other_words() + rb":",
    _NAME + rb"{0,64}\." + _ANY_LEVEL + rb":[^ ]",
    _NAME + rb"{65,74}\." + _ANY_LEVEL + rb":",
)
"""All that can follow a bracketed time but a header, which has up to 74 bytes before its colon. They may overlap."""
_SUSPECT: Final = rb"^" + _TIME + rb"(?:[^ ]| (?:" + b"|".join(_NO_HEADER) + rb"))"
"""One pattern, since several that begin alike cost hyperscan as much as all the headers."""

_ENCLOSED: Final = rb'[\\:,\[{]"[^"]*[\n\x00\xBF]\[\d{4}-\d\d-\d\d[ T]'
"""Only behind such a quote can a JSON string be open (or behind an escaped one)."""

Hit = tuple[int, int]
"""The offset behind a match, and its code."""


@dataclass(slots=True)
class Hits:
    """What stood in a block, each by rising offsets behind the matches.

    Headers, with their levels' numbers; triggers, by their indexes; everything else as hits.
    """

    headers: list[int] = field(default_factory=list)
    levels: bytearray = field(default_factory=bytearray)
    ends: list[int] = field(default_factory=list)
    triggers: list[int] = field(default_factory=list)
    others: list[Hit] = field(default_factory=list)


class Scanner:
    """A compiled set of patterns. Not safe for two threads at once, but each thread may have a scanner of its own.

    Raises `hyperscan.error` where a trigger's pattern cannot be compiled (the loading of event
    definitions compiles each pattern by itself first, to name the one at fault).
    """

    def __init__(self, triggers: Sequence[Trigger]) -> None:
        """Compile the built-in patterns and `triggers`, whose hits carry FIRST_TRIGGER + index."""
        line = hyperscan.HS_FLAG_MULTILINE
        levels = [level.upper().encode() for level in LEVELS]
        table = [(_BEGIN + _TIME + rb" " + _NAME + rb"{0,64}\." + level + rb": ", line) for level in levels]
        table += [(rb'"level_name":"' + level + rb'","channel":"', 0) for level in levels]
        table.append((_BEGIN + rb'\{"message":"', line))
        table.append((_SUSPECT, line))
        table.append((_ENCLOSED, 0))
        for trigger in triggers:
            table.append((trigger.pattern if trigger.regex else re.escape(trigger.pattern), 0))
        self._database = _compiled(tuple(table))
        self._scratch = hyperscan.Scratch(self._database)

    def scan(self, block: memoryview) -> Hits:
        """Return what stands in `block`. `^` holds at offset 0 whatever came before it."""
        hits = Hits()
        header, level = hits.headers.append, hits.levels.append
        end_of, trigger, other = hits.ends.append, hits.triggers.append, hits.others.append

        def on_match(code: int, _start: int, end: int, _flags: int, _context: object) -> None:
            if code < _OTHERS:
                header(end)
                level(code)
            elif code >= FIRST_TRIGGER:
                end_of(end)
                trigger(code - FIRST_TRIGGER)
            else:
                other((end, code))

        self._database.scan(block, match_event_handler=on_match, scratch=self._scratch)  # type: ignore[type-var]  # any buffer is taken
        return hits


@lru_cache(maxsize=4)
def _compiled(table: tuple[tuple[bytes, int], ...]) -> hyperscan.Database:
    """Compile patterns with their flags, which takes a tenth of a second: the same ones only once in a process.

    A database is never changed afterwards; what a scan writes to is its scratch space.
    """
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern for pattern, _ in table],
        ids=list(range(len(table))),
        elements=len(table),
        flags=[flag for _, flag in table],
    )
    return database
