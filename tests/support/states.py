"""Values to fill a state file with, and ways to look into it from outside."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from exporter.model import SIGHTING, VIOLATED, Changes, FileRow, HistogramValue, LedgerState, Page, Sighting, Violated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTHING = Changes({}, {}, {}, {}, None, None)

SOMETHING = Changes(
    counters={("c_total", ("a", "quoted \" '; and é")): 3.0, ("d_total", ()): 0.5},
    histograms={("h_seconds", ()): HistogramValue((1, 0, 2), 7.25, (0.5, 1.0))},
    last_events={"stale_booking": 1_760_000_000.25},
    minutes={("rejections", 29_333_333): 4, ("created", 29_333_333): 9},
    incidents=Page(0, SIGHTING.pack(b"i" * 16, 1_760_000_000.0, 1_760_000_001.0), 0, anew=False),
    violations=Page(7, VIOLATED.pack(b"v" * 16, 0, 1_760_000_000.0), 7, anew=False),
    layers={("layer1", 29_333_333): 3, ("layer4", 29_333_333): 1},
)

LEDGER = LedgerState(
    SOMETHING.counters,
    SOMETHING.histograms,
    SOMETHING.last_events,
    {("rejections", 29_333_333): 4, ("created", 29_333_333): 9},
    {b"i" * 16: Sighting(1_760_000_000.0, 1_760_000_001.0)},
    {7: Violated(b"v" * 16, "report", 1_760_000_000.0)},
    {("layer1", 29_333_333): 3, ("layer4", 29_333_333): 1},
)

FILE = FileRow(
    id=1,
    log="app",
    path="/var/log/caf\udce9.log",
    device=2**64 - 5,
    inode=2**63 + 17,
    position=2**40,
    record_start=2**40 - 9,
    record='{"counted": [1]}',
    size=2**40 + 1,
    head=b"\x00\xff" * 8,
    tail=b"t",
    grown=1_760_000_000.5,
    seen=1_760_000_001.5,
    state="active",
)


def run_sql(path: Path, script: str) -> None:
    """Run statements on a state from outside the store."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@contextmanager
def another_process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python code in a process of its own, after it printed its first line, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()
