"""Live: from the write of an event's last byte to its presence on `/metrics`.

The log is written by a process of its own; both use the system's monotonic clock. The page is asked
every 10 ms over one connection, so that the figures include up to 10 ms and one scrape of the
measurement's own.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.benchmarks.figures import at_most
from tests.benchmarks.page import Page, value
from tests.benchmarks.process import peak_mb, resident_mb
from tests.benchmarks.writer import PROBES, SERIES, Plan, command
from tests.support.daemon import Daemon, environment
from tests.support.waiting import pause

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.figures import Findings
    from tests.benchmarks.sizes import Sizes

STEP = 0.01
"""Seconds between two looks at the page."""
QUIET = 2.0
"""Seconds after the writer's end within which everything is shown."""

Step = tuple[float, float]
"""A time at which the page was received, and the value that it showed then for the first time."""


@contextmanager
def writing(files: Sequence[Path], plan: Plan, told: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the writer beside the block; what it tells at its end goes to the file `told`."""
    with told.open("wb") as output:
        writer = subprocess.Popen(command(files, plan), stdout=output, env=environment())
    try:
        yield writer
    finally:
        writer.kill()
        writer.wait()


def latencies(written: Sequence[float], shown: Sequence[Step]) -> list[float]:
    """Return the seconds from each write to the first page whose value includes it.

    `written` are the times of the first, second, … probe; raises ValueError where one was never shown.
    """
    found = []
    steps = iter(shown)
    seen = 0.0
    at = 0.0
    for number, moment in enumerate(written, 1):
        while seen < number:
            try:
                at, seen = next(steps)
            except StopIteration:
                raise ValueError(f"{len(written)} probes were written, {seen:g} were shown") from None
        found.append(at - moment)
    return found


def measure(sizes: Sizes, folder: Path, findings: Findings) -> None:
    """Measure at 1 and at 1,000 records/s."""
    plans = {"1": Plan(1, sizes.slow_seconds, 1), "1000": Plan(1000, sizes.fast_seconds, 50)}
    for rate, plan in plans.items():
        delays = _live(plan, folder / f"rate-{rate}", rate, findings)
        for kind, ending in _endings(rate).items():
            key, what = f"latency.{rate}.{kind}", f"write to /metrics, {int(rate):,} records/s, {ending}"
            for share, limit in ((0.5, 150), (0.95, 300)):
                goal = None if ending.startswith("silence") else at_most(limit)
                findings.samples(
                    f"{key}.p{share * 100:g}", what, "ms", [1000 * one for one in delays[kind]], share, goal
                )


def _endings(rate: str) -> Mapping[str, str]:
    return {"closed": "context closes", "open": "silence ends it" if rate == "1" else "next header ends it"}


def _live(plan: Plan, folder: Path, rate: str, findings: Findings) -> Mapping[str, list[float]]:
    folder.mkdir()
    log, told = folder / "laravel.log", folder / "told.json"
    log.touch()
    with Daemon(folder / "daemon", "--log", str(log)) as daemon:
        with writing([log], plan, told) as writer:
            shown = _watch(daemon.port, writer)
        findings.memory(
            f"live.{rate}", f"live at {int(rate):,} records/s", resident_mb(daemon.pid), peak_mb(daemon.pid)
        )
    written = json.loads(told.read_text())
    return {kind: latencies(written[kind], shown[kind]) for kind in PROBES}


def _watch(port: int, writer: subprocess.Popen[bytes]) -> Mapping[str, list[Step]]:
    """Ask the page until the writer has ended and everything must be shown."""
    shown: dict[str, list[Step]] = {kind: [] for kind in PROBES}
    latest = dict.fromkeys(PROBES, 0.0)
    quiet = None
    with Page(port) as page:
        while quiet is None or time.monotonic() < quiet:
            _, body = page.ask()
            now = time.monotonic()
            for kind, series in SERIES.items():
                if (count := value(body, series)) > latest[kind]:
                    latest[kind] = count
                    shown[kind].append((now, count))
            if quiet is None and writer.poll() is not None:
                assert writer.returncode == 0, "the writer failed"
                quiet = now + QUIET
            pause(STEP)
    return shown
