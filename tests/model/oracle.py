"""What of the records in an app's files a daemon can know, whose descriptors are all that keeps some of them.

`Oracle` says which records need not be counted, since they stood only in bytes that were destroyed before
the daemon published them, or were never in its sight.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from exporter.tail.trouble import LONGEST

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

    `born` is the folder in which it was written first, `spans` are the complete records in it (number, end); `piece`
    what is still to be written of a record that was begun. `known` once the daemon looked while it was in sight.
    """

    place: Path | None
    born: Path
    data: bytes = b""
    spans: list[tuple[int, int]] = field(default_factory=list)
    piece: tuple[int, bytes] | None = None
    held: bool = False
    known: bool = False
    saved: bool = False
    copied: bool = False
    packed: bool = False
    left: bool = False
    forbidden: bool = False
    avoided: float = 0.0
    grown: float = 0.0


class Oracle:
    """The files that there are, and were, below `root`, and what the daemon knows of them."""

    def __init__(self, root: Path, *, wide: bool, archived: bool) -> None:
        self.root = root
        self.pattern = "laravel*" if wide else "laravel*.log"
        self.archive = root / "archive" if archived else None
        self.bodies: list[Body] = []
        self.release = 0
        self.now = 0.0
        self.excused: set[int] = set()
        self.noticed: dict[int, Body] = {}
        self.destroyed = False
        self.doubtful = False
        self.shown: set[int] = set()
        self._first = True
        self._active: Path | None = None
        self._active_saved: Path | None = None

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
        return self.folder_of(self.release)

    def folder_of(self, release: int) -> Path:
        """Return the folder of a release's logs."""
        return self.root / "releases" / str(release) / "logs"

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

    def looked(self, shown: set[int], *, committed: bool) -> None:
        """Take note that the daemon looked at everything, and of what it has published since."""
        self.published(shown)
        if self._first:
            self._excuse_history()
        self._first = False
        self.doubtful = self.doubtful or self._part_in_one_second()
        for body in self.bodies:
            self._left(body)
        self.noticed = {number: body for number, body in self.noticed.items() if not self._finished(body)}
        self._active = self.folder if self.body is not None else None
        for body in self.bodies:
            self._held(body, committed=committed)
            if body.place == self.log:
                body.copied = False
        if committed:
            self.save()

    def _excuse_history(self) -> None:
        """Excuse what stood at the first look both in a file that could not be opened and in another beside it."""
        numbers = {body: {number for number, _ in body.spans} for body in self.bodies}
        for body, other in permutations(self.bodies, 2):
            if body.forbidden and numbers[body] & numbers[other]:
                self.excused |= numbers[body] | numbers[other]

    def _left(self, body: Body) -> None:
        """Take note of what is out of sight, and was not known before, or came into sight again."""
        in_sight = self.sighted(body) and not body.packed
        if in_sight:
            body.left = False
        elif body.place is not None and not body.known and not self._traceable(body, body.place):
            body.left = True
            self._excuse(body.spans)

    def _held(self, body: Body, *, committed: bool) -> None:
        """Take note of which files the daemon holds open now."""
        if body.forbidden and not body.held:
            body.avoided = self.now + 2 * LONGEST  # it is not tried again at each look
        if self.now < body.avoided and not body.held:
            body.known = body.known or self.sighted(body)
            return
        if self.sighted(body) or (body.known and body.place is not None and not body.left):
            body.held = not body.copied and not body.packed
            body.known = True
        idle = self.now - body.grown
        if body.place is None and idle > UNLINKED_QUIET:
            body.held = False
            if not committed:  # it was let go while nothing could be read
                self.lose(body.spans)
        if body.place is not None and idle > HOLD:  # by design no descriptor holds it; if in sight, it is looked at
            body.left = body.left or not self.sighted(body)
            body.held = False

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
        self._active_saved = self._active
        for body in self.bodies:
            body.saved = body.known

    def _traceable(self, body: Body, place: Path) -> bool:
        """Tell whether what was never in sight was rotated from a log that was there at the look before, or is now."""
        archived = place.parent == self.archive and body.born in {self._active, self.folder}
        near = self._active is not None and (place.parent == self._active or archived)
        return near and place.name.startswith("laravel.log")

    def published(self, shown: set[int]) -> None:
        """Take note of what the daemon has published."""
        self.shown = shown

    def ended(self) -> None:
        """Take note that the daemon ended: what only its descriptors held is gone."""
        self._active = self._active_saved
        for body in self.bodies:
            body.held = False
            body.known = body.saved
        for body in self.bodies:
            if body.place is None:
                self.lose(body.spans)

    def readable(self, body: Body) -> bool:
        if body.place is None:
            return body.held
        return not body.left

    def lose(self, spans: Iterable[tuple[int, int]]) -> set[int]:
        self.destroyed = True
        return self._excuse(spans)

    def _excuse(self, spans: Iterable[tuple[int, int]]) -> set[int]:
        readable = {number for body in self.bodies if self.readable(body) for number, _ in body.spans}
        gone = {number for number, _ in spans} - self.shown - readable
        self.excused |= gone
        return gone
