"""`booking-exporter run`: the daemon, or one pass over the files."""

import dataclasses
import sys
import time
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from exporter import journal
from exporter.commands.options import (
    ConfigOption,
    DatabaseUrlOption,
    LogOption,
    StateOption,
    TimezoneOption,
    events_from,
    settings_from,
    state_path,
)
from exporter.config.overrides import Overrides
from exporter.config.schema import Settings, StateSettings, config_hash
from exporter.errors import UserError

EPILOG = (
    "Example: booking-exporter run --log '/var/www/app/storage/logs/laravel*.log' --timezone Europe/Berlin "
    "--state /tmp/booking-exporter.sqlite, then open http://127.0.0.1:10877/metrics"
)

WORTH_A_BAR = 32_000_000
"""Bytes left to read from which on a catch-up takes long enough to be shown."""


def run(
    *,
    config: ConfigOption = None,
    log: LogOption = None,
    timezone: TimezoneOption = None,
    database_url: DatabaseUrlOption = None,
    state: StateOption = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="ADDR:PORT", help="Where to serve /metrics (default 127.0.0.1:10877)."),
    ] = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="Read all files to their ends, ask the database once, print the metrics and exit. "
            "Keeps no state unless --state is given.",
        ),
    ] = False,
) -> None:
    """Follow the logs and serve /metrics until stopped (Ctrl-C or SIGTERM); sample the app's database if one is named.

    What was counted survives restarts: positions and counts are kept together in the state file,
    by default in $STATE_DIRECTORY (set by systemd) or /var/lib/booking-exporter.
    """
    settings = settings_from(config, Overrides(tuple(log or ()), timezone, state, listen, database_url))
    if not settings.logs and settings.database is None:
        raise UserError(
            "nothing to do: no log and no database is configured; name a log with --log GLOB, or under `logs:` in the "
            "file that --config names"
        )
    journal.configure(settings.log, None, time.monotonic)
    if once:
        kept = settings.state if state is not None else StateSettings(None)
    else:
        kept = StateSettings(state_path(settings))
    raise typer.Exit(_serve(dataclasses.replace(settings, state=kept), once=once))


def _serve(settings: Settings, *, once: bool) -> int:
    # Its web server and scanner take a tenth of a second to import, which no other command should wait for.
    from exporter.service import run as follow  # noqa: PLC0415  # see above
    from exporter.service import run_once  # noqa: PLC0415  # see above

    events = events_from(settings.events)
    if once:
        return run_once(settings, events, sys.stdout)
    if not sys.stderr.isatty():
        return follow(settings, events, config_hash=config_hash(settings), progress=None)
    with CatchUp(Console(stderr=True)) as progress:
        return follow(settings, events, config_hash=config_hash(settings), progress=progress)


class CatchUp:
    """A progress bar that appears while much is left to read, and goes when all is read."""

    def __init__(self, console: Console) -> None:
        """Take the terminal to draw on."""
        self._progress = Progress(
            TextColumn("catching up"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)
        self._shown = False

    def __enter__(self) -> Self:
        """Begin without a bar."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away, whatever happened."""
        self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` bytes have been read."""
        if not self._shown and total - done >= WORTH_A_BAR:
            self._progress.reset(self._task)
            self._progress.start()
            self._shown = True
        if self._shown:
            self._progress.update(self._task, completed=done, total=total)
            if done >= total:
                self._progress.stop()
                self._shown = False
