"""`booking-exporter demo`: a simulated app and the daemon following it."""

from pathlib import Path
from typing import Annotated

import typer

from exporter.demo import DEFAULT_RATE

EPILOG = "Example: booking-exporter demo --duration 30, and meanwhile: curl -s http://127.0.0.1:10877/metrics"

DIRECTORY = Path("booking-exporter-demo")


def demo(
    *,
    directory: Annotated[
        Path, typer.Option("--directory", metavar="DIR", help="Where the app's log and the state are kept.")
    ] = DIRECTORY,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDR:PORT", help="Where to serve /metrics; port 0 takes a free one.")
    ] = "127.0.0.1:10877",
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="Records per second.")] = DEFAULT_RATE,
    duration: Annotated[
        float | None, typer.Option("--duration", metavar="SECONDS", min=1.0, help="End by itself after this time.")
    ] = None,
) -> None:
    """See it work without an app of your own: a simulated one writes a log, and the daemon follows it.

    Prints where to look. At the end, by Ctrl-C or after --duration, it compares what was counted
    with what was written, and fails (exit code 1) unless they are equal.
    """
    # The simulated app takes a while to import, which no other command should wait for.
    from exporter.demo.tour import run_demo  # noqa: PLC0415  # see above

    raise typer.Exit(run_demo(directory, listen, duration, rate=rate))
