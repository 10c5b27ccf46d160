"""A log writer that is fast enough for millions of records, and keeps as few files as a real logrotate.

Most of what it writes are blocks of scenes made once, which only cost a `write`; what they count
is known from when they were made. What counts only once (an incident, a report of a violation)
is either counted with a block's first use or made anew each time.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.support.monolog import Entry, render
from tests.support.noise import noise
from tests.support.oracle import Tally
from tests.support.scenes import SCENES, App, reported
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from random import Random

    from tests.support.monolog import Style

BLOCKS = 200
SCENES_PER_BLOCK = 40
BLOCK_NUMBERS = 1_000_000_000_000
"""Where the bookings of blocks begin: far above those of scenes made anew."""
FRESH = 0.3
"""Share of writes that are one scene made anew; a block has some 70 records."""
REMEMBERED = 1000
INCIDENTS = "api_gateway_duplicate_booking_incidents_total"
REPEATABLE = tuple(scene for scene in SCENES if scene is not reported)


class _BlockApp(App):
    """Scenes of which each copy counts the same, but for incidents."""

    def scene(self) -> tuple[list[Entry], Tally]:
        """Return the next entries and what they add, levels included."""
        tally = Tally()
        entries = [noise(self.rng)] if self.rng.random() < 0.6 else self.rng.choice(REPEATABLE)(self, tally)
        for entry in entries:
            tally.add("log_records_total", level=entry.level.lower())
        return entries, tally


class Block:
    """Bytes with what they count: the first time, and each time after."""

    def __init__(self, rng: Random, number: int, time: datetime, style: Style) -> None:
        app = _BlockApp(rng, BLOCK_NUMBERS + number * 100_000)
        pieces: list[bytes] = []
        self.first = Tally()
        self.records = self.unparsed = 0
        for _ in range(SCENES_PER_BLOCK):
            entries, tally = app.scene()
            pieces += (render(entry, time, style) for entry in entries)
            self.first.merge(tally)
            self.records += len(entries)
            self.unparsed += sum(entry.after.count(b"\n") for entry in entries)
        self.data = b"".join(pieces)
        self.again = Tally()
        self.again.values = {key: value for key, value in self.first.values.items() if not key.startswith(INCIDENTS)}


class BulkWriter(LogWriter):
    """A LogWriter at a hundred thousand records per second; `forget` removes rotated files."""

    def __init__(self, folder: Path, *, seed: int, start: datetime, styles: tuple[Style, ...]) -> None:
        super().__init__(folder, seed=seed, start=start, styles=styles)
        self._day = date(2025, 1, 1)
        self._blocks = [Block(self._rng, number, start, self._rng.choice(styles)) for number in range(BLOCKS)]
        self._used: set[int] = set()

    @property
    def daily(self) -> tuple[Path, Path]:
        """The present files of the daily channels."""
        return self.folder / f"laravel-{self._day}.log", self.folder / f"calcom-{self._day}.log"

    def switch_day(self) -> None:
        """Let the daily channels go on in files of a new date; the records' own times hardly move."""
        for path in self.daily:
            if path in self._open:
                self._late.append((self._open.pop(path), 0))
        self._day += timedelta(days=1)
        self.rotations["daily"] += 1

    def forget(self) -> None:
        """Let workers go on to the present files, and remove all others; call it when all was read."""
        for descriptor, _ in self._late:
            os.close(descriptor)
        self._late.clear()
        for path in self.folder.iterdir():
            if path not in self._open and path not in self.daily:
                path.unlink()

    def _scene(self, least: int) -> bytes:
        if least:
            return self._beginning()
        if self._rng.random() < FRESH:
            for met in self._app._met.values():
                del met[:-REMEMBERED]
            return super()._scene(least)
        number = self._rng.randrange(BLOCKS)
        block = self._blocks[number]
        self.expected.merge(block.again if number in self._used else block.first)
        self._used.add(number)
        self.records += block.records
        self.unparsed += block.unparsed
        return block.data

    def _beginning(self) -> bytes:
        """Return how a file begins: like no other, since a file that begins like another could be its copy."""
        entry = Entry("INFO", "[14 MB] QUERY", {"number": self._app.fresh(), "bindings": ["call_c16e"] * 40})
        self.expected.add("log_records_total", level="info")
        self.records += 1
        return render(entry, self._now, "line")

    def _shift(self) -> None:
        """Move the numbered copies that are left up by one, as logrotate does."""
        numbers = sorted((int(path.suffix[1:]) for path in self.folder.glob("laravel.log.*")), reverse=True)
        for number in numbers:
            self._numbered(number).rename(self._numbered(number + 1))
