"""One pass of hyperscan over a block, for everything that matters: headers, oddities, events.

Only a scan touches every byte, and it does so in C (https://intel.github.io/hyperscan/dev-reference/).
Matches are reported by their end, in rising order; what lies around a match is looked at by `cut`.
These patterns are the rule; where the native library was built, `records.quick` finds the same faster.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import hyperscan

from exporter.model import LEVELS
from exporter.records.hits import ENCLOSED, HEADERS, Hits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.model import Trigger
    from exporter.records.hits import Hit

_OTHERS: Final = len(HEADERS)
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
            table.append((_pattern(trigger), 0))
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


class Regexes:
    """Some triggers alone, by their indexes. Not safe for two threads at once."""

    def __init__(self, triggers: Mapping[int, Trigger]) -> None:
        """Compile the triggers. Raises `hyperscan.error` where one cannot be compiled."""
        self._numbers = tuple(triggers)
        self._database = _compiled(tuple((_pattern(one), 0) for one in triggers.values()))
        self._scratch = hyperscan.Scratch(self._database)

    def scan(self, block: memoryview) -> list[Hit]:
        """Return the offsets behind their matches in `block`, with their indexes, by rising offsets."""
        hits: list[Hit] = []
        found, numbers = hits.append, self._numbers

        def on_match(code: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found((end, numbers[code]))

        self._database.scan(block, match_event_handler=on_match, scratch=self._scratch)  # type: ignore[type-var]  # any buffer is taken
        return hits


def _pattern(trigger: Trigger) -> bytes:
    return trigger.pattern if trigger.regex else re.escape(trigger.pattern)


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
