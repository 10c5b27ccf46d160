"""What a real Prometheus makes of the exposition across a kill -9: `increase()` equals the events written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon
from tests.support.oracle import APP, sample
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_until
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

RATED = (APP + "duplicate_booking_rejections_total", APP + "log_records_total")


@pytest.mark.slow
def test_increase_over_a_kill_equals_the_events_written(
    tmp_path: Path, logs: Path, pattern: str, start: datetime
) -> None:
    """`increase()` from the first to the last scrape equals what was written, though the daemon died in between.

    `increase()` extrapolates to the ends of its window, by up to half a scrape interval on each
    side, so its result is no whole number in general. Where the window begins and ends exactly
    at samples there is nothing to extrapolate: the test looks up the times of the first and last
    stored sample of each series and asks for the range between them (plus 1 ms, because
    Prometheus 3 leaves the beginning of a range out). The daemon is scraped at zero before the
    first record is written. `resets()` must be 0 over the same window, and the stored values
    themselves must end at what was written.
    """
    writer = LogWriter(logs, seed=5, start=start)
    written = writer.expected.values
    arguments = ("--log", pattern, "--log", f"{logs}/calcom*.log")
    daemon = Daemon(tmp_path / "daemon", *arguments)
    with daemon, Prometheus(tmp_path / "prometheus", daemon.port) as server:
        selector = f'{{__name__=~"{"|".join(RATED)}"}}[5m]'
        wait_until(lambda: server.raw(selector), deadline=20, what="a first scrape at zero", step=0.1)
        for _ in range(4):
            writer.write(500)
            writer.rotate_by_rename()
            daemon.kill()
            writer.write(500)
            daemon.start()
            daemon.wait_ready()
        wanted = {key: count for key, count in written.items() if key.startswith(RATED)}

        def last_values() -> bool:
            return wanted == {key: points[-1][1] for key, points in server.raw(selector).items() if points[-1][1]}

        wait_until(last_values, deadline=20, what=lambda: str(server.raw(selector)), step=0.2)
        increases = {}
        for key, points in server.raw(selector).items():
            first, last = points[0], points[-1]
            assert first[1] == 0
            window = f"{key}[{round((last[0] - first[0]) * 1000) + 1}ms]"
            assert set(server.query(f"resets({window})", at=last[0]).values()) == {0}
            [increases[key]] = server.query(f"increase({window})", at=last[0]).values()
    writer.close()
    zero = {sample(name): 0.0 for name in RATED}
    shown = zero | {key: value for key, value in increases.items() if value}
    assert shown == pytest.approx(zero | wanted, rel=1e-3)
