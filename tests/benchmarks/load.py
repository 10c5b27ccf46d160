"""Processor time: following 1,000 records/s beside mtail and over 50 files, and following 100 files that rest."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks.compare import differing
from tests.benchmarks.figures import at_most
from tests.benchmarks.generate import SEED, generate
from tests.benchmarks.latency import writing
from tests.benchmarks.mtail import Mtail
from tests.benchmarks.page import commits
from tests.benchmarks.process import peak_mb, processor_seconds, resident_mb
from tests.benchmarks.writer import Plan
from tests.support.daemon import Daemon
from tests.support.scrape import fetch
from tests.support.waiting import pause, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.benchmarks.figures import Findings
    from tests.benchmarks.sizes import Sizes

RATE = 1000
SLICES = 5
FILES = 50
IDLE_FILES = 100
IDLE_FILE_BYTES = 64_000
AGREE_WITHIN = 10.0
SYNCS = 100
SYNC_BYTES = 16_384
SYNC_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Use:
    """What one process used in each slice of time: percent of a core, and resident memory in MB at its end."""

    percent: list[float]
    resident: list[float]


def watch(pids: Sequence[int], seconds: float, slices: int = SLICES) -> list[Use]:
    """Let `seconds` pass in `slices` and return what each process used meanwhile."""
    uses = [Use([], []) for _ in pids]
    begin, before = time.monotonic(), [processor_seconds(pid) for pid in pids]
    for _ in range(slices):
        pause(seconds / slices)
        end, after = time.monotonic(), [processor_seconds(pid) for pid in pids]
        for at, use in enumerate(uses):
            use.percent.append(100 * (after[at] - before[at]) / (end - begin))
            use.resident.append(resident_mb(pids[at]))
        begin, before = end, after
    return uses


def measure(sizes: Sizes, folder: Path, findings: Findings) -> None:
    """Measure under load and at rest."""
    one = _beside_mtail(sizes, folder / "one", findings)
    _many_files(sizes, folder / "many", one, findings)
    _idle(sizes, folder / "idle", findings)


def _beside_mtail(sizes: Sizes, folder: Path, findings: Findings) -> Use:
    """Follow one file with both programs at once; return what ours used."""
    folder.mkdir()
    log = folder / "laravel.log"
    log.touch()
    with Daemon(folder / "daemon", "--log", str(log)) as daemon, Mtail(folder / "mtail", [log]) as mtail:
        with writing([log], Plan(RATE, sizes.fast_seconds + 2, 50), folder / "told.json") as writer:
            wait_until(lambda: log.stat().st_size, deadline=10, what="the first record")
            before, begin = daemon.scrape(), time.monotonic()
            ours, theirs = watch([daemon.pid, mtail.pid], sizes.fast_seconds)
            after, seconds = daemon.scrape(), time.monotonic() - begin
            assert writer.wait(60) == 0, "the writer failed"
        findings.differences += [f"live: {line}" for line in _in_agreement(daemon, mtail)]
        findings.memory("load", "after following 1,000 records/s", resident_mb(daemon.pid), peak_mb(daemon.pid))
    what = f"processor at {RATE:,} records/s"
    findings.runs("load.exporter", f"{what}: exporter", "% of a core", ours.percent)
    findings.runs("load.mtail", f"{what}: mtail", "% of a core", theirs.percent)
    pairs = zip(ours.percent, theirs.percent, strict=True)
    findings.runs("load.ratio", f"{what}: exporter to mtail", "x", [our / their for our, their in pairs], at_most(1))
    findings.runs(
        "memory.load.growth",
        f"growth of resident memory over {sizes.fast_seconds:g} s of it",
        "MB",
        [ours.resident[-1] - ours.resident[0]],
        at_most(2),
    )
    findings.commits("load", "at 1,000 records/s", commits(before, after), seconds)
    findings.samples("commit.disk.p95", "write and sync of 16 KiB on the same disk", "ms", _syncs(folder), 0.95)
    return ours


def _syncs(folder: Path) -> list[float]:
    """Return the milliseconds that each of some appends with fdatasync takes: what no commit can go below."""
    times = []
    with (folder / "synced").open("ab", buffering=0) as file:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            file.write(bytes(SYNC_BYTES))
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - begin))
            pause(SYNC_STEP)
    return times


def _in_agreement(daemon: Daemon, mtail: Mtail) -> list[str]:
    """Return what the two count differently after some time in which both may reach the log's end."""
    end = time.monotonic() + AGREE_WITHIN
    while True:
        lines = differing(fetch(daemon.url + "/metrics")[1], mtail.exposition())
        if not lines or time.monotonic() > end:
            return lines
        pause(0.2)


def _many_files(sizes: Sizes, folder: Path, one: Use, findings: Findings) -> None:
    folder.mkdir()
    logs = [folder / f"laravel-{number:02}.log" for number in range(FILES)]
    for log in logs:
        log.touch()
    with (
        Daemon(folder / "daemon", "--log", f"{folder}/*.log") as daemon,
        writing(logs, Plan(RATE, sizes.fast_seconds + 2, 50), folder / "told.json"),
    ):
        wait_until(lambda: logs[-1].stat().st_size, deadline=10, what="the first records")
        (use,) = watch([daemon.pid], sizes.fast_seconds)
        findings.memory("load.files", f"after following {FILES} files", resident_mb(daemon.pid), peak_mb(daemon.pid))
    what = f"processor at {RATE:,} records/s over {FILES} files"
    findings.runs("load.files", what, "% of a core", use.percent)
    ratios = [many / single for many, single in zip(use.percent, one.percent, strict=True)]
    findings.runs("load.files.ratio", f"{what}: to one file", "x", ratios)


def _idle(sizes: Sizes, folder: Path, findings: Findings) -> None:
    folder.mkdir()
    logs = [folder / f"laravel-{number:03}.log" for number in range(IDLE_FILES)]
    for number, log in enumerate(logs):
        generate("sparse", IDLE_FILE_BYTES, log, seed=SEED + number)
    with Daemon(folder / "daemon", "--log", f"{folder}/*.log") as daemon, Mtail(folder / "mtail", logs) as mtail:
        size = sum(log.stat().st_size for log in logs)
        daemon.wait_for(lambda one: one.total("booking_exporter_read_bytes_total") == size, "everything read")
        pause(2)
        ours, theirs = watch([daemon.pid, mtail.pid], sizes.idle_seconds, 3)
        findings.memory("idle", f"at rest with {IDLE_FILES} files", resident_mb(daemon.pid), peak_mb(daemon.pid))
    what = f"processor at rest, {IDLE_FILES} files"
    findings.runs("idle.exporter", f"{what}: exporter", "% of a core", ours.percent, at_most(0.2))
    findings.runs("idle.mtail", f"{what}: mtail", "% of a core", theirs.percent)
