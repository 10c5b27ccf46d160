"""Paths that cannot be read at present: counted, told once, and tried again at rising intervals. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from exporter.catalogue import OWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.model import LabelValues

    Report = Callable[[str, LabelValues, float], None]
    Warn = Callable[[str, str, str], None]
    Key = tuple[int, int] | None

SHORTEST: Final = 1.0
"""Seconds after a first failure until the path is tried again; the wait doubles from there."""
LONGEST: Final = 60.0
"""The longest wait in seconds."""


@dataclass(frozen=True, slots=True)
class _Wait:
    since: float
    seconds: float
    key: Key

    def lasts(self, now: float) -> bool:
        return 0 <= now - self.since < self.seconds  # a clock that was set back ends it


class Troubles:
    """What cannot be read.

    `report(metric, labels, amount)` counts, `warn(log, cause, path)` tells the operator: once for
    a path until it could be read again. `paths` names the log of each path that cannot be read. While
    `insisting`, everything is tried at once.
    """

    def __init__(self, report: Report, warn: Warn) -> None:
        """Take the ways to count and to tell."""
        self.paths: set[tuple[str, str]] = set()
        self.insisting = False
        self._report = report
        self._warn = warn
        self._waits: dict[tuple[str, str], _Wait] = {}

    def begin(self) -> None:
        """Begin a new look at all paths: those that still fail are noted again."""
        self.paths = set()

    def end(self, now: float) -> None:
        """Forget the waits of paths that nobody asked for any more."""
        self._waits = {
            key: wait for key, wait in self._waits.items() if key in self.paths or 0 <= now - wait.since < 2 * LONGEST
        }

    def waits(self, log: str, path: str, now: float, key: Key = None) -> bool:
        """Tell whether `path` failed a short while ago and is not to be tried yet.

        `key` are the device and inode of what is there now: another file than the one that failed does not wait.
        """
        wait = self._waits.get((log, path))
        if wait is None or self.insisting or not wait.lasts(now) or key not in {None, wait.key}:
            return False
        self.paths.add((log, path))
        return True

    def note(self, log: str, path: str, cause: str, now: float, key: Key = None) -> None:
        """Take a failure of what is at `path`; one that was noted a short while ago is not counted again."""
        known = self._waits.get((log, path))
        if self.waits(log, path, now, key):
            return
        self.paths.add((log, path))
        seconds = min(2 * known.seconds, LONGEST) if known else SHORTEST
        self._waits[log, path] = _Wait(now, seconds, key)
        self._report(OWN + "read_errors_total", (log, cause), 1)
        if not known:
            self._warn(log, cause, path)

    def solved(self, log: str, path: str) -> None:
        """Note that `path` could be read."""
        self._waits.pop((log, path), None)
        self.paths.discard((log, path))
