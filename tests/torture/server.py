"""Lives of the daemon without the second that its imports take: forks the real command again and again.

`python -m tests.torture.server` imports the command line once. For each line on standard input, a
JSON object with `arguments` and the file `journal` for standard error, it forks a process that
runs `booking-exporter` with these arguments and prints its process ID. An empty line then lets it
await and reap the process (up to there the ID is not used again) and print the exit code, negative
for a signal, and its peak resident memory in KiB. Nothing is shared with a life but the imported
modules.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from typing import NoReturn

import exporter.service.follow  # noqa: F401 - so that no life has to import it
from exporter import cli

PR_SET_PDEATHSIG = 1


def serve() -> None:
    """Fork lives until standard input ends."""
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            _live(order["arguments"], order["journal"])
        _tell(child)
        sys.stdin.readline()
        _, status, usage = os.wait4(child, 0)
        _tell(os.waitstatus_to_exitcode(status))
        _tell(usage.ru_maxrss)


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _live(arguments: list[str], journal: str) -> NoReturn:
    """Run the command in this process, which no one of the parent's files or signals reaches."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    null = os.open(os.devnull, os.O_RDWR)
    errors = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((null, 0), (null, 1), (errors, 2)):
        os.dup2(source, target)
    os.closerange(3, max(null, errors) + 1)
    sys.argv = ["booking-exporter", *arguments]
    code: object = 0
    try:
        cli.main()
    except SystemExit as error:
        code = error.code
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    serve()
