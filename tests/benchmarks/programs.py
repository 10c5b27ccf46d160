"""Programs that read a log once, timed from their start to their end."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.daemon import environment
from tests.support.peak import measured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PHRASE = "Stale booking detected"
_LEAST = 0.001
"""Seconds that a run takes at least, however little is left of it without its start."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its time by the clock and on processors, and what it wrote."""

    seconds: float
    processor: float
    output: str
    errors: str


def exporter(*arguments: str) -> list[str]:
    """Return the command `run --once` with `arguments`; it tells its peak of memory."""
    return measured("run", "--once", *arguments)


def grep(log: Path) -> list[str]:
    """Return the command that counts the lines with one fixed string."""
    return ["env", "LC_ALL=C", "grep", "-c", "-F", PHRASE, str(log)]


def timed(command: Sequence[str]) -> Run:
    """Run `command` to its end; SystemExit where it fails."""
    used, begin = _children(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment(), check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{command[0]} failed with {done.returncode}: {done.stderr[-2000:]}")
    return Run(seconds, _children() - used, done.stdout, done.stderr)


def _children() -> float:
    """Return the processor seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_turn(commands: Sequence[Sequence[str]], rounds: int) -> list[list[Run]]:
    """Run all `commands` in turn, `rounds` times; return the runs of each command."""
    done = [[timed(command) for command in commands] for _ in range(rounds)]
    return [[one[at] for one in done] for at in range(len(commands))]


def ratios(
    numerator: Sequence[Run], denominator: Sequence[Run], *, starts: tuple[float, float] = (0.0, 0.0)
) -> list[float]:
    """Return the ratio of the times in each round, less the seconds in `starts` of the one and of the other."""
    pairs = zip(numerator, denominator, strict=True)
    return [(one.seconds - starts[0]) / max(other.seconds - starts[1], _LEAST) for one, other in pairs]
