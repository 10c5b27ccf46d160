"""A container of the image, run by podman as a site would run it."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from tests.support.scrape import fetch
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "localhost/booking-exporter"
NAME = "booking-exporter-machine-test"
_LIMITS = ("--ulimit=nofile=1024:4096", "--ulimit=nproc=256:256")


class Container:
    """Started and awaited on entry, removed on exit. `state` is a directory of user 10877."""

    def __init__(self, port: int, logs: Path, state: Path, config: Path) -> None:
        self._port = port
        self._mounts = (
            f"--volume={logs}:/logs:ro",
            f"--volume={state}:/var/lib/booking-exporter",
            f"--volume={config}:/etc/booking-exporter/config.yaml:ro",
        )

    def __enter__(self) -> Self:
        """Create it and start it."""
        subprocess.run(["podman", "rm", "--force", NAME], capture_output=True, check=False)
        self._podman(
            *("create", "--name", NAME, "--network=host", "--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL"),
            *("--group-add=33", "--security-opt=no-new-privileges", *_LIMITS, *self._mounts),
            *(f"--env=BOOKING_EXPORTER_LISTEN_PORT={self._port}", IMAGE),
        )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        subprocess.run(["podman", "rm", "--force", NAME], capture_output=True, check=False)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._podman("start", NAME)

        def ready() -> bool:
            with suppress(OSError):
                return fetch(f"http://127.0.0.1:{self._port}/-/ready")[0] == 200
            return False

        wait_until(ready, deadline=30, what=lambda: subprocess.run(
            ["podman", "logs", NAME], capture_output=True, text=True, check=False).stderr)  # fmt: skip

    def stop(self) -> int:
        """Stop it in order; return its exit code."""
        self._podman("stop", "--time=20", NAME)
        return int(self._podman("inspect", "--format={{.State.ExitCode}}", NAME))

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return subprocess.run(
            ["podman", "--runtime=runc", "exec", NAME, *command], capture_output=True, text=True, check=False
        )

    def memory(self) -> float:
        """Return the resident memory of its process in megabytes."""
        done = self.inside("cat", "/proc/1/status")
        (line,) = (line for line in done.stdout.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024 / 1e6

    @staticmethod
    def _podman(*arguments: str) -> str:
        done = subprocess.run(["podman", "--runtime=runc", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()
