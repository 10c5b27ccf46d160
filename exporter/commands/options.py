"""The options that several commands share, and the settings that come of them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from exporter.config.load import default_state_path, load
from exporter.config.overrides import Overrides
from exporter.config.schema import EventSettings, Settings
from exporter.events.definitions import EventSet, load_events
from exporter.events.source import read_sources

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Configuration file (YAML). Without it: defaults."),
]
LogOption = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        metavar="GLOB",
        help="Follow these files instead of the configured logs; quote it, so that the shell leaves the * alone. "
        "May be repeated; all files together are one log named `app`.",
    ),
]
TimezoneOption = Annotated[
    str | None,
    typer.Option("--timezone", metavar="TZ", help="Time zone of the times in the log, as in the app's config/app.php."),
]
StateOption = Annotated[
    str | None,
    typer.Option("--state", metavar="FILE", help="Where positions and counts are kept."),
]
DatabaseUrlOption = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="The app's database, such as mysql://user:password@127.0.0.1/app. Other users of this machine "
        "can see it in the list of processes: prefer database.url_file in the configuration.",
    ),
]


def settings_from(config: Path | None, overrides: Overrides) -> Settings:
    """Return the settings in force in this process. Raises ConfigError."""
    return load(config, os.environ, overrides)


def state_path(settings: Settings) -> Path:
    """Return where the state is kept: as configured, else at the default place."""
    return settings.state.path or default_state_path(os.environ)


def events_from(settings: EventSettings) -> EventSet:
    """Return the event definitions in force. Raises EventError with every problem found."""
    return load_events(read_sources(settings.files, builtin=settings.builtin))
