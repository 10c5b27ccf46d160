"""The demo: the simulated app and the daemon as child processes, and a look at what they do (I/O).

Everything is kept below one directory. At the end the demo compares every series that the
app's records should have changed with what the daemon counted.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

import yaml

from exporter.demo import DEFAULT_RATE
from exporter.demo.__main__ import COUNTS_FILE, TIMEZONE
from exporter.demo.app import AppDatabase
from exporter.demo.stopping import until_signal
from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from threading import Event

_START = 15.0
_STOP = 10.0
_POLL = 0.1
_PORTS = 65536

TEXT = """\
A simulated booking app writes {rate:g} records per second, and booking-exporter follows its log.

  status page    {base}/ (for people: open it in a browser)
  metrics        {base}/metrics
  healthy        {base}/-/healthy
  ready          {base}/-/ready
  log            {directory}/storage/logs/laravel.log (rotated at 1 MiB), beside it calcom-DATE.log
  database       {directory}/database.sqlite (the app's, which the exporter asks every 2 s)
  configuration  {directory}/exporter.yaml
  own log        {directory}/exporter.log

What to look at:

  api_gateway_duplicate_booking_rejections_total
      Rejected duplicates, by the layer that caught them. One violated key is logged up to four times, counted once.
  api_gateway_duplicate_booking_incidents_total
      The same without the app's retries: forty rejections of one booking are one incident.
  api_gateway_duplicate_prevention_rate
      Rejections in percent of all attempts, over 24 hours.
  api_gateway_appointments, api_gateway_appointments_created_1h, api_gateway_duplicate_appointment_groups
      What the app's database holds, by status; new rows; booking IDs held twice, of which there must be none.
  booking_exporter_rotations_total
      The log is renamed and truncated under the exporter's eyes; booking_exporter_possible_losses_total stays 0.

  curl -s {base}/metrics | grep -E '^api_gateway_(duplicate|appointments)|^booking_exporter_(rotations|possible_losses)'

Ctrl-C ends both, and compares what was counted with what was written.
"""


def run_demo(
    directory: Path,
    listen: str = "127.0.0.1:10877",
    duration: float | None = None,
    *,
    rate: float = DEFAULT_RATE,
    out: TextIO | None = None,
) -> int:
    """Run the simulated app and the daemon until a signal, or for `duration` seconds.

    `listen` is ADDR:PORT; port 0 chooses a free one. `rate` is in records per second. What
    the user should know goes to `out` (standard output). Returns 0 if every count was right, 1 if
    not. Raises UserError where the daemon or the app does not start. Needs the main thread,
    for signals; SIGTERM, SIGINT and SIGHUP end it in order.
    """
    out = sys.stdout if out is None else out
    address, port = _address(listen)
    directory = directory.absolute()
    _configure(directory, f"{address}:{port}")
    exporter = Exporter(directory, address, port)
    with until_signal() as stop, _child(exporter.command(), directory / "exporter.log") as daemon:
        if not exporter.await_ready(daemon, stop):
            return 0
        before = exporter.scrape()
        (directory / COUNTS_FILE).unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", "exporter.demo", str(directory), f"--rate={rate}"]
        with _child(command, directory / "app.log") as app:
            _await_app(app, directory)
            out.write(TEXT.format(rate=rate, base=exporter.base, directory=_short(directory)))
            out.flush()
            _watch(stop, duration, {"the exporter": daemon, "the simulated app": app}, directory)
        written = json.loads((directory / COUNTS_FILE).read_text("utf-8"))
        wrong = _compare(exporter, before, written)
    out.write(verdict(wrong, written))
    return 1 if wrong else 0


class Exporter:
    """The daemon as the demo sees it: how to start it, and what it serves."""

    def __init__(self, directory: Path, address: str, port: int) -> None:
        """Take the demo's directory, and the address and port where the daemon shall listen."""
        self.base = f"http://{address}:{port}"
        self._config = directory / "exporter.yaml"
        self._journal = directory / "exporter.log"
        self._host, self._port = address.strip("[]"), port

    def command(self) -> list[str]:
        """Return the command line that starts the daemon."""
        return [sys.executable, "-P", "-m", "exporter", "run", "--config", str(self._config)]

    def get(self, path: str, timeout: float = _STOP) -> tuple[int, str]:
        """Return the status and the body of a GET request. Raises OSError or HTTPException without an answer."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8")
        finally:
            connection.close()

    def scrape(self) -> dict[str, float]:
        """Return the samples on `/metrics` by their names, labels included."""
        _, text = self.get("/metrics")
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def await_ready(self, daemon: subprocess.Popen[bytes], stop: Event) -> bool:
        """Return True once the daemon is ready, False if `stop` was set before; else raise UserError."""
        deadline = time.monotonic() + _START
        while daemon.poll() is None and time.monotonic() < deadline:
            if stop.wait(_POLL):
                return False
            with suppress(OSError, http.client.HTTPException):
                if self.get("/-/ready", timeout=1.0)[0] == http.HTTPStatus.OK:
                    return True
        said = self._journal.read_text("utf-8", "replace").strip().splitlines()[-5:]
        raise UserError(f"the exporter did not start; see {self._journal}", *said)


def _address(listen: str) -> tuple[str, int]:
    """Return address and port, a free one for port 0. Raises UserError where nothing can listen there."""
    address, _, port = listen.rpartition(":")
    if not (address and port.isdecimal() and int(port) < _PORTS):
        raise UserError(f"--listen {listen}: is not ADDR:PORT; write for example 127.0.0.1:10877")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.create_server((address.strip("[]"), int(port)), family=family) as probe:
            return address, probe.getsockname()[1]
    except OSError as error:
        reason = str(error.strerror).split(" (", maxsplit=1)[0]  # without the address, which stands before it
        raise UserError(f"--listen {listen}: {reason}; choose another, for example 127.0.0.1:10878") from None


def _configure(directory: Path, listen: str) -> None:
    address, _, port = listen.rpartition(":")
    logs = directory / "storage" / "logs"
    settings = {
        "listen": {"address": address, "port": int(port)},
        "logs": [
            {
                "name": "app",
                "paths": [f"{logs}/laravel*.log", f"{logs}/calcom*.log"],
                "timezone": TIMEZONE,
                "ignore_channels": ["testing"],
            }
        ],
        "state": {"path": str(directory / "state.sqlite")},
        "database": {
            "url": f"sqlite:///{quote(str(directory / 'database.sqlite'))}",
            "interval": "2s",
            "timezone": TIMEZONE,
            "intervals": dict.fromkeys(("constraint", "duplicates", "migration", "plan", "probe"), "2s"),
        },
        "log": {"format": "text"},
    }
    try:
        logs.mkdir(parents=True, exist_ok=True)
        with suppress(sqlite3.Error):  # the app tells what is wrong with its database
            AppDatabase(directory / "database.sqlite").close()
        (directory / "exporter.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{directory}: {error.strerror}; name a directory that can be written") from None


@contextmanager
def _child(command: list[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child in a process group of its own (Ctrl-C reaches only us) and end it with SIGTERM."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BOOKING_EXPORTER_")}
    with output.open("wb") as stream:
        child = subprocess.Popen(  # noqa: S603 (our own modules, by this interpreter)
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            process_group=0,
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(_STOP)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _watch(
    stop: Event, duration: float | None, children: Mapping[str, subprocess.Popen[bytes]], directory: Path
) -> None:
    deadline = math.inf if duration is None else time.monotonic() + duration
    while time.monotonic() < deadline and not stop.wait(_POLL):
        for name, child in children.items():
            if child.poll() is not None:
                raise UserError(
                    f"{name} ended by itself with exit code {child.returncode}; see the logs in {directory}"
                )


def _await_app(app: subprocess.Popen[bytes], directory: Path) -> None:
    """Return once the app has begun, so that a signal finds it prepared."""
    while not (directory / COUNTS_FILE).exists():
        if app.poll() is not None:
            raise UserError(f"the simulated app did not start; see {directory / 'app.log'}")
        time.sleep(_POLL)


def _compare(
    exporter: Exporter, before: Mapping[str, float], written: Mapping[str, float]
) -> list[tuple[str, float, float]]:
    """Return the differences that remain once the daemon has had time to read the end."""
    deadline = time.monotonic() + _STOP
    while (wrong := differences(before, exporter.scrape(), written)) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return wrong


def verdict(wrong: list[tuple[str, float, float]], written: Mapping[str, float]) -> str:
    """Return what to say about `differences` and all that was written."""
    records = f"the {sum(value for name, value in written.items() if 'log_records_total' in name):.0f} records"
    if not wrong:
        return f"\nAll {len(written)} samples agree with {records} that the app wrote.\n"
    lines = (f"  {name}: written {expected:g}, counted {counted:g}\n" for name, expected, counted in wrong)
    return f"\n{len(wrong)} of {len(written)} samples differ from {records} that the app wrote:\n{''.join(lines)}"


def differences(
    before: Mapping[str, float], now: Mapping[str, float], written: Mapping[str, float]
) -> list[tuple[str, float, float]]:
    """Return (sample, written, counted) for all samples whose growth is not what was written.

    >>> differences({"a": 1}, {"a": 3, "b": 1}, {"a": 2, "b": 2})
    [('b', 2, 1)]
    """
    growth = {name: now.get(name, 0) - before.get(name, 0) for name in written}
    return [
        (name, expected, growth[name])
        for name, expected in written.items()
        if not math.isclose(growth[name], expected, rel_tol=1e-6, abs_tol=1e-6)
    ]


def _short(directory: Path) -> str:
    text = os.path.relpath(directory)
    return str(directory) if text.startswith("..") else text
