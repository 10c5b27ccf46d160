"""Reads one generated log with `run --once` and with mtail, and prints how fast each was.

`python -m tests.benchmarks.throughput [--megabytes N]`, or `make bench`. Runs are paired (one of
each in turn) and medians are shown, because machines vary; what counts is the ratio. Both programs
must count the same, else the comparison is worthless and the exit code is 1. mtail runs with
`--one_shot`; the times include the start of both processes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.generate import KINDS, generate
from tests.support.daemon import command, environment
from tests.support.oracle import APP
from tests.support.scrape import Scrape, parse

PROGRAM = Path(__file__).parent / "booking.mtail"
PAIRS = 3
_OF_MTAIL = re.compile(r'prog="booking\.mtail",|,?prog="booking\.mtail"')
MTAIL = ("mtail", "--one_shot", "--one_shot_format=prometheus", "--logtostderr", "--address=127.0.0.1", "--port=0")


def _timed(arguments: list[str]) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment(), check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{arguments[0]} failed with {done.returncode}: {done.stderr[-2000:]}")
    return seconds, done.stdout


def _counters(scrape: Scrape) -> dict[str, float]:
    """Return what both programs count: counters, and the counts and sums of histograms."""
    return {
        _OF_MTAIL.sub("", key).replace("{}", ""): round(value, 3)
        for key, value in scrape.rising.items()
        if key.startswith(APP) and value and "_bucket{" not in key and "_incidents_" not in key
    }


def _compare(ours: str, theirs: str) -> list[str]:
    """Return one line per series that differs."""
    left, right = _counters(parse(ours)), _counters(parse(theirs))
    # mtail prints floats of any size with seven digits.
    return [
        f"{key}: exporter {left.get(key, 0):g}, mtail {right.get(key, 0):g}"
        for key in sorted(left.keys() | right.keys())
        if abs(left.get(key, 0) - right.get(key, 0)) > 1e-6 * abs(left.get(key, 0))
    ]


def measure(kind: str, size: int, folder: Path) -> list[str]:
    """Print one row of the table for a `kind` of log; return the series that the programs counted differently."""
    log = folder / f"{kind}.log"
    records = generate(kind, size, log)
    exporter = command("run", "--once", "--log", str(log))
    mtail = [*MTAIL, "--progs", str(PROGRAM), "--logs", str(log)]
    pairs = [(_timed(exporter), _timed(mtail)) for _ in range(PAIRS)]
    megabytes = log.stat().st_size / 1e6
    ours, theirs = (median(pair[side][0] for pair in pairs) for side in (0, 1))
    ratio = median(pair[1][0] / pair[0][0] for pair in pairs)
    log.unlink()
    sys.stdout.write(
        f"{kind:8}{megabytes:8.0f} MB{records:10} records{megabytes / ours:10.1f} MB/s"
        f"{megabytes / theirs:10.1f} MB/s{ratio:8.1f} x\n"
    )
    return _compare(pairs[0][0][1], pairs[0][1][1])


def main() -> None:
    """Measure both kinds of log."""
    parser = argparse.ArgumentParser(description="Compare `run --once` with mtail.")
    parser.add_argument("--megabytes", type=int, default=200, help="size of each generated log")
    chosen = parser.parse_args()
    sys.stdout.write(f"{'log':8}{'size':>11}{'':18}{'exporter':>15}{'mtail':>15}{'ratio':>10}\n")
    differing = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in sorted(KINDS, reverse=True):
            differing += measure(kind, chosen.megabytes * 1_000_000, Path(folder))
    for line in differing:
        sys.stdout.write(f"counted differently: {line}\n")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
