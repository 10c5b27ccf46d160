"""Scenarios of starts that no other test holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from exporter.config.schema import LogSettings
from tests.support.stepper import Stepper, append, records

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2025, 10, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(("first", "second"), [("beginning", "end"), ("end", "beginning")])
def test_saved_position_beats_the_start_option(tmp_path: Path, logs: Path, first: str, second: str) -> None:
    """Where a position is saved, `start` has no say, whatever it says now and said before."""
    options = {
        start: LogSettings("app", (f"{logs}/laravel*.log",), start=start)  # type: ignore[arg-type]  # both are valid
        for start in (first, second)
    }
    append(logs / "laravel.log", records(0, 10))
    with Stepper(tmp_path, options[first]) as daemon:
        daemon.settle()
        begun = daemon.created()
        assert begun == (10 if first == "beginning" else 0)
        daemon.stop()
        append(logs / "laravel.log", records(10, 15))
        daemon.start(options[second])
        daemon.settle()
        assert daemon.created() == begun + 5


def stale(day: str, time: str, number: int) -> bytes:
    context = f'{{"booking_id":{number},"age_seconds":-64.5}}'
    return f"[{day} {time}] production.ERROR: Stale booking detected {context} \n".encode()


@pytest.mark.parametrize("live", [True, False], ids=["live", "history"])
def test_midnight_switch_with_dst(tmp_path: Path, logs: Path, *, live: bool) -> None:
    """In the night when clocks go back, both passes of the hour and the daily switch count once, at their own times."""
    times = (
        ("2025-10-25", "23:59:58", datetime(2025, 10, 25, 21, 59, 58, tzinfo=UTC)),
        ("2025-10-26", "00:00:01", datetime(2025, 10, 25, 22, 0, 1, tzinfo=UTC)),
        ("2025-10-26", "02:30:00", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        ("2025-10-26", "02:29:00", datetime(2025, 10, 26, 1, 29, tzinfo=UTC)),
        ("2025-10-26", "03:00:00", datetime(2025, 10, 26, 2, 0, tzinfo=UTC)),
    )
    with Stepper(tmp_path, LogSettings("app", (f"{logs}/laravel*.log",), timezone="Europe/Berlin")) as daemon:
        if live:
            daemon.settle()
        for number, (day, time, moment) in enumerate(times):
            append(logs / f"laravel-{day}.log", stale(day, time, number))
            if live:
                daemon.now = moment.timestamp()
                daemon.step(0.2)
                assert daemon.daemon.view.snapshot.last_events["stale_booking"] == moment.timestamp()
        daemon.now = NOON.timestamp()
        daemon.settle()
        assert daemon.counters()["duplicate_booking_rejections_total{layer1,stale_booking}"] == len(times)
        assert daemon.daemon.view.snapshot.last_events["stale_booking"] == times[-1][2].timestamp()
        assert len(daemon.daemon.view.snapshot.rejections) == len(times)
        assert daemon.losses() == {}
