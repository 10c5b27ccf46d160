"""A server program (Prometheus, Alertmanager) as a context manager: started, awaited by `/-/ready`, killed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

from tests.support.daemon import free_port
from tests.support.scrape import fetch
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Served:
    """The program with its arguments; it listens on `port` of the loopback address, all its files are in `folder`."""

    def __init__(self, folder: Path, program: str, arguments: Sequence[str]) -> None:
        self.port = free_port()
        self._folder = folder
        self._command = (program, *arguments, f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it is ready."""
        with (self._folder / "journal.txt").open("wb") as journal:
            self._process = subprocess.Popen(self._command, stdout=journal, stderr=journal)
        wait_until(self._ready, deadline=30, what=self.journal)
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def journal(self) -> str:
        """Return what it logged: warnings and errors."""
        return (self._folder / "journal.txt").read_text("utf-8")

    def _ready(self) -> bool:
        try:
            return fetch(f"http://127.0.0.1:{self.port}/-/ready")[0] == 200
        except OSError:
            return False
