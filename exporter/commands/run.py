"""`booking-exporter run`: the daemon, or one pass over the files."""

import dataclasses
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

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
from exporter.service.configuration import Configuration

EPILOG = (
    "Example: booking-exporter run --log '/var/www/app/storage/logs/laravel*.log' --timezone Europe/Berlin "
    "--state /tmp/booking-exporter.sqlite, then open http://127.0.0.1:10877/metrics"
)


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

    SIGHUP reloads configuration and event definitions; what cannot be used is refused, and the old goes on.

    What was counted survives restarts: positions and counts are kept together in the state file,
    by default in $STATE_DIRECTORY (set by systemd) or /var/lib/booking-exporter.
    """
    overrides = Overrides(tuple(log or ()), timezone, state, listen, database_url)
    if once:
        settings = _settings(config, overrides)
        _write_log(settings)
        kept = settings.state if state is not None else StateSettings(None)
        raise typer.Exit(_serve_once(dataclasses.replace(settings, state=kept)))
    with _hangup_ignored():
        _write_log(_settings(config, overrides))
        raise typer.Exit(_serve(lambda: _configuration(config, overrides)))


@contextmanager
def _hangup_ignored() -> Iterator[None]:
    """Let a reload that is asked for too early, or at the end, do no harm: the configuration is read after it anyway.

    SIGHUP would end the process, which systemd takes for a stop in order.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _write_log(settings: Settings) -> None:
    journal.configure(settings.log, None, time.monotonic, journald=journal.to_journald(os.environ))


def _settings(config: Path | None, overrides: Overrides) -> Settings:
    settings = settings_from(config, overrides)
    if not settings.logs and settings.database is None:
        raise UserError(
            "nothing to do: no log and no database is configured; name a log with --log GLOB, or under `logs:` in the "
            "file that --config names"
        )
    return settings


def _configuration(config: Path | None, overrides: Overrides) -> Configuration:
    settings = _settings(config, overrides)
    settings = dataclasses.replace(settings, state=StateSettings(state_path(settings)))
    return Configuration(settings, events_from(settings.events), config_hash(settings))


def _serve_once(settings: Settings) -> int:
    # Its scanner takes a tenth of a second to import, which no other command should wait for.
    from exporter.service.once import run_once  # noqa: PLC0415  # see above

    return run_once(settings, events_from(settings.events), sys.stdout)


def _serve(load: Callable[[], Configuration]) -> int:
    # Its web server and scanner take a tenth of a second to import, which no other command should wait for.
    from exporter.service.follow import run as follow  # noqa: PLC0415  # see above

    if not sys.stderr.isatty():
        return follow(load)
    # What draws on a terminal takes a service's memory and time for nothing.
    from rich.console import Console  # noqa: PLC0415  # see above

    from exporter.commands.catch_up import CatchUp  # noqa: PLC0415  # see above

    with CatchUp(Console(stderr=True)) as progress:
        return follow(load, progress=progress)
