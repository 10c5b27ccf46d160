"""Counts one file as the daemon does, block by block, into a ledger of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.catalogue import BUILTIN, Catalogue
from exporter.config.schema import LogSettings
from exporter.ledger.ledger import Ledger
from exporter.pipeline import Pipeline
from exporter.records.block import Ending
from exporter.tail.files import OpenFile
from exporter.tail.follow import Tail
from tests.support.stepper import events

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2025, 10, 26, 1, 30, tzinfo=UTC).timestamp()
"""In the second pass of the hour that Berlin's clocks show twice."""


def empty_ledger() -> Ledger:
    """Return a ledger for the shipped events of the log `app`."""
    return Ledger(Catalogue(BUILTIN, logs=("app",), events=events().names), None, b"k" * 32)


class Reader:
    """A pipeline over one file, the log `app`."""

    def __init__(self, path: Path, data: bytes, **log: object) -> None:
        path.write_bytes(data)
        settings = LogSettings("app", (str(path),), **log)  # type: ignore[arg-type]
        self.ledger = empty_ledger()
        self.pipeline = Pipeline([settings], events(), self.ledger)
        self.tail = Tail(1, "app", str(path), 1, 1, file=OpenFile(str(path)))

    def read(self, *, ending: Ending = Ending.MORE, live: bool = False, now: float = NOW) -> int:
        """Read and count the next block; return how many of its bytes are new."""
        length = self.pipeline.fill(self.tail)
        return self.pipeline.count(self.tail, length, now, ending=ending, live=live)

    def counter(self, name: str, *labels: str) -> float:
        """Return a counter's value."""
        return self.ledger.state().counters.get((name, labels), 0)
