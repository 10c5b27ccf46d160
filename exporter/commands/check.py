"""`booking-exporter check`: would the daemon work here? One line per check."""

import time
from collections.abc import Iterator

import typer

from exporter.checkpoint.store import read_mountinfo
from exporter.checks.logs import check_log
from exporter.checks.result import Result
from exporter.checks.state import check_state
from exporter.checks.web import check_web, everybody_reads
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
from exporter.config.schema import EventSettings, Settings
from exporter.errors import UserError
from exporter.events.examples import run_examples
from exporter.native import library as native

EPILOG = "Example: booking-exporter check --config /etc/booking-exporter/config.yaml"

EXIT_FAILED = 1


def check(
    *,
    config: ConfigOption = None,
    log: LogOption = None,
    timezone: TimezoneOption = None,
    database_url: DatabaseUrlOption = None,
    state: StateOption = None,
) -> None:
    """Check configuration, event definitions with their examples, access to logs and database, and the state.

    Run it as the user that the daemon runs as. Prints one line per check: ok, warn (may be meant
    so) or FAIL, with the remedy. Exit code 1 if a check fails, 2 if the configuration is wrong.
    Nothing is written.
    """
    settings = settings_from(config, Overrides(tuple(log or ()), timezone, state, database_url=database_url))
    failed = False
    for result in _results(settings):
        typer.echo(str(result))
        failed = failed or result.status == "FAIL"
    raise typer.Exit(EXIT_FAILED if failed else 0)


def _results(settings: Settings) -> Iterator[Result]:
    listen = f"{settings.listen.address}:{settings.listen.port}"
    yield Result("ok", "configuration", f"{len(settings.logs)} log(s), serves on {listen}")
    yield from check_web(settings.listen, time.time())
    yield from _events(settings.events)
    yield _native_part()
    mountinfo = read_mountinfo()
    if not settings.logs and settings.database is None:
        yield Result("FAIL", "logs", "none is configured; name one with --log, or under `logs:` in the configuration")
    for log in settings.logs:
        yield from check_log(log, mountinfo)
    if settings.database is not None:
        # SQLAlchemy takes a fifth of a second to import, which only who asks for a database should wait for.
        from exporter.checks.database import check_database  # noqa: PLC0415  # see above

        yield from check_database(settings.database, time.time())
        if settings.database.url_file is not None:
            yield from everybody_reads("database", settings.database.url_file, "the database's password")
    yield check_state(state_path(settings), mountinfo)


def _native_part() -> Result:
    if native.load() is not None:
        return Result("ok", "native part", "in use")
    return Result(
        "warn",
        "native part",
        "was not built, so long logs are caught up with several times more slowly; install a C compiler (gcc), then "
        "booking-exporter again",
    )


def _events(settings: EventSettings) -> Iterator[Result]:
    try:
        events = events_from(settings)
    except UserError as error:
        yield from (Result("FAIL", "events", message) for message in error.messages)
        return
    failures = run_examples(events)
    yield from (Result("FAIL", "events", f"{one}; correct the definition or its example") for one in failures)
    if not failures:
        examples = sum(len(one.examples) for one in events.definitions)
        yield Result(
            "ok", "events", f"{len(events.names)} events in {len(events.definitions)} definitions, {examples} examples"
        )
