"""The live writer of a campaign: a thread that never rests while the daemon is killed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.torture.writer import BulkWriter

PAUSE = 0.03
"""Seconds between two pieces of the writer, on average."""
PIECES = 20
"""In so many pieces the share of one life is written."""
TRICKLE = 3
"""Records in a piece once the share of this life is written, so that the daemon never idles."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How much a campaign does."""

    kills: int
    records: int
    rotations: int
    seed: int

    @property
    def births(self) -> int:
        """How many of the kills hit first starts."""
        return self.kills // 10


class Live(Thread):
    """Writes without rest, with rotations at random places, until closed; while paused it does nothing.

    The pace is `allow`'s: a share of all records per life of the daemon, and only a trickle where
    a life outlasts its share.
    """

    def __init__(self, writer: BulkWriter, measure: Measure) -> None:
        super().__init__(daemon=True)
        self.writer = writer
        self.error: BaseException | None = None
        self._rng = Random(measure.seed + 1)
        self._turns = sorted(self._rng.randrange(measure.records) for _ in range(measure.rotations))
        self._piece = max(TRICKLE, measure.records // measure.kills // PIECES)
        self._allowed = 0
        self._go, self._hurry, self._resting, self._closing = Event(), Event(), Event(), Event()

    def allow(self, records: int) -> None:
        """Write up to `records` in all, then a trickle."""
        self._allowed = records
        self._hurry.clear()
        self._go.set()

    def finish(self) -> None:
        """Write the rest of what is allowed without pauses, and rest; return when that is so."""
        self._resting.clear()
        self._hurry.set()
        self._resting.wait()
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """End the thread and close the files."""
        self._closing.set()
        self._go.set()
        self.join()
        self.writer.close()

    def run(self) -> None:
        """Write until closed."""
        try:
            while self._go.wait() and not self._closing.is_set():
                left = self._allowed - self.writer.records
                if left <= 0 and self._hurry.is_set():
                    self._go.clear()
                    self._resting.set()
                    continue
                self._write(2 * self._piece if left > 0 else TRICKLE)
                self._hurry.wait(self._rng.random() * 2 * PAUSE)
        except BaseException as error:  # noqa: BLE001 - shown by the campaign's own thread
            self.error = error
        finally:
            self._resting.set()

    def _write(self, most: int) -> None:
        self.writer.write(self._rng.randrange(1, most + 1))
        while self._turns and self.writer.records >= self._turns[0]:
            self._turns.pop(0)
            self._rotate()

    def _rotate(self) -> None:
        before = self.writer.rotations.total()
        self._rng.choice((self.writer.rotate_by_rename, self.writer.copytruncate, self.writer.switch_day))()
        if self.writer.rotations.total() == before:
            self.writer.switch_day()  # there is nothing yet in the file to be rotated
