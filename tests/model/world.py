"""The files of an app, its workers and its rotation, and what of every record can still be read.

`World` changes real files as workers, logrotate and deployments do. It knows in which files each
record stands, so it knows which records stood only in bytes that were destroyed before the daemon
published them. File times are the model's own: `now` is the daemon's clock.
"""

from __future__ import annotations

import gzip
import os
import re
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from tests.model.ledger import FIRST, render

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HOLD = 48 * 3600.0
UNLINKED_QUIET = 600.0
TIME = re.compile(rb"^\[(.{19})\] production.INFO", re.MULTILINE)
SURE = 256
"""Fewer bytes than these prove nothing."""


@dataclass(eq=False)
class Body:
    """One inode: where it is named, what it holds, and whether the daemon has it open.

    `spans` are the complete records in it (number, end); `piece` what is still to be written of a
    record that was begun. `known` once the daemon looked while it was in sight.
    """

    place: Path | None
    data: bytes = b""
    spans: list[tuple[int, int]] = field(default_factory=list)
    piece: tuple[int, bytes] | None = None
    held: bool = False
    known: bool = False
    saved: bool = False
    copied: bool = False
    packed: bool = False
    left: bool = False
    grown: float = 0.0


class World:
    """An app's log `laravel.log` below a symlink `current`, its copies, and a descriptor for each worker."""

    def __init__(self, root: Path, *, wide: bool, archived: bool) -> None:
        self.root = root
        self.pattern = "laravel*" if wide else "laravel*.log"
        self.archive = root / "archive" if archived else None
        self.bodies: list[Body] = []
        self.workers: dict[Body, int] = {}
        self.sizes: dict[int, int] = {}
        self.excused: set[int] = set()
        self.torn: set[int] = set()
        self.strangers: set[int] = set()
        self.noticed: dict[int, Body] = {}
        self.destroyed = False
        self.doubtful = False
        self.shown: set[int] = set()
        self.now = 0.0
        self.active: Path | None = None
        self.active_saved: Path | None = None
        self._release = 0
        self._serial = 0
        self._writes = 0
        (root / "archive").mkdir()
        self._deploy()

    @property
    def glob(self) -> str:
        """The configured glob, through the symlink."""
        return f"{self.root}/current/logs/{self.pattern}"

    @property
    def rotated(self) -> tuple[str, ...]:
        """The configured globs for copies elsewhere."""
        return (f"{self.archive}/*",) if self.archive else ()

    @property
    def folder(self) -> Path:
        """The folder of the present release's logs."""
        return self.root / "releases" / str(self._release) / "logs"

    @property
    def log(self) -> Path:
        """The present place of the log."""
        return self.folder / "laravel.log"

    @property
    def present(self) -> Body:
        """What is at the log's place, where something is."""
        body = self.body
        if body is None:
            raise AssertionError("the log is not there")
        return body

    @property
    def body(self) -> Body | None:
        """What is at the log's place."""
        return self.at(self.log)

    def at(self, place: Path) -> Body | None:
        """Return what is named so."""
        return next((body for body in self.bodies if body.place == place), None)

    def sighted(self, body: Body) -> bool:
        """Tell whether the configured glob names it at present."""
        return body.place is not None and body.place.parent == self.folder and body.place.match(self.pattern)

    # What workers do

    def open(self) -> Body:
        """Return what is at the log's place, opened by a worker; it is created if need be."""
        body = self.body
        if body is None:
            body = Body(self.log)
            self.bodies.append(body)
            self.log.touch()
            self._named(self.log)
        if body not in self.workers:
            self.workers[body] = os.open(self.log, os.O_WRONLY | os.O_APPEND)
        return body

    def append(self, body: Body, shapes: Iterable[tuple[str, int]], cut: float | None = None) -> None:
        """Let a worker write records; with `cut` the last of them up to that part of it only."""
        out = b""
        done: list[tuple[int, int]] = []
        if body.piece is not None:
            number, rest = body.piece
            out += rest
            if number not in self.torn:
                done.append((number, len(body.data) + len(out)))
            body.piece = None
        for shape, size in shapes:
            number = len(self.sizes)
            data = render(number, shape, max(size, 0 if body.data or done else FIRST), self.now)
            self.sizes[number] = len(data)
            out += data
            done.append((number, len(body.data) + len(out)))
        if cut is not None and len(done) > 1:
            number, _ = done.pop()
            size = self.sizes[number]
            left = max(1, min(size - 1, round(size * cut)))
            body.piece = (number, out[len(out) - left :])
            out = out[: len(out) - left]
        self._write(body, out, done)

    def finish(self) -> None:
        """Let all workers write what they have begun."""
        for body in list(self.workers):
            self.flush(body)

    def flush(self, body: Body) -> None:
        """Let a worker write the rest of what it has begun; behind a truncation with a whole record after it."""
        if body.piece is not None:
            self.append(body, [("context", FIRST)] if not body.data else [])

    def _write(self, body: Body, out: bytes, done: list[tuple[int, int]]) -> None:
        if not out:
            return
        os.write(self.workers[body], out)
        body.data += out
        body.spans += done
        body.grown = self.now
        if body.place is not None:
            self._touch(body.place)
        if not self._readable(body):
            self.excused.update(number for number, _ in done)

    # What rotation does

    def shift(self) -> Path:
        """Return `laravel.log.1`, made free by moving the numbered ones up, as logrotate does."""
        folder = self.archive or self.folder
        numbered = [one for one in self.bodies if one.place and one.place.match("laravel.log.[0-9]*")]
        for body in sorted(numbered, key=lambda one: -int(str(one.place).split(".log.")[1].split(".")[0])):
            place = body.place
            if place is not None and place.parent == folder:
                number, dot, suffix = place.name.removeprefix("laravel.log.").partition(".")
                self.move(body, place.with_name(f"laravel.log.{int(number) + 1}{dot}{suffix}"))
        return folder / "laravel.log.1"

    def move(self, body: Body, place: Path) -> None:
        """Rename a file."""
        if body.place is None:
            raise AssertionError("has no name")
        body.place.rename(place)
        self._named(body.place)
        body.place = place
        self._named(place)

    def estrange(self) -> None:
        """Rotate the log before the daemon was ever started, outside the glob; its worker stays. A new log is there."""
        body = self.open()
        self.strangers.update(number for number, _ in body.spans)
        self.excused |= self.strangers
        self.move(body, self.shift())
        self.append(self.open(), [("context", FIRST)])

    def copy(self, body: Body, place: Path) -> Body:
        """Copy a file, as `cp` does."""
        place.write_bytes(body.data)
        one = Body(place, body.data, list(body.spans), copied=True, grown=self.now)
        self.bodies.append(one)
        self._touch(place)
        self._named(place)
        return one

    def truncate(self, body: Body) -> None:
        """Truncate a file in place."""
        if body.place is None:
            raise AssertionError("has no name")
        os.truncate(body.place, 0)
        self._touch(body.place)
        lost, body.spans, body.data = body.spans, [], b""
        begun = {number for number, _ in lost[:1]}
        copied = any(begun <= {number for number, _ in other.spans} for other in self.bodies)
        gone = self._lose(lost)
        if body.held and body.saved and begun <= self.shown and not copied:
            self.noticed |= dict.fromkeys(gone, body)
        if body.piece is not None:
            self.torn.add(body.piece[0])

    def remove(self, body: Body) -> None:
        """Unlink a file."""
        place = body.place
        if place is None:
            raise AssertionError("has no name")
        place.unlink()
        self._unlinked(body, place)

    def replace(self, body: Body, *, longer: bool) -> None:
        """Replace the file at the log's place by another in one step: by its own copy with more in it, or a new one."""
        place = self.folder / "new.tmp"
        if longer:
            self.flush(body)
            fresh = self.copy(body, place)
        else:
            fresh = Body(place)
            self.bodies.append(fresh)
            place.touch()
        self.workers[fresh] = os.open(place, os.O_WRONLY | os.O_APPEND)
        self.append(fresh, [("context", FIRST)])
        place.replace(self.log)
        fresh.place = self.log
        self._named(self.log)
        self._unlinked(body, None)

    def pack(self, body: Body) -> None:
        """Compress a file as gzip does, which keeps its time and removes it."""
        place = body.place
        if place is None:
            raise AssertionError("has no name")
        packed = place.with_name(place.name + ".gz")
        packed.write_bytes(gzip.compress(body.data, mtime=0))
        when = place.stat().st_mtime
        os.utime(packed, (when, when))
        one = Body(packed, body.data, list(body.spans), packed=True, copied=body.copied, grown=body.grown)
        # Only content identifies a file on another inode, and there must be some that was read.
        one.known = one.saved = body.saved and any(number in self.shown for number, _ in body.spans)
        self.bodies.append(one)
        self.remove(body)
        self._named(packed)

    def deploy(self) -> None:
        """Switch the symlink to a new release, whose log does not exist yet."""
        self._release += 1
        self._deploy()

    def unnumbered(self) -> Path:
        """Return a dated name, which the narrow glob names too."""
        self._serial += 1
        return self.folder / f"laravel-{self._serial:03}.log"

    def _deploy(self) -> None:
        self.folder.mkdir(parents=True)
        (self.root / "next").symlink_to(self.folder.parent)
        (self.root / "next").replace(self.root / "current")

    # What the daemon can know

    def looked(self, shown: set[int], *, committed: bool) -> None:
        """Take note that the daemon looked at everything, and of what it has published since."""
        self.published(shown)
        self.doubtful = self.doubtful or self._part_in_one_second()
        for body in self.bodies:
            if body.place is not None and not (
                (self.sighted(body) and not body.packed) or body.known or self._traceable(body.place)
            ):
                body.left = True
                self._excuse(body.spans)
        self.noticed = {number: body for number, body in self.noticed.items() if not self._finished(body)}
        self.active = self.folder if self.body is not None else None
        for body in self.bodies:
            if self.sighted(body) or (body.known and body.place is not None and not body.left):
                body.held = not body.copied and not body.packed
                body.known = True
            idle = self.now - body.grown
            if body.place is None and idle > UNLINKED_QUIET:
                body.held = False
                if not committed:  # it was let go while nothing could be read
                    self._lose(body.spans)
            if body.place is not None and idle > HOLD:  # by design no descriptor holds it; if in sight, it is looked at
                body.left = body.left or not self.sighted(body)
                body.held = False
            if body.place == self.log:
                body.copied = False
        if committed:
            self.save()

    def _part_in_one_second(self) -> bool:
        """Tell whether two files share a beginning of one second, which the daemon cannot know to be copied."""
        for one, other in combinations([body.data for body in self.bodies], 2):
            shared = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            if shared >= SURE and len(set(TIME.findall(one[:shared]))) == 1:
                return True
        return False

    def _finished(self, body: Body) -> bool:
        """Tell whether a file is gone that nobody held, and was idle for so long that its end is no loss."""
        return body.place is None and not body.held and self.now - body.grown > HOLD

    def save(self) -> None:
        """Take note that the daemon has committed what it saw."""
        self.active_saved = self.active
        for body in self.bodies:
            body.saved = body.known

    def _traceable(self, place: Path) -> bool:
        """Tell whether what was never in sight is beside a log that was there at the look before."""
        near = place.parent in {self.active, self.archive} and self.active is not None
        return near and place.name.startswith("laravel.log")

    def published(self, shown: set[int]) -> None:
        """Take note of what the daemon has published."""
        self.shown = shown

    def ended(self) -> None:
        """Take note that the daemon ended: what only its descriptors held is gone."""
        self.active = self.active_saved
        for body in self.bodies:
            body.held = False
            body.known = body.saved
        for body in self.bodies:
            if body.place is None:
                self._lose(body.spans)

    def _readable(self, body: Body) -> bool:
        if body.place is None:
            return body.held
        return not body.left

    def _lose(self, spans: Iterable[tuple[int, int]]) -> set[int]:
        self.destroyed = True
        return self._excuse(spans)

    def _excuse(self, spans: Iterable[tuple[int, int]]) -> set[int]:
        readable = {number for body in self.bodies if self._readable(body) for number, _ in body.spans}
        gone = {number for number, _ in spans} - self.shown - readable
        self.excused |= gone
        return gone

    def _unlinked(self, body: Body, place: Path | None) -> None:
        body.place = None
        self._lose(body.spans)
        if place is not None:
            self._named(place)

    def _touch(self, place: Path) -> None:
        self._writes += 1  # two writes never have the same time; it lags behind the clock, as the kernel's does
        when = int(self.now * 1e9) - 5_000_000 + self._writes * 1000
        os.utime(place, ns=(when, when))

    def _named(self, place: Path) -> None:
        os.utime(place.parent, (self.now, self.now))

    def close(self) -> None:
        """Close the workers' files."""
        for descriptor in self.workers.values():
            os.close(descriptor)
