"""Writes a live log at a steady rate, in a process of its own: `python -m tests.benchmarks.writer --help`.

Each record is one write(2), as PHP writes. Among the records of the sparse log stand probes, events
that nothing else in it tells, by turns of two kinds: `closed` (its context closes, so that it is
complete at once) and `open` (no context and no spaces at its end, so that only the next header or
silence ends it). When done it prints the monotonic times at which each probe's last byte was written.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.benchmarks.generate import SEED, SHARES, Source
from tests.support.waiting import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROBES = {
    "closed": "[%s] production.WARNING: Duplicate booking attempt blocked (SYNC) - returning existing appointment "
    '{"call_id":%d} \n',
    "open": "[%s] production.WARNING: Could not acquire booking lock - concurrent booking in progress, attempt %d\n",
}
SERIES = {
    "closed": 'api_gateway_idempotency_results_total{result="blocked"}',
    "open": 'api_gateway_booking_conflicts_total{kind="lock"}',
}
"""The series that each kind of probe counts in, as `/metrics` spells it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: records per second for so many seconds, one in `probe_every` a probe, chosen at random."""

    rate: float
    seconds: float
    probe_every: int


def write(
    files: Sequence[int], plan: Plan, *, clock: Callable[[], float], wait: Callable[[float], None]
) -> dict[str, list[float]]:
    """Write records to the descriptors `files` in turn; return the times at which each kind of probe was written.

    Records are due at even distances; below 10 per second these vary by half. So probes never fall
    into step with the daemon's commits. What is late is written at once.
    """
    source, rng = Source(SHARES["sparse"]), Random(SEED)
    kinds = tuple(PROBES)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    due = clock()
    for number in range(int(plan.rate * plan.seconds)):
        if (ahead := due - clock()) > 0:
            wait(ahead)
        file = files[number % len(files)]
        if rng.random() * plan.probe_every < 1:
            turn = sum(map(len, times.values()))
            kind = kinds[turn % len(kinds)]
            os.write(file, _probe(kind, turn))
            times[kind].append(clock())
        else:
            os.write(file, source.record())
        due += (1 if plan.rate >= 10 else rng.uniform(0.5, 1.5)) / plan.rate
    return times


def _probe(kind: str, number: int) -> bytes:
    return (PROBES[kind] % (time.strftime("%Y-%m-%d %H:%M:%S"), number)).encode()


def command(files: Sequence[Path], plan: Plan) -> list[str]:
    """Return the command line that writes `plan` to `files`."""
    options = {"--rate": plan.rate, "--seconds": plan.seconds, "--probe-every": plan.probe_every}
    words = [str(word) for pair in options.items() for word in pair]
    return [sys.executable, "-m", "tests.benchmarks.writer", *words, *map(str, files)]


def main() -> None:
    """Write as the command line says."""
    parser = argparse.ArgumentParser(description="Write a live log and print when each probe was written.")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--rate", type=float, default=1000, help="records per second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--probe-every", type=int, default=50, help="one record in so many is a probe")
    chosen = parser.parse_args()
    files = [os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) for path in chosen.files]
    plan = Plan(chosen.rate, chosen.seconds, chosen.probe_every)
    sys.stdout.write(json.dumps(write(files, plan, clock=time.monotonic, wait=pause)) + "\n")


if __name__ == "__main__":
    main()
