"""What the kernel knows about a running process."""

from __future__ import annotations

import time
from pathlib import Path

_SCHEDULED = 2
"""The kind of clock in a clock ID: time on a processor, in nanoseconds (CPUCLOCK_SCHED)."""


def processor_seconds(pid: int) -> float:
    """Return the processor time that all threads of `pid` have used, those that ended included.

    The clock ID is the one that clock_getcpuclockid(3) makes; utime and stime in /proc count in
    steps of 10 ms, too coarse for an idle process.
    """
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


def resident_mb(pid: int) -> float:
    """Return the resident memory of `pid` (VmRSS of proc(5)) in MB."""
    return _status(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the highest resident memory so far (VmHWM of proc(5)) in MB."""
    return _status(pid, "VmHWM")


def read_mb(pid: int) -> float:
    """Return how much `pid` has read from any file (rchar of proc(5)) in MB, from the page cache too."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("rchar:")).split()[1]) / 1e6


def _status(pid: int, key: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{key}:")).split()[1]) * 1024 / 1e6
