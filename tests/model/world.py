"""The files of an app, its workers and its rotation, and what of every record can still be read.

`World` changes real files as workers, logrotate and deployments do. It knows in which files each
record stands. File times are the model's own: `now` is the daemon's clock.
"""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.model.ledger import FIRST, render
from tests.model.oracle import Body, Oracle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(eq=False)
class Packing:
    """A file that is being compressed: what of it stands in the unfinished gzip file `packed`, and how to go on."""

    body: Body
    place: Path
    packed: Path
    data: bytes
    press: zlib._Compress


class World(Oracle):
    """An app's log `laravel.log` below a symlink `current`, its copies, and a descriptor for each worker."""

    def __init__(self, root: Path, *, wide: bool, archived: bool) -> None:
        super().__init__(root, wide=wide, archived=archived)
        self.workers: dict[Body, int] = {}
        self.sizes: dict[int, int] = {}
        self.torn: set[int] = set()
        self.strangers: set[int] = set()
        self.packing: list[Packing] = []
        self.forbidden: float | None = None
        self.allowed = 0.0
        self.releases = 0
        self._serial = 0
        self._writes = 0
        (root / "archive").mkdir()
        self.folder.mkdir(parents=True)
        self.switch(0)

    # What workers do

    def open(self) -> Body:
        """Return what is at the log's place, opened by a worker; it is created if need be."""
        body = self.body
        if body is None:
            body = Body(self.log, self.folder)
            self.bodies.append(body)
            self.log.touch()
            self._named(self.log)
        self.allow(body)
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
        if not self.readable(body):
            self.excused.update(number for number, _ in done)

    # What administrators do

    def forbid(self, body: Body) -> None:
        """Let nobody open a file any more. What must change it allows it again: tests may run without rights."""
        if body.place is None:
            raise AssertionError("has no name")
        body.place.chmod(0)
        body.forbidden = True
        self.forbidden = self.forbidden or self.now

    def allow(self, body: Body) -> None:
        """Let a file be opened again."""
        if body.forbidden and body.place is not None:
            body.place.chmod(0o644)
            self.allowed = self.now
        body.forbidden = False

    def allow_all(self) -> None:
        """Let all files be opened again."""
        for body in self.bodies:
            self.allow(body)

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
        one = Body(place, body.born, body.data, list(body.spans), copied=True, grown=self.now)
        self.bodies.append(one)
        self._touch(place)
        self._named(place)
        return one

    def truncate(self, body: Body) -> None:
        """Truncate a file in place."""
        if body.place is None:
            raise AssertionError("has no name")
        self.allow(body)
        os.truncate(body.place, 0)
        self._touch(body.place)
        lost, body.spans, body.data = body.spans, [], b""
        begun = {number for number, _ in lost[:1]}
        copied = any(begun <= {number for number, _ in other.spans} for other in self.bodies)
        copied = copied or any(one.body is body for one in self.packing)
        gone = self.lose(lost)
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
            fresh = Body(place, self.folder)
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
        self._make_room(packed)
        packed.write_bytes(gzip.compress(body.data, mtime=0))
        self._packed(body, place, packed)

    def begin_packing(self, body: Body, part: float) -> None:
        """Begin to compress a file: up to a part of it stands in the gzip file yet."""
        place = body.place
        if place is None:
            raise AssertionError("has no name")
        packing = Packing(body, place, place.with_name(place.name + ".gz"), b"", zlib.compressobj(wbits=31))
        packing.data = body.data[: round(len(body.data) * part)]
        self._make_room(packing.packed)
        packing.packed.write_bytes(packing.press.compress(packing.data) + packing.press.flush(zlib.Z_SYNC_FLUSH))
        self.packing = [*(one for one in self.packing if one.packed != packing.packed), packing]
        self._touch(packing.packed)
        self._named(packing.packed)

    def end_packing(self) -> None:
        """Compress the rest of what was begun; where the file is another by now, the half gzip file is left."""
        ended, self.packing = self.packing, []
        for one in ended:
            there = self.at(one.packed) is None and one.packed.exists()
            if one.body.place == one.place and there and one.body.data.startswith(one.data):
                with one.packed.open("ab") as file:
                    file.write(one.press.compress(one.body.data[len(one.data) :]) + one.press.flush())
                self._packed(one.body, one.place, one.packed)

    def _make_room(self, packed: Path) -> None:
        there = self.at(packed)
        if there is None:
            packed.unlink(missing_ok=True)
        else:
            self.remove(there)

    def _packed(self, body: Body, place: Path, packed: Path) -> None:
        when = place.stat().st_mtime
        os.utime(packed, (when, when))
        one = Body(packed, body.born, body.data, list(body.spans), packed=True, copied=body.copied, grown=body.grown)
        # Only content identifies a file on another inode, and there must be some that was read.
        one.known = one.saved = body.saved and any(number in self.shown for number, _ in body.spans)
        # What was never opened is known by the inode alone that it had.
        one.left = not body.held and not one.known and (body.forbidden or self.now < body.avoided)
        self.bodies.append(one)
        self.remove(body)
        self._named(packed)

    def deploy(self) -> None:
        """Switch the symlink to a new release, whose log does not exist yet."""
        self.releases += 1
        self.folder_of(self.releases).mkdir(parents=True)
        self.switch(self.releases)

    def switch(self, release: int) -> None:
        """Switch the symlink to a release that was deployed."""
        self.release = release
        (self.root / "next").symlink_to(self.folder.parent)
        (self.root / "next").replace(self.root / "current")

    def unnumbered(self) -> Path:
        """Return a dated name, which the narrow glob names too."""
        self._serial += 1
        return self.folder / f"laravel-{self._serial:03}.log"

    def _unlinked(self, body: Body, place: Path | None) -> None:
        body.place = None
        self.lose(body.spans)
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
