"""Scenarios of resources that no other test holds."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.fault import Faults, build
from tests.support.daemon import Daemon
from tests.support.stepper import append, records
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.scrape import Scrape
    from tests.support.stepper import Stepper

CREATED = 'api_gateway_appointments_created_total{source="public"}'


def held() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count is all that is asked


def test_a_day_by_a_fake_clock(daemon: Stepper, logs: Path) -> None:
    """Over a day of records each minute, hourly rotation and a new daily file all count once, and little is kept."""
    log, number, descriptors = logs / "laravel.log", 0, []
    for minute in range(24 * 60):
        path = log if minute % 2 else logs / f"laravel-2025-10-{9 + minute // 720}.log"
        append(path, records(number, number + 4))
        number += 4
        daemon.step(60, moved=minute % 10 == 0)
        if minute % 60 == 59:
            (logs / "laravel.log.2").unlink(missing_ok=True)
            for old in (1, 0):
                source = logs / f"laravel.log.{old}" if old else log
                if source.exists():
                    source.rename(logs / f"laravel.log.{old + 1}")
            daemon.step(1)
            descriptors.append(held())
    daemon.settle()
    assert daemon.created() == number
    assert daemon.losses() == {}
    assert max(descriptors) <= min(descriptors) + 4
    states = [tail.state for tail in daemon.daemon.tracker.tails]
    assert len(states) - states.count("missing") <= 6
    assert states.count("missing") <= 24  # of each hour the fingerprint, by which a copy would be known
    assert daemon.path.stat().st_size < 1 << 20


def is_counted(number: int) -> Callable[[Scrape], bool]:
    return lambda shown: shown[CREATED] == number


def _process(daemon: Daemon) -> tuple[int, int]:
    """Return how many descriptors and threads the daemon has."""
    place = Path(f"/proc/{daemon.pid}")
    return len(list((place / "fd").iterdir())), len(list((place / "task").iterdir()))


def _back_at(daemon: Daemon, first: tuple[int, int]) -> Callable[[], bool]:
    """Tell whether the daemon has no more than it had first: the last scrape's connection may be open for a moment."""
    return lambda: all(now <= then for now, then in zip(_process(daemon), first, strict=True))


def test_descriptors_and_threads_do_not_leak(tmp_path: Path, logs: Path) -> None:
    """After hundreds of files that came, were rotated and went a daemon has the descriptors and threads it had."""
    faults = Faults(build(tmp_path), tmp_path / "plan")
    number, first = 0, (0, 0)
    with Daemon(tmp_path / "daemon", "--log", f"{logs}/*/laravel*.log", prefix=faults.prefix) as daemon:
        for turn in range(4):
            folder = logs / str(turn)
            folder.mkdir()
            for one in range(30):
                append(folder / f"laravel-{one}.log", records(number, number + 5))
                number += 5
            daemon.wait_for(is_counted(number), "all is counted")
            for one in range(0, 30, 2):
                (folder / f"laravel-{one}.log").rename(folder / f"laravel-{one}.log.1")
            daemon.wait_for(
                lambda shown: shown.get("booking_exporter_files", log="app", state="rotated") == 15, "half are rotated"
            )
            shutil.rmtree(folder)
            daemon.wait_for(
                lambda shown: shown.get("booking_exporter_files", log="app", state="active") == 0, "all are gone"
            )
            faults.shift_clock(1000 * (turn + 1))
            daemon.wait_for(lambda shown: shown.total("booking_exporter_files") == 0, "all are released")
            if turn <= 1:  # by then everything was done once
                first = _process(daemon)
            wait_until(_back_at(daemon, first), deadline=10, what=f"no more than {first} descriptors and threads")
        assert daemon.scrape().total("booking_exporter_possible_losses_total") == 0


def test_logs_leave_descriptors_to_scrapes(daemon: Stepper, logs: Path) -> None:
    """Logs take no descriptor of the last 32, which scrapes need to tell it; with more, all logs are read."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - as above
    files = highest + 12  # more than there are numbers, wherever free ones lie
    for number in range(files):
        append(logs / f"laravel-{number}.log", records(100 * number, 100 * number + 5))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 42, before[1]))
    try:
        daemon.settle()
        assert 0 < daemon.created() < 5 * files
        assert daemon.counters()["read_errors_total{app,descriptors}"] > 0
        assert not daemon.health().logs["app"].up
        assert max(int(name) for name in os.listdir("/proc/self/fd")) <= highest + 10  # noqa: PTH208 - as above
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for _ in range(4):
        daemon.step(30)
    assert daemon.created() == 5 * files
    assert daemon.health().logs["app"].up
