"""`booking-exporter explain`: how each record of a log parses, and what it would count."""

import fnmatch
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import BufferedIOBase
from pathlib import Path
from typing import Annotated, cast
from zoneinfo import ZoneInfo

import typer

from exporter.commands.explaining import Explainer
from exporter.commands.options import ConfigOption, TimezoneOption, events_from, settings_from
from exporter.commands.pieces import Piece, Utf16Error, pieces
from exporter.config.overrides import Overrides
from exporter.config.schema import EventSettings, LogSettings, Settings
from exporter.errors import UserError
from exporter.native.library import load
from exporter.pipeline import judge_by
from exporter.records.cut import Cutter
from exporter.records.quick import best_scanner

EPILOG = (
    "Example: booking-exporter explain --only-events --timezone Europe/Berlin /var/www/app/storage/logs/laravel.log"
)

STDIN = "-"
WIDTH = 160
"""Characters of a line where the output is no terminal."""


def explain(
    *,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A log; - or nothing is standard input.")] = STDIN,
    config: ConfigOption = None,
    timezone: TimezoneOption = None,
    events: Annotated[
        list[Path] | None,
        typer.Option("--events", metavar="FILE", help="Event definitions to try before the others. May be repeated."),
    ] = None,
    only_events: Annotated[
        bool, typer.Option("--only-events", help="Leave out records that are no event, and unparsed lines.")
    ] = False,
    width: Annotated[
        int | None, typer.Option("--width", min=40, metavar="N", help="Cut lines here; default: the terminal's width.")
    ] = None,
) -> None:
    """Show how each record of a log is read, which event it is, and what it would count.

    The line number comes first, then = for an event, - for a record that is none, ? for a line
    that belongs to no record.

    Nothing is counted or kept: try it on any log. The text of records is shown, so mind where
    the output goes.
    """
    settings = _settings(config, file, timezone)
    log = _log_of(settings, file)
    files = (*(one.absolute() for one in events or ()), *settings.events.files)
    known = events_from(EventSettings(settings.events.builtin, files))
    explainer = Explainer(known, log, width or shutil.get_terminal_size((WIDTH, 0)).columns)
    cutter = Cutter(best_scanner(known.triggers, load()), judge_by(known, log.ignore_channels))
    for piece in _pieces(file, cutter, ZoneInfo(log.timezone)):
        lines, is_event = explainer.explain(piece)
        if is_event or not only_events:
            typer.echo("\n".join(lines))
    typer.echo("\n".join(explainer.summary()))


def _settings(config: Path | None, file: str, timezone: str | None) -> Settings:
    if config is None:
        # One log, for the time zone to belong to.
        return settings_from(None, Overrides((file or STDIN,), timezone))
    return settings_from(config, Overrides(timezone=timezone))


def _log_of(settings: Settings, file: str) -> LogSettings:
    """Return the settings of the log that the file is part of, else of the first, else the defaults."""
    path = str(Path(file).absolute())
    for log in settings.logs:
        if any(fnmatch.fnmatchcase(path, glob) for glob in log.paths):
            return log
    return settings.logs[0] if settings.logs else LogSettings("app", ())


def _pieces(file: str, cutter: Cutter, zone: ZoneInfo) -> Iterator[Piece]:
    if file == STDIN and sys.stdin.isatty():
        typer.echo("reading standard input; paste records and end with Ctrl-D", err=True)
    name = "standard input" if file == STDIN else file
    try:
        with _stream(file) as stream:
            yield from pieces(stream, cutter, zone)
    except OSError as error:
        raise UserError(f"{name}: {(error.strerror or 'cannot be read').lower()}; name a readable log file") from None
    except Utf16Error:
        raise UserError(
            f"{name}: is UTF-16, which the daemon refuses too; convert it with: iconv -f UTF-16 -t UTF-8"
        ) from None


def _stream(file: str) -> AbstractContextManager[BufferedIOBase]:
    if file == STDIN:
        return nullcontext(cast("BufferedIOBase", sys.stdin.buffer))
    return Path(file).open("rb")
