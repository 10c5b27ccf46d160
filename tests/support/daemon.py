"""The daemon as a real process: started, awaited, scraped, killed and stopped like in production."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from tests.support.oracle import differences
from tests.support.scrape import OPENMETRICS, Scrape, fetch, parse
from tests.support.waiting import pause, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

START_DEADLINE = 20.0
ROOT_DROPS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Prefix that makes root obey file permissions (util-linux)."""


def command(*arguments: str) -> list[str]:
    """Return the command line of booking-exporter with `arguments`."""
    return [sys.executable, "-m", "exporter", *arguments]


def environment() -> dict[str, str]:
    """Return the environment for child processes: ours without settings of the exporter."""
    return {key: value for key, value in os.environ.items() if not key.startswith("BOOKING_EXPORTER_")}


def run(*arguments: str, prefix: Sequence[str] = (), timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command of booking-exporter to its end and return what it printed and its exit code."""
    return subprocess.run(
        [*prefix, *command(*arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        env=environment(),
        check=False,
    )


def run_once(*arguments: str) -> Scrape:
    """Run `run --once` with `arguments` and return the exposition; AssertionError where it fails."""
    done = run("run", "--once", *arguments)
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def free_port() -> int:
    """Return a TCP port that is free on the loopback address at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Daemon:
    """`booking-exporter run` on one state, startable again and again.

    `arguments` are those of `run` without `--state` and `--listen`. Standard error of all lives
    is collected in the file `journal`. As a context manager it kills what still runs. `program`
    is an installed booking-exporter to be tried instead of the one in the tree.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        prefix: Sequence[str] = (),
        state: Path | None = None,
        program: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.state = state or folder / "state.sqlite"
        self.port = free_port()
        self.journal = folder / "journal.txt"
        self._arguments = arguments
        self._prefix = prefix
        self._command = command() if program is None else [str(program)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it is ready."""
        self.start()
        self.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it if it still runs."""
        if self._process is not None:
            self.kill()

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process ID of the present life."""
        return self._running().pid

    @property
    def stderr(self) -> str:
        """What it wrote to standard error in all its lives."""
        return self.journal.read_text(errors="replace")

    def start(self) -> None:
        """Start the process and return at once."""
        assert self._process is None, "it runs already"
        arguments = ("run", *self._arguments, "--state", str(self.state), "--listen", f"127.0.0.1:{self.port}")
        with self.journal.open("ab") as journal:
            self._process = subprocess.Popen(
                [*self._prefix, *self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=journal,
                env=environment(),
            )

    def wait_ready(self, deadline: float = START_DEADLINE) -> None:
        """Wait until `/-/ready` says 200; AssertionError if it ends before or takes longer than `deadline`."""
        self._wait_for_page("ready", deadline)

    def wait_listening(self, deadline: float = START_DEADLINE) -> None:
        """Wait until it serves, ready or not."""
        self._wait_for_page("healthy", deadline)

    def _wait_for_page(self, page: str, deadline: float) -> None:
        process = self._running()

        def ready() -> bool:
            assert process.poll() is None, f"ended with {process.returncode}: {self.stderr}"
            try:
                return fetch(f"{self.url}/-/{page}")[0] == 200
            except OSError:
                return False

        wait_until(ready, deadline=deadline, what=lambda: f"{page}; its log: {self.stderr[-2000:]}")

    def scrape(self, *, accept: str = "text/plain") -> Scrape:
        """Return the present exposition; OSError while nobody listens."""
        status, body = fetch(self.url + "/metrics", accept=accept)
        assert status == 200, body
        return parse(body)

    def scrape_openmetrics(self) -> Scrape:
        """Return the present exposition, asked for and parsed as OpenMetrics."""
        return self.scrape(accept=OPENMETRICS)

    def wait_for(self, condition: Callable[[Scrape], object], what: str, *, deadline: float = 10) -> Scrape:
        """Scrape until `condition` holds and return that scrape."""
        last: list[Scrape] = []

        def met() -> Scrape | None:
            last[:] = [self.scrape()]
            return last[0] if condition(last[0]) else None

        return wait_until(met, deadline=deadline, what=lambda: f"{what}; its log: {self.stderr[-1500:]}", step=0.05)

    def settle(self, expected: Mapping[str, float], *, deadline: float = 10) -> Scrape:
        """Scrape until all series about the app are as `expected`, or the time is over; return the last scrape.

        Values are only compared once the daemon says that it has read everything: right after a
        restart it still shows what it had, which may be as expected before it counts too much.
        """
        end = time.monotonic() + deadline
        while True:
            shown = self.scrape()
            idle = not (shown["booking_exporter_catching_up"] or shown.total("booking_exporter_lag_bytes"))
            if (idle and not differences(expected, shown.samples)) or time.monotonic() > end:
                return shown
            pause(0.05)

    def kill(self) -> None:
        """Kill it with SIGKILL and wait for its end."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def terminate(self, deadline: float = 10) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and the seconds that it took."""
        return self.stop(signal.SIGTERM, deadline)

    def stop(self, number: signal.Signals, deadline: float = 10) -> tuple[int, float]:
        """Send the signal; return the exit code and the seconds that it took."""
        process = self._running()
        begin = time.monotonic()
        process.send_signal(number)
        try:
            code = process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {deadline:g} s after {number.name}") from None
        self._process = None
        return code, time.monotonic() - begin

    def reload(self, *, accepted: bool = True, deadline: float = 10) -> Scrape:
        """Send SIGHUP and wait until the configuration was taken, or refused; return that scrape."""
        name = "booking_exporter_config_last_reload_success"
        before = self.scrape()[f"{name}_timestamp_seconds"]
        self.signal(signal.SIGHUP)
        if not accepted:
            return self.wait_for(lambda now: not now[f"{name}ful"], "the reload is refused", deadline=deadline)
        return self.wait_for(
            lambda now: now[f"{name}ful"] and now[f"{name}_timestamp_seconds"] > before, "reloaded", deadline=deadline
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._running().send_signal(number)

    def wait_end(self, deadline: float = START_DEADLINE) -> int:
        """Wait for an end of its own accord and return the exit code."""
        process = self._running()
        code = process.wait(deadline)
        self._process = None
        return code

    def live(self, seconds: float) -> None:
        """Let it run for `seconds` (a random moment to kill it at)."""
        pause(seconds)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it does not run"
        return self._process
