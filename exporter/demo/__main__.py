"""Start the simulated app alone: `python -m exporter.demo DIRECTORY`."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from exporter.demo.app import ROTATE_BYTES, App
from exporter.demo.stopping import until_signal

COUNTS_FILE = "written.json"
TIMEZONE = "Europe/Berlin"


def main(arguments: list[str] | None = None) -> None:
    """Write until SIGTERM, SIGINT or SIGHUP, or until `--records` are written; then leave the expected counts."""
    options = _options(arguments)
    zone = ZoneInfo(options.timezone)
    rng = Random(options.seed)  # noqa: S311 (invented bookings, no secret)
    options.directory.mkdir(parents=True, exist_ok=True)
    app = App(options.directory, rng, lambda: datetime.now(zone), options.rotate_bytes)
    counts = options.directory / COUNTS_FILE
    if options.records is None:
        with until_signal() as stop:
            counts.write_text("{}", encoding="utf-8")  # says that a signal will end it in order
            app.run(options.rate, stop)
    else:
        app.write(options.records)
    app.close()
    counts.write_text(json.dumps(app.counts, indent=1, sort_keys=True), encoding="utf-8")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m exporter.demo", description=__doc__)
    parser.add_argument("directory", type=Path, help="where storage/logs and database.sqlite are kept")
    parser.add_argument("--rate", type=float, default=50.0, help="records per second")
    parser.add_argument("--records", type=int, help="write this many at once and end")
    parser.add_argument("--seed", type=int, help="the same seed gives the same bookings")
    parser.add_argument("--rotate-bytes", type=int, default=ROTATE_BYTES, help="rotate laravel.log at this size")
    parser.add_argument("--timezone", default=TIMEZONE, help="the app's time zone")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
