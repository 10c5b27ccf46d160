"""A log writer that knows exactly what the exporter must count: the oracle of the end-to-end tests.

It appends scenes (see tests.support.scenes) in random pieces, cut anywhere, also inside UTF-8
characters and headers, and rotates as real systems do. Everything follows from the seed and
the start time. Nothing is lost by the writer itself: it does not write between the copy and the
truncation of a copytruncate, and writes at least 512 bytes at once into an empty file (a file
of which under 256 bytes were read can be recognised by its inode only, so that its copy could
not be told from a new file).
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from tests.support.monolog import Entry, Style, render
from tests.support.noise import QUERY
from tests.support.oracle import Tally
from tests.support.scenes import App

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

FIRST_WRITE = 512


class LogWriter:
    """Writes `laravel.log`, daily `laravel-DATE.log` and `calcom-DATE.log` files below `folder`.

    `expected` is what all of it must add up to, `records` and `bytes` how much it was, `unparsed`
    how many of its lines begin like a record and are none.
    `styles` are the formats to draw from. `start` is an aware local time; it moves on by itself.
    """

    def __init__(self, folder: Path, *, seed: int, start: datetime, styles: tuple[Style, ...] = ("line",)) -> None:
        self.folder = folder
        self.expected = Tally()
        self.records = 0
        self.bytes = 0
        self.unparsed = 0
        self.rotations: Counter[str] = Counter()
        self._rng = Random(seed)
        self._app = App(self._rng, seed % 1000 * 10_000_000)
        self._now = start
        self._styles = styles
        self._open: dict[Path, int] = {}
        self._late: list[tuple[int, int]] = []

    @property
    def single(self) -> Path:
        """The file of the single channel, which is rotated by rename and by copytruncate."""
        return self.folder / "laravel.log"

    @property
    def daily(self) -> tuple[Path, Path]:
        """The present files of the daily channels."""
        day = f"{self._now:%Y-%m-%d}.log"
        return self.folder / f"laravel-{day}", self.folder / f"calcom-{day}"

    def write(self, records: int) -> None:
        """Append about `records` records (whole scenes) in random pieces; all of it is in the files afterwards."""
        target = self.records + records
        waiting: dict[int, bytes] = {}
        while self.records < target:
            descriptor = self._target()
            waiting[descriptor] = waiting.get(descriptor, b"") + self._scene(self._pad(descriptor, waiting))
            if self._rng.random() < 0.5:
                self._flush(waiting, whole=False)
        self._flush(waiting, whole=True)
        self._retire()

    def rotate_by_rename(self) -> None:
        """Rename `laravel.log` to `laravel.log.1` (older ones move up); a worker goes on writing to it for a while."""
        if not self._written():
            return
        self._shift()
        self.single.rename(self._numbered(1))
        self._late.append((self._open.pop(self.single), self._rng.randrange(4)))
        if self._rng.random() < 0.5:
            self._descriptor(self.single)
        self.rotations["rename"] += 1

    def copytruncate(self) -> None:
        """Copy `laravel.log` to `laravel.log.1` and truncate it, as logrotate's copytruncate."""
        if not self._written():
            return
        self._shift()
        shutil.copyfile(self.single, self._numbered(1))
        os.truncate(self.single, 0)
        self.rotations["copytruncate"] += 1

    def switch_day(self) -> None:
        """Let midnight pass: the daily channels go on in files with a new date; the old ones stay."""
        for path in self.daily:
            if path in self._open:
                os.close(self._open.pop(path))
        midnight = self._now.replace(hour=0, minute=0, second=1, microsecond=0)
        self._now = midnight + timedelta(days=1)
        self.rotations["daily"] += 1

    def recreate(self) -> None:
        """Delete `laravel.log` and write on in a new one; call it when all of it was read."""
        os.close(self._open.pop(self.single))
        self.single.unlink()
        self.rotations["recreate"] += 1

    def close(self) -> None:
        """Close all files."""
        for descriptor in [*self._open.values(), *(one for one, _ in self._late)]:
            os.close(descriptor)
        self._open.clear()
        self._late.clear()

    def _target(self) -> int:
        if self._late and self._rng.random() < 0.1:
            return self._rng.choice(self._late)[0]
        path = self._rng.choices((self.single, *self.daily), (6, 3, 1))[0]
        return self._descriptor(path)

    def _descriptor(self, path: Path) -> int:
        if path not in self._open:
            self._open[path] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        return self._open[path]

    def _pad(self, descriptor: int, waiting: dict[int, bytes]) -> int:
        return FIRST_WRITE if descriptor not in waiting and os.fstat(descriptor).st_size == 0 else 0

    def _scene(self, least: int) -> bytes:
        self._now += timedelta(seconds=self._rng.random() < 0.3, microseconds=self._rng.randrange(1000))
        style = self._rng.choice(self._styles)
        entries, tally = self._app.scene()
        data = b"".join(render(entry, self._now, style) for entry in entries)
        self.expected.merge(tally)
        self.records += len(entries)
        self.unparsed += sum(entry.after.count(b"\n") for entry in entries)
        while len(data) < least:
            data += render(Entry("INFO", "[14 MB] QUERY", QUERY), self._now, style)
            self.expected.add("log_records_total", level="info")
            self.records += 1
        return data

    def _flush(self, waiting: dict[int, bytes], *, whole: bool) -> None:
        """Write a random part of what waits, all of it if `whole`, never less than the first write."""
        while waiting:
            descriptor = self._rng.choice(list(waiting))
            data = waiting.pop(descriptor)
            size = self._rng.randrange(1, len(data) + 1) if self._rng.random() < 0.7 else len(data)
            if os.fstat(descriptor).st_size == 0:
                size = max(size, min(FIRST_WRITE, len(data)))
            self.bytes += os.write(descriptor, data[:size])
            if size < len(data):
                waiting[descriptor] = data[size:]
            if not whole:
                return

    def _retire(self) -> None:
        """Close the descriptors of renamed files that their workers have left."""
        kept = []
        for descriptor, turns in self._late:
            if turns:
                kept.append((descriptor, turns - 1))
            else:
                os.close(descriptor)
        self._late = kept

    def _written(self) -> bool:
        return self.single in self._open and self.single.stat().st_size >= FIRST_WRITE

    def _numbered(self, number: int) -> Path:
        return self.folder / f"laravel.log.{number}"

    def _shift(self) -> None:
        """Move the numbered copies up by one, as logrotate does."""
        last = sum(self.rotations[kind] for kind in ("rename", "copytruncate"))
        for number in range(last, 0, -1):
            self._numbered(number).rename(self._numbered(number + 1))
