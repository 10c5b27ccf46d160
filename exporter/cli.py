"""The command line: one module of `exporter.commands` per command, and how errors reach the user.

Exit codes: 0 fine, 1 a check failed, 2 wrong usage, configuration or state, 70 a bug in the
program itself (EX_SOFTWARE in sysexits.h), 130 interrupted.
"""

import os
import sys
from typing import Annotated

import typer

from exporter import __version__, journal
from exporter.commands import check, demo, explain, run, state
from exporter.errors import UserError
from exporter.printable import printable

EXIT_BUG = 70

app = typer.Typer(
    name="booking-exporter",
    help="Follow a Laravel booking app's logs and serve what happens in them as Prometheus metrics.",
    epilog="Begin with: booking-exporter demo. Then try your own log: "
    "booking-exporter explain /var/www/app/storage/logs/laravel.log",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run", epilog=run.EPILOG)(run.run)
app.command("check", epilog=check.EPILOG)(check.check)
app.command("explain", epilog=explain.EPILOG)(explain.explain)
app.add_typer(state.app, name="state", epilog=state.EPILOG)
app.command("demo", epilog=demo.EPILOG)(demo.demo)


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"booking-exporter {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda asked: _version(asked=asked), is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command that `sys.argv` names, and end the process with its exit code.

    Errors that the user can mend are printed, one line per problem. Of a bug, one line tells
    the type and the places it passed, but not its text, which might hold a part of a record.
    """
    priority = journal.ERROR_PRIORITY if journal.to_journald(os.environ) else ""
    try:
        app()
    except UserError as error:
        for message in error.messages:
            typer.echo(f"{priority}booking-exporter: {printable(message)}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  # the last place where a bug can be told without a traceback
        typer.echo(
            f"{priority}booking-exporter: internal error: {journal.places(error)} (version {__version__}); "
            "this is a bug, please report this line to the maintainers",
            err=True,
        )
        sys.exit(EXIT_BUG)
