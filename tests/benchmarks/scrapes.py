"""Scrapes: how long `/metrics` takes at rest, while people look at the status page, and while a large file is read."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from exporter.web.page import FRESH_SECONDS
from tests.benchmarks.catch_up import megabytes
from tests.benchmarks.figures import at_most
from tests.benchmarks.generate import SEED, generate
from tests.benchmarks.page import Page, commits, value
from tests.benchmarks.process import peak_mb, resident_mb
from tests.support.daemon import Daemon
from tests.support.waiting import pause

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.figures import Findings
    from tests.benchmarks.sizes import Sizes

STEP = 0.005
"""Seconds between the end of a scrape and the next."""
PAGES = 25
"""Scrapes for each status page that is timed: a page is drawn once a second at most."""
LAG = 'booking_exporter_lag_bytes{log="app"}'
READ = 'booking_exporter_read_bytes_total{log="app"}'
FIRST_BYTES = 5_000_000
DEADLINE = 300.0


def measure(sizes: Sizes, folder: Path, findings: Findings) -> None:
    """Scrape at rest; then let two large files appear, and scrape until they are read.

    The daemon has published everything before they appear, so that the page is as large then as at rest.
    """
    logs = folder / "logs"
    logs.mkdir()
    generate("dense", FIRST_BYTES, logs / "laravel-0.log", seed=SEED - 1)
    waiting = [folder / "laravel-1.log", folder / "laravel-2.log"]
    for path, kind in zip(waiting, ("sparse", "dense"), strict=True):
        generate(kind, megabytes(kind, sizes) * 1_000_000, path)
    with Daemon(folder / "daemon", "--log", f"{logs}/*.log") as daemon, Page(daemon.port) as page:
        daemon.wait_for(lambda one: one.total("booking_exporter_read_bytes_total") >= FIRST_BYTES, "the first log read")
        _report("rest", "at rest", _at_rest(page, sizes.scrapes), findings)
        _measure_status(page, daemon.port, sizes, findings)
        before, begin = daemon.scrape(), time.monotonic()
        for path in waiting:
            path.rename(logs / path.name)
        size = sum(path.stat().st_size for path in logs.iterdir())
        _report("catch_up", "during catch-up", _until_read(page, size), findings)
        after, seconds = daemon.scrape(), time.monotonic() - begin
        findings.memory("scrape", "after catch-up under scrapes", resident_mb(daemon.pid), peak_mb(daemon.pid))
    findings.commits("catch_up", "during catch-up", commits(before, after), seconds)


def _measure_status(page: Page, port: int, sizes: Sizes, findings: Findings) -> None:
    """Time the status page, drawn anew each time, and scrapes while somebody asks for it without end."""
    findings.runs("status.first", "status page for the first time, which compiles it", "ms", [1000 * page.ask("/")[0]])
    drawn = []
    for _ in range(sizes.scrapes // PAGES):
        pause(FRESH_SECONDS)
        drawn.append(1000 * page.ask("/")[0])
    findings.samples("status.p95", "status page, drawn", "ms", drawn, 0.95, at_most(20))
    stop = threading.Event()

    def look() -> None:
        with Page(port) as other:
            while not stop.is_set():
                other.ask("/")

    looking = threading.Thread(target=look)
    looking.start()
    try:
        _report("status", "while the status page is asked for without end", _at_rest(page, sizes.scrapes), findings)
    finally:
        stop.set()
        looking.join()


def _at_rest(page: Page, count: int) -> list[float]:
    times = []
    for _ in range(count):
        times.append(page.ask()[0])
        pause(STEP)
    return times


def _until_read(page: Page, size: int) -> list[float]:
    """Scrape until `size` bytes are read; return the times of scrapes that began while some were known to lack."""
    times = []
    lagging = False
    end = time.monotonic() + DEADLINE
    while True:
        seconds, body = page.ask()
        if lagging:
            times.append(seconds)
        lagging = value(body, LAG) > 0
        if value(body, READ) >= size:
            return times
        assert time.monotonic() < end, f"not read within {DEADLINE:g} s"
        pause(STEP)


def _report(key: str, what: str, times: list[float], findings: Findings) -> None:
    assert times, f"no scrape {what}: the logs are too small"
    milliseconds = [1000 * one for one in times]
    findings.samples(f"scrape.{key}.p50", f"scrape {what}", "ms", milliseconds, 0.5)
    findings.samples(f"scrape.{key}.p99", f"scrape {what}", "ms", milliseconds, 0.99, at_most(10))
