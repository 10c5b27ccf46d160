"""mtail (Debian package `mtail`) with the program that counts as booking-exporter does: one pass, or following."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.daemon import free_port
from tests.support.scrape import fetch
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = Path(__file__).parent / "booking.mtail"
_LINE_HEADER = r"/^\[[-0-9T:.+ ]+\] [^.:]*\.(?P<level>[A-Z]+): / {"
_JSON_HEADER = r'/^\{.*"level_name":"(?P<level>[A-Z]+)"/ {'


def need() -> None:
    """End with a message where mtail is not installed."""
    if shutil.which("mtail") is None:
        sys.exit("the benchmarks need mtail: apt-get install mtail")


def version() -> str:
    """Return mtail's version."""
    done = subprocess.run(["mtail", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[2]


def program(form: str, folder: Path) -> Path:
    """Write the program for a log `form` (line or json) into `folder` and return its path.

    Only the line that finds a record and its level depends on the format: both hold the message
    and, as compact JSON, the context.
    """
    text = PROGRAM.read_text()
    if form == "json":
        assert text.count(_LINE_HEADER) == 1, "the program has another header line"
        text = text.replace(_LINE_HEADER, _JSON_HEADER)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PROGRAM.name
    path.write_text(text)
    return path


def one_shot(program: Path, log: Path) -> list[str]:
    """Return the command that reads `log` once and prints its metrics."""
    server = ("--address=127.0.0.1", "--port=0")
    return [
        *("mtail", "--one_shot", "--one_shot_format=prometheus", "--logtostderr", *server),
        *("--progs", str(program), "--logs", str(log)),
    ]


class Mtail:
    """mtail following `logs` with its own defaults, as a context manager; its log is a file in `folder`."""

    def __init__(self, folder: Path, logs: Sequence[Path], form: str = "line") -> None:
        self._program = program(form, folder)
        self._journal = folder / "mtail.txt"
        self._logs = logs
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        logs = [word for log in self._logs for word in ("--logs", str(log))]
        server = ("--address=127.0.0.1", f"--port={self._port}", "--logtostderr")
        with self._journal.open("wb") as journal:
            self._process = subprocess.Popen(
                ["mtail", "--progs", str(self._program), *server, *logs], stdout=journal, stderr=journal
            )
        wait_until(self._ready, deadline=20, what=self._journal.read_text)
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process ID."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def exposition(self) -> str:
        """Return the present metrics; OSError while nobody listens."""
        status, body = fetch(f"http://127.0.0.1:{self._port}/metrics")
        assert status == 200, body
        return body

    def _ready(self) -> bool:
        try:
            return bool(self.exposition())
        except OSError:
            return False
