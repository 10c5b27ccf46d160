"""SIGHUP: a configuration comes into force beside a live writer and parallel scrapes, or is refused."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.daemon import Daemon
from tests.support.oracle import differences
from tests.support.scrape import Scrape, fetch, parse
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

OWN_EVENTS = """
version: 1
series:
  - {name: shop_parcels_total, kind: counter, help: Parcels.}
events:
  - name: parcel
    match: {message: {contains: "Parcel sent"}}
    count: {metric: shop_parcels_total}
    examples:
      - record: '[2025-10-06 18:22:12] production.INFO: Parcel sent {"id":1}'
        expect: {shop_parcels_total: 1}
"""
SERIES = "booking_exporter_read_bytes_total"


@dataclass(slots=True)
class Scraper:
    """Scrapes all the time, from several threads; notes what no scrape may show."""

    url: str
    faults: list[str] = field(default_factory=list)
    scrapes: int = 0
    sets: set[frozenset[str]] = field(default_factory=set)
    """The sets of logs that were shown."""
    _ended: Event = field(default_factory=Event)

    def run(self) -> None:
        """Scrape until `_ended`: a counter that was seen never falls, also after it was away."""
        highest: dict[str, float] = {}
        while not self._ended.wait(0.005):
            status, body = fetch(self.url + "/metrics")
            if status != 200:
                self.faults.append(f"status {status}")
                continue
            shown = parse(body)
            self.scrapes += 1
            self.sets.add(frozenset(name for name in shown.samples if name.startswith(SERIES)))
            for name, value in shown.rising.items():
                if value < highest.get(name, 0):
                    self.faults.append(f"{name} fell from {highest[name]} to {value}")
                highest[name] = max(value, highest.get(name, 0))
            if not _agrees(shown):
                self.faults.append("the two series of one log do not agree")


def _agrees(shown: Scrape) -> bool:
    """Tell whether each log that has one series has the other, too: neither is ever shown alone."""
    return {name.replace(SERIES, "") for name in shown.samples if name.startswith(SERIES)} == {
        name.replace("booking_exporter_log_up", "")
        for name in shown.samples
        if name.startswith("booking_exporter_log_up")
    }


@contextmanager
def scraping(daemon: Daemon, threads: int = 3) -> Iterator[list[Scraper]]:
    """Scrape in parallel for as long as the block runs."""
    scrapers = [Scraper(daemon.url) for _ in range(threads)]
    running = [Thread(target=one.run) for one in scrapers]
    for thread in running:
        thread.start()
    try:
        yield scrapers
    finally:
        for one in scrapers:
            one._ended.set()
        for thread in running:
            thread.join()


def write(path: Path, logs: dict[str, str], *, level: str = "info", events: Path | None = None) -> None:
    """Write a configuration, whole at once."""
    data = {
        "logs": [{"name": name, "paths": [glob], "timezone": "Europe/Berlin"} for name, glob in logs.items()],
        "events": {"files": [str(events)] if events else []},
        "log": {"level": level},
    }
    made = path.with_suffix(".new")
    made.write_text(yaml.safe_dump(data))
    made.replace(path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_scrapes_during_reloads(tmp_path: Path, logs: Path, config: Path, start: datetime) -> None:
    """Through reloads of every kind all scrapes succeed, no counter falls, and in the end each record counts once."""
    laravel, calcom = f"{logs}/laravel*.log", f"{logs}/calcom*.log"
    own = tmp_path / "own.yaml"
    own.write_text(OWN_EVENTS)
    writer = LogWriter(logs, seed=8, start=start)
    write(config, {"app": laravel, "calcom": calcom})
    with Daemon(tmp_path / "daemon", "--config", str(config)) as daemon, scraping(daemon) as scrapers:
        for turn in range(3):
            writer.write(150)
            write(config, {"app": laravel, "calcom": calcom, "more": f"{tmp_path}/more*.log"}, level="debug")
            daemon.reload()
            writer.write(150)
            writer.rotate_by_rename()
            write(config, {"app": laravel}, events=own)
            assert daemon.reload().get("shop_parcels_total") == 0
            writer.write(150)
            config.write_text("logs: [{name: app, pats: []}]")
            daemon.reload(accepted=False)
            writer.copytruncate() if turn else writer.rotate_by_rename()
            writer.write(150)
            write(config, {"shop": laravel, "calcom": calcom})
            assert "shop_parcels_total" not in daemon.reload().samples
            writer.write(50)
            write(config, {"app": laravel, "calcom": calcom})
            daemon.reload()
        writer.close()
        shown = daemon.settle(writer.expected.values)
        assert differences(writer.expected.values, shown.samples) == []
        assert shown.total("booking_exporter_possible_losses_total") == 0
    assert [fault for one in scrapers for fault in one.faults] == []
    assert all(one.scrapes > 10 for one in scrapers)
    assert len(set().union(*(one.sets for one in scrapers))) >= 4
    assert daemon.stderr.count("the configuration is reloaded") == 12


def test_bad_configuration_keeps_the_old(tmp_path: Path, logs: Path, config: Path, start: datetime) -> None:
    """A broken file, a broken event file and a changed address are each refused in one line; counting goes on."""
    writer = LogWriter(logs, seed=9, start=start)
    write(config, {"app": f"{logs}/*.log"})
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\nevents:\n  - {name: x, match: {}}\n")
    with Daemon(tmp_path / "daemon", "--config", str(config)) as daemon:
        before = daemon.scrape()
        config.write_text("logs: [")
        daemon.reload(accepted=False)
        write(config, {"app": f"{logs}/*.log"})
        daemon.reload()
        write(config, {"app": f"{logs}/*.log"}, events=bad)
        shown = daemon.reload(accepted=False)
        for name in ("booking_exporter_config_hash", "booking_exporter_events_hash"):
            assert shown[name] == before[name]
        writer.write(200)
        writer.close()
        assert not differences(writer.expected.values, daemon.settle(writer.expected.values).samples)
        lines = [line for line in daemon.stderr.splitlines() if "the old one stays in force" in line]
        assert len(lines) == 2
        assert f"{config}:1" in lines[0]
        assert f"{bad}:3" in lines[1]
        assert "Traceback" not in daemon.stderr


def test_reload_during_a_long_catch_up(tmp_path: Path, logs: Path, config: Path) -> None:
    """A daemon that is busy with a first start's history acts on SIGHUP at once, and counts that history once."""
    line = b'[2025-10-06 18:22:12] production.INFO: Public booking created {"appointment_id":1} \n'
    (logs / "laravel.log").write_bytes(line * 300_000)
    write(config, {"app": f"{logs}/laravel*.log"})
    daemon = Daemon(tmp_path / "daemon", "--config", str(config))
    try:
        daemon.start()
        daemon.wait_listening()
        write(config, {"app": f"{logs}/laravel*.log", "web": f"{logs}/web*.log"})
        daemon.signal(signal.SIGHUP)
        shown = daemon.wait_for(lambda now: 'booking_exporter_log_up{log="web"}' in now.samples, "reloaded", deadline=5)
        assert shown.get("api_gateway_appointments_created_total", source="public") is None, "all was read before"
        daemon.wait_ready()
        assert daemon.scrape().get("api_gateway_appointments_created_total", source="public") == 300_000
    finally:
        daemon.kill()
