"""What a scan finds in a block: headers, oddities, events' triggers. Pure."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final, Protocol

from exporter.model import LEVELS

HEADERS: Final = range(len(LEVELS))
"""Codes of a line record's header, by level."""
JSON_LEVELS: Final = range(len(LEVELS), 2 * len(LEVELS))
"""Codes of the level in a JSON record's tail, by level."""
JSON_OPEN: Final = 2 * len(LEVELS)
"""Code of a JSON record's beginning."""
SUSPECT: Final = JSON_OPEN + 1
"""Code of a line that begins with a bracketed time and is no header; one line may match more than once."""
ENCLOSED: Final = SUSPECT + 1
"""Code of a bracketed time at a line's beginning where the last quote before it may open a string."""


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
    _packed: tuple[array[int], ...] = ()

    def packed(self) -> tuple[array[int], ...]:
        """Return the headers, the ends of triggers and their indexes as the native library takes them."""
        if not self._packed:
            self._packed = tuple(array("I", numbers) for numbers in (self.headers, self.ends, self.triggers))
        return self._packed


class Scan(Protocol):
    """Something that can scan blocks."""

    def scan(self, block: memoryview) -> Hits:
        """Return what stands in `block`; at its first byte a line begins, whatever came before it."""
        ...
