"""Running booking-exporter so that it tells the peak of its resident memory at its end."""

from __future__ import annotations

import sys

_MEASURED = """\
import atexit, runpy, sys
def peak():
    with open("/proc/self/status") as status:
        print(next(line for line in status if line.startswith("VmHWM")).split()[1], file=sys.stderr)
atexit.register(peak)
runpy.run_module("exporter", run_name="__main__", alter_sys=True)
"""


def measured(*arguments: str) -> list[str]:
    """Return the command line of booking-exporter with `arguments`, which prints its peak when it ends."""
    return [sys.executable, "-c", _MEASURED, *arguments]


def peak_kib(stderr: str) -> int:
    """Return the peak in KiB, as the kernel kept it, from what such a run wrote to standard error."""
    return int(stderr.rsplit(maxsplit=1)[-1])
