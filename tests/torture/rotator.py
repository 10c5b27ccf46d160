"""The files beneath a rotation storm: written and rotated many times a second, with nothing ever lost.

Each record names its generation (what is written to a log between two rotations) and its number in it,
so that what is counted can be compared generation by generation. Rotation works as logrotate does: it moves numbered
generations up, oldest first, compresses into the place with the suffix at once, gives the compressed file the
original's time, and removes the original. Nothing is deleted, and nothing is written between the copy and the
truncation of a copytruncate, so every record can be read at all times. `history` holds what was done to which file.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.waiting import pause
from tests.torture.generations import MOST, Written

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.torture.evidence import History

KINDS = ("rename", "copytruncate", "dated", "daily")
"""How a log is rotated. dated: renamed to a name that grows; daily: the app goes on under another name."""
FIRST = 512
"""The first record of a generation has at least this many bytes: fewer than 256 identify no content."""
SIZES = (0, 0, 100, 300, 2000)
"""Bytes that a record has more than it needs."""
GZIP = 31
"""zlib's window bits for a gzip file."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How an app's logs are rotated.

    `compressed` is the generation that is compressed, 0 for none, 1 at once. `late` tells that workers write on for
    a while to what was renamed, `created` that the new file is there before anything is written to it. `away` puts
    generations into another folder.
    """

    kinds: tuple[str, ...]
    compressed: int
    late: bool
    created: bool
    away: bool


@dataclass(slots=True, eq=False)
class Body:
    """A file that workers write to: its present place, the generation, and the rest of a record that was begun."""

    path: Path
    generation: int
    descriptor: int
    rest: bytes = b""


class Rotator:
    """The log `laravel.log` in `folder`, another with a date in its name where `habits` say so, and their workers."""

    def __init__(self, folder: Path, habits: Habits, rng: Random, history: History) -> None:
        self.folder = folder
        self.habits = habits
        self.written: list[Written] = []
        self.rotations: Counter[str] = Counter()
        self.history = history
        self._rng = rng
        self._away = folder.with_name("archive") if habits.away else folder
        self._generations: dict[Path, int] = {}
        self._serial = 0
        self._logs = {"single": self._open(folder / "laravel.log")}
        if "daily" in habits.kinds:
            self._logs["daily"] = self._open(self._day())
        self._late: list[Body] = []

    @property
    def active(self) -> set[Path]:
        """The files that are written to in their own right."""
        return {body.path for body in self._logs.values()}

    @property
    def full(self) -> bool:
        """Whether there may be no further generation."""
        return len(self.written) >= MOST

    def write(self) -> None:
        """Let a worker write some records, cut anywhere."""
        bodies = [*self._logs.values(), *self._late]
        body = self._rng.choice(bodies)
        data = body.rest
        empty = not os.fstat(body.descriptor).st_size
        for number in range(self._rng.randrange(1, 6)):
            size = FIRST if empty and not number else self._rng.choice(SIZES)
            data += self.written[body.generation].record(body.generation, size)
        cut = len(data)
        if self._rng.random() < 0.3:
            cut = self._rng.randrange(min(cut, FIRST), cut + 1)
        os.write(body.descriptor, data[:cut])
        body.rest = data[cut:]

    def finish(self) -> None:
        """Let all workers write what they have begun."""
        for body in (*self._logs.values(), *self._late):
            self._flush(body)

    def rotate(self) -> None:
        """Rotate one log in one of the ways."""
        kind = self._rng.choice(self.habits.kinds)
        body = self._logs["daily" if kind == "daily" else "single"]
        if self.full or not os.fstat(body.descriptor).st_size:
            return
        self.rotations[kind] += 1
        if kind == "daily":
            self._leave(body)
            self._logs["daily"] = self._open(self._day())
            return
        self._retire()
        if kind != "dated":
            self._shift()
        place = self._away / ("laravel.log.1" if kind != "dated" else f"laravel.log-{self._next()}")
        if kind == "copytruncate":
            self._copytruncate(body, place)
        else:
            self._move(body.path, place)
            body.path = place
            self._leave(body)
            if self.habits.created:
                self._logs["single"] = self._open(self.folder / "laravel.log")
            else:
                pause(self._rng.random() * 0.02)
                self._logs["single"] = self._open(self.folder / "laravel.log")
        if self.habits.compressed == 1:
            self._compress(place)

    def forget(self) -> None:
        """Remove all but what is written to; call it when everything was read."""
        self.finish()
        for body in self._late:
            os.close(body.descriptor)
        self._late.clear()
        for path in list(self._generations):
            if path not in self.active:
                self.history.note("removed", path, self._generations.pop(path))
                path.unlink()

    def close(self) -> None:
        """Close all files."""
        for body in (*self._logs.values(), *self._late):
            os.close(body.descriptor)

    def places(self) -> dict[int, str]:
        """Return where each generation is."""
        return {generation: path.name for path, generation in self._generations.items()}

    def _open(self, path: Path) -> Body:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        body = Body(path, self._begin(path), descriptor)
        self.history.note("made", path, body.generation)
        return body

    def _begin(self, path: Path) -> int:
        self.written.append(Written())
        self._generations[path] = len(self.written) - 1
        return len(self.written) - 1

    def _flush(self, body: Body) -> None:
        os.write(body.descriptor, body.rest)
        body.rest = b""

    def _leave(self, body: Body) -> None:
        """Let the worker of a renamed file go, now or later; what it has begun it still writes."""
        if self.habits.late and self.habits.compressed != 1:
            self._late.append(body)
        else:
            self._flush(body)
            os.close(body.descriptor)

    def _retire(self) -> None:
        """Let workers go that have stayed for long enough: all, where generations are compressed."""
        for body in list(self._late):
            if self.habits.compressed or self._rng.random() < 0.5:
                self._flush(body)
                os.close(body.descriptor)
                self._late.remove(body)

    def _shift(self) -> None:
        """Move the numbered generations up by one, and compress that which is old enough then."""
        numbered = {
            int(one.name.split(".")[2]): one for one in self._generations if one.name.startswith("laravel.log.")
        }
        for number in sorted(numbered, reverse=True):
            path = numbered[number]
            place = path.with_name(f"laravel.log.{number + 1}{'.gz' if path.suffix == '.gz' else ''}")
            self._move(path, place)
            for body in self._late:
                body.path = place if body.path == path else body.path
        second = self._away / f"laravel.log.{self.habits.compressed}"
        if self.habits.compressed > 1 and second in self._generations:
            self._compress(second)

    def _move(self, path: Path, place: Path) -> None:
        path.rename(place)
        self._generations[place] = self._generations.pop(path)
        self.history.note(f"renamed {path.name} to", place, self._generations[place])

    def _copytruncate(self, body: Body, place: Path) -> None:
        self._flush(body)
        place.write_bytes(body.path.read_bytes())
        self._generations[place] = body.generation
        self.history.note(f"copied {body.path.name} to", place, body.generation)
        if self._rng.random() < 0.3:
            pause(self._rng.random() * 0.02)
        os.truncate(body.path, 0)
        body.generation = self._begin(body.path)
        self.history.note("truncated", body.path, body.generation)

    def _compress(self, path: Path) -> None:
        """Compress a file in pieces, as a slow gzip does."""
        packer = zlib.compressobj(wbits=GZIP)
        data, before = path.read_bytes(), path.stat()
        packed = packer.compress(data) + packer.flush()
        place = path.with_name(path.name + ".gz")
        pieces = self._rng.randrange(1, 4)
        with place.open("wb", buffering=0) as file:
            for at in range(pieces):
                file.write(packed[at * len(packed) // pieces : (at + 1) * len(packed) // pieces])
                if at:
                    pause(self._rng.random() * 0.01)
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
        self._generations[place] = self._generations[path]
        self.history.note(f"compressed {path.name} to", place, self._generations[place])
        del self._generations[path]
        path.unlink()

    def _day(self) -> Path:
        return self.folder / f"laravel-{self._next()}.log"

    def _next(self) -> str:
        self._serial += 1
        return f"2026{1 + self._serial // 28:02}{1 + self._serial % 28:02}"
