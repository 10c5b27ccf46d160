"""Restart with a log of 50 GB (sparse, that is, nearly all of it a hole) that was read to its end before."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.benchmarks.figures import at_most
from tests.benchmarks.generate import SHARES, Source
from tests.benchmarks.process import peak_mb, read_mb, resident_mb
from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.figures import Findings
    from tests.benchmarks.sizes import Sizes

HOLE_TO = 50 * 10**9
RECORDS = 1000
READ = "booking_exporter_read_bytes_total"
CONFIG = """\
logs:
  - name: app
    paths: ["{log}"]
    start: end
"""


def measure(sizes: Sizes, folder: Path, findings: Findings) -> None:
    """Measure restarts on the large log, and on one without the hole for comparison."""
    large = _restarts(HOLE_TO, sizes.restarts, folder / "large", findings)
    small = _restarts(0, sizes.restarts, folder / "small", findings)
    findings.runs("restart.large", "restart to ready, log of 50 GB", "s", [one[0] for one in large], at_most(1))
    findings.runs("restart.small", "restart to ready, log of 1 MB", "s", [one[0] for one in small])
    findings.runs("restart.large.read", "read from all files meanwhile, log of 50 GB", "MB", [one[1] for one in large])
    findings.runs("restart.small.read", "read from all files meanwhile, log of 1 MB", "MB", [one[1] for one in small])


def _restarts(hole_to: int, count: int, folder: Path, findings: Findings) -> list[tuple[float, float]]:
    """Return for each restart the seconds to ready and the MB that the process had read by then.

    The daemon begins at the end of the first records and the hole; what is written behind is counted,
    so that its position is the file's end. No restart may count or evaluate anything again.
    """
    folder.mkdir()
    log, config = folder / "laravel.log", folder / "config.yaml"
    source = Source(SHARES["sparse"])
    log.write_bytes(b"".join(source.record() for _ in range(RECORDS)))
    if hole_to:
        os.truncate(log, hole_to)
    config.write_text(CONFIG.format(log=log))
    behind = b"".join(source.record() for _ in range(RECORDS))
    daemon = Daemon(folder / "daemon", "--config", str(config))
    done = []
    with daemon:
        with log.open("ab") as file:
            file.write(behind)
        daemon.wait_for(lambda one: one.total(READ) == len(behind), "the records behind the hole")
        for _ in range(count):
            daemon.terminate()
            begin = time.monotonic()
            daemon.start()
            daemon.wait_ready()
            done.append((time.monotonic() - begin, read_mb(daemon.pid)))
            again = daemon.scrape().total(READ) - len(behind)
            if again:
                findings.differences.append(f"restart: {again:g} bytes of {log.name} were evaluated again")
        name = "large" if hole_to else "small"
        size = f"{hole_to / 1e9:g} GB" if hole_to else "1 MB"
        findings.memory(
            f"restart.{name}", f"after restart, log of {size}", resident_mb(daemon.pid), peak_mb(daemon.pid)
        )
    return done
