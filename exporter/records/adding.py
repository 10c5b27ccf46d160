"""The two ways of adding up the events of plain records, by Python and by the native library, as one type. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from exporter.records.meanings import Meanings
from exporter.records.plain import Beginnings

if TYPE_CHECKING:
    import ctypes

    from exporter.records.block import Cut
    from exporter.records.hits import Hits
    from exporter.records.plain import AtOnce, Judge, Part


class Adding(Protocol):
    """Something that adds up events."""

    def take(self, cut: Cut, block: bytearray, hits: Hits, part: Part, judge: Judge) -> int:
        """Add up the records of `part`; `judge` is given those that are left to the parser. Return the next trigger."""
        ...


def best_adding(at_once: AtOnce | None, library: ctypes.CDLL | None) -> Adding:
    """Return the fastest way that there is, with the library or without (see `records.plain.Beginnings`)."""
    beginnings = Beginnings(at_once)
    return beginnings if library is None or at_once is None else Meanings(library, beginnings)
