"""The scan by the native library: the same findings as `records.scan`, at several times the speed. Pure.

It looks for the literal triggers; those that are regular expressions are left to hyperscan.
"""

from __future__ import annotations

import ctypes
import weakref
from array import array
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from exporter.model import LEVELS
from exporter.records.hits import Hits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.model import Trigger
    from exporter.records.hits import Scan
    from exporter.records.scan import Regexes

SHORTEST: Final = 4
"""Bytes; shorter texts are left to hyperscan as well."""
_ROOM: Final = 1 << 14
_UINT32: Final = "I"
_TAILS: Final = tuple(b'"level_name":"' + level.upper().encode() + b'","channel":"' for level in LEVELS)
_END: Final = itemgetter(0)


class _Findings(ctypes.Structure):
    """The structure of the same name in exporter/native/scan.c."""

    _fields_ = (
        ("room", ctypes.c_uint32),
        ("headers", ctypes.c_uint32),
        ("texts", ctypes.c_uint32),
        ("others", ctypes.c_uint32),
        ("header_ends", ctypes.c_void_p),
        ("text_ends", ctypes.c_void_p),
        ("text_numbers", ctypes.c_void_p),
        ("other_ends", ctypes.c_void_p),
        ("other_codes", ctypes.c_void_p),
        ("header_levels", ctypes.c_void_p),
    )


class _Room:
    """Lists of numbers that the library fills."""

    def __init__(self, room: int) -> None:
        empty = bytes(4 * room)
        self.header_ends, self.text_ends, self.text_numbers, self.other_ends, self.other_codes = lists = [
            array(_UINT32, empty) for _ in range(5)
        ]
        self.levels = bytearray(room)
        self.findings = _Findings(
            room,
            0,
            0,
            0,
            *(one.buffer_info()[0] for one in lists),
            ctypes.addressof(ctypes.c_char.from_buffer(self.levels)),
        )


class QuickScanner:
    """Scans by the native library. Not safe for two threads at once, but each may have a scanner of its own."""

    def __init__(self, triggers: Sequence[Trigger], library: ctypes.CDLL, room: int = _ROOM) -> None:
        """Prepare the texts of `triggers`; `room` is for how many findings of a kind there is room at first.

        Raises `hyperscan.error` where a regular expression cannot be compiled.
        """
        self._library = library
        self._room = _Room(room)
        self._numbers = [number for number, one in enumerate(triggers) if _is_literal(one)]
        self._all = len(self._numbers) == len(triggers)
        texts = [*(triggers[number].pattern for number in self._numbers), *_TAILS]
        lengths = (ctypes.c_uint32 * len(texts))(*map(len, texts))
        self._matcher = library.native_matcher_new(b"".join(texts), lengths, len(texts))
        if not self._matcher:
            raise MemoryError("no memory for the texts of events")
        weakref.finalize(self, library.native_matcher_free, self._matcher)
        self._regexes = None if self._all else _regexes(triggers)

    def scan(self, block: memoryview) -> Hits:
        """Return what stands in `block`. A line begins at offset 0 whatever came before it."""
        if not block:
            return Hits()
        room = self._filled(block)
        found = room.findings
        hits = Hits(
            room.header_ends[: found.headers].tolist(),
            room.levels[: found.headers],
            room.text_ends[: found.texts].tolist(),
            room.text_numbers[: found.texts].tolist(),
        )
        if found.others:
            others = zip(room.other_ends[: found.others], room.other_codes[: found.others], strict=True)
            hits.others = sorted(others, key=_END)
        if not self._all:
            hits.triggers = [self._numbers[number] for number in hits.triggers]
        if self._regexes is not None:
            both = [*zip(hits.ends, hits.triggers, strict=True), *self._regexes.scan(block)]
            both.sort(key=_END)
            hits.ends, hits.triggers = [end for end, _ in both], [number for _, number in both]
        return hits

    def _filled(self, block: memoryview) -> _Room:
        """Return the findings, in a larger room where there are more than it usually takes."""
        if block.readonly:
            block = memoryview(bytearray(block))
        text = ctypes.byref(ctypes.c_char.from_buffer(block))
        room = self._room
        while self._library.native_scan(self._matcher, text, len(block), ctypes.byref(room.findings)):
            room = _Room(2 * room.findings.room)
        return room


def best_scanner(triggers: Sequence[Trigger], library: ctypes.CDLL | None) -> Scan:
    """Return the fastest scanner that there is, with the library or without. Raises `hyperscan.error` as both do."""
    if library is not None:
        return QuickScanner(triggers, library)
    # Hyperscan is only loaded where it is needed: it takes as long as a hundred megabytes of a log.
    from exporter.records.scan import Scanner  # noqa: PLC0415  # see above

    return Scanner(triggers)


def _is_literal(trigger: Trigger) -> bool:
    return not trigger.regex and len(trigger.pattern) >= SHORTEST


def _regexes(triggers: Sequence[Trigger]) -> Regexes:
    from exporter.records.scan import Regexes  # noqa: PLC0415  # see above

    return Regexes({number: one for number, one in enumerate(triggers) if not _is_literal(one)})
