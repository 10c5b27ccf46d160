"""A `Daemon` whose lives are forked by tests.torture.server, with the crash library in them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from tests.support.daemon import Daemon, environment
from tests.torture.crash import VARIABLE

if TYPE_CHECKING:
    from tests.torture.crash import Plan

ROOT = Path(__file__).parents[2]


class Nursery:
    """The running server: gives birth to one life after the other, with the crash library in each if it is given."""

    def __init__(self, library: Path | None = None, plan: Plan | None = None) -> None:
        surroundings = {key: value for key, value in environment().items() if not key.startswith("COVERAGE_")}
        preload = {"PYTHONPATH": str(ROOT)}
        if library is not None and plan is not None:
            preload |= {"LD_PRELOAD": str(library), VARIABLE: str(plan.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=surroundings | preload,
        )
        self.peak = 0

    def __enter__(self) -> Self:
        """Return the nursery itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server, and with it a life that still runs."""
        with self._process:
            self._process.kill()

    def birth(self, arguments: list[str], journal: Path) -> Life:
        """Begin one life."""
        self.say(json.dumps({"arguments": arguments, "journal": str(journal)}))
        return Life(self, self.hear())

    def say(self, line: str) -> None:
        """Send one line to the server."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> int:
        """Read the next number from the server."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server of lives has ended; see its messages above"
        return int(line)


class Life:
    """One process of the daemon, with the part of Popen's interface that `Daemon` uses."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._end = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code. Raises TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("booking-exporter", timeout or 0)
        return code

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where it has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._end, number)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], timeout)[0]:
            os.close(self._end)
            self._nursery.say("")
            self.returncode = self._nursery.hear()
            self._nursery.peak = max(self._nursery.peak, self._nursery.hear())
        return self.returncode


class ForkedDaemon(Daemon):
    """The daemon, each life forked in a nursery."""

    def __init__(self, folder: Path, nursery: Nursery, *arguments: str) -> None:
        super().__init__(folder, *arguments)
        self._nursery = nursery

    def start(self) -> None:
        """Start a life and return at once."""
        assert self._process is None, "it runs already"
        arguments = ["run", *self._arguments, "--state", str(self.state), "--listen", f"127.0.0.1:{self.port}"]
        # Of Popen only what Life has is used.
        self._process = cast("subprocess.Popen[bytes]", self._nursery.birth(arguments, self.journal))

    def wait_dead(self, timeout: float) -> int | None:
        """Wait for the end of this life; return its exit code, or None where it still runs after `timeout` seconds."""
        process = self._running()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._process = None
        return code

    def signal_stop(self) -> None:
        """Send SIGTERM and return at once."""
        self._running().send_signal(signal.SIGTERM)
