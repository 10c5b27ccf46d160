"""What is kept of a storm, so that a difference can be understood: what was done to files, and what the daemon said."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.monitor import Monitor
from tests.torture.generations import COUNT

if TYPE_CHECKING:
    from tests.support.scrape import Scrape
    from tests.torture.lives import ForkedDaemon

LOSSES = "booking_exporter_possible_losses_total"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done, when, and to which file."""

    when: float
    what: str
    path: str = ""
    inode: int = 0
    size: int = 0
    modified: float = 0.0
    generation: int = -1

    def __str__(self) -> str:
        """Return one line; times are Unix seconds, as the daemon's."""
        who = f" {self.path} inode {self.inode}, {self.size} bytes of {self.modified:.3f}" if self.path else ""
        which = f", generation {self.generation}" if self.generation >= 0 else ""
        return f"{self.when:.3f} {self.what}{who}{which}"


@dataclass(slots=True)
class History:
    """All that was done, in order; for several threads."""

    deeds: list[Deed] = field(default_factory=list)

    def note(self, what: str, path: Path | None = None, generation: int = -1) -> None:
        """Note that something was done now."""
        now = time.time()
        if path is None:
            self.deeds.append(Deed(now, what, generation=generation))
            return
        stat = path.stat()
        place = f"{path.parent.name}/{path.name}"
        self.deeds.append(Deed(now, what, place, stat.st_ino, stat.st_size, stat.st_mtime, generation))


class Watch(Monitor):
    """Notes in the history what the daemon counts, the losses that it tells, and what its state says of files."""

    def __init__(self, daemon: ForkedDaemon, history: History) -> None:
        super().__init__(daemon, interval=0.05)
        self._state = daemon.state
        self._history = history
        self._shown: dict[str, float] = {}
        self._rows: dict[int, str] = {}

    def check(self, scrape: Scrape) -> None:
        """Compare one more scrape with all before."""
        super().check(scrape)
        for key, value in scrape.rising.items():
            if value != self._shown.get(key, 0) and key.startswith((COUNT, LOSSES)):
                self._shown[key] = value
                generation = key.partition('generation="')[2].partition('"')[0]
                what = f"daemon counted {value:g}" if generation else f"daemon tells {key} {value:g}"
                self._history.note(what, generation=int(generation or -1))
        rows = file_rows(self._state)
        for number, row in rows.items():
            if self._rows.get(number) != row:
                self._history.note(f"row {number}: {row}")
        for number in self._rows.keys() - rows.keys():
            self._history.note(f"row {number} is gone: {self._rows[number]}")
        self._rows = rows


def file_rows(state: Path) -> dict[int, str]:
    """Return what the state says of each known file."""
    query = "SELECT id, path, inode, state, position, size, grown, seen FROM files"
    try:
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as opened:
            rows = opened.execute(query).fetchall()
    except sqlite3.Error:  # being made, or put away
        return {}
    return {
        number: f"{Path(os.fsdecode(path)).name} inode {inode}, {kind}, read {position} of {size}, "
        f"grown {grown:.3f}, seen {seen:.3f}"
        for number, path, inode, kind, position, size, grown, seen in rows
    }
