"""What systemd is told, and when, by clocks that the test moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.model import LogHealth
from exporter.service.notify import Notifier
from exporter.service.supervision import Supervision
from exporter.web.collector import View
from tests.support.notify import Listener
from tests.support.snapshots import make_health, make_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.notify import Message

GOOD = LogHealth(up=True, lag_bytes=0, oldest_uncommitted=None, clock_offset=None, files={"active": 2, "copy": 1})
HEALTH = replace(make_health(), logs={"app": GOOD}, commit_failing=False, catching_up=False, reload_successful=True)


class Supervised:
    """A supervision whose clocks stand still unless moved."""

    def __init__(self, listener: Listener, watchdog: str) -> None:
        self.now = 1000.0
        self._listener = listener
        notifier = Notifier(listener.environment | {"WATCHDOG_USEC": watchdog})
        self.one = Supervision(notifier, lambda: 1_760_000_000.0 + self.now, lambda: self.now)
        self.view = View(replace(make_snapshot(), exposed=True), HEALTH)

    def after(self, seconds: float) -> list[Message]:
        """Let time pass and the loop get on; return what is told."""
        self.now += seconds
        self.one.advanced(self.view)
        return self.told()

    def told(self) -> list[Message]:
        return self._listener.read()

    def status(self, **health: object) -> str:
        """Return the text for a condition."""
        self.view.health = replace(HEALTH, **health)  # type: ignore[arg-type]  # any of its fields
        return next(one["STATUS"] for one in self.after(2) if "STATUS" in one)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Supervised]:
    with Listener(str(tmp_path / "notify")) as listener:
        yield Supervised(listener, "0")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Supervised]:
    with Listener(str(tmp_path / "watched")) as listener:
        yield Supervised(listener, "8000000")


def test_ready_once_requests_show_the_series(service: Supervised) -> None:
    """READY comes once, when requests are answered and series about the app are shown."""
    assert {"READY": "1"} not in service.after(0)
    service.view.snapshot = replace(service.view.snapshot, exposed=False)
    service.one.serving(service.view)
    assert {"READY": "1"} not in service.told() + service.after(1)
    service.view.snapshot = replace(service.view.snapshot, exposed=True)
    assert {"READY": "1"} in service.after(1)
    assert {"READY": "1"} not in service.after(1)


def test_a_start_with_state_is_ready_at_once(service: Supervised) -> None:
    """Where the state holds series they are shown from the first request on."""
    service.one.serving(service.view)
    assert {"READY": "1"} in service.told()


def test_the_start_is_extended_while_bytes_are_read(service: Supervised) -> None:
    """The start's timeout is extended three times as often as it must be, and only where there was progress."""
    service.view.snapshot = replace(service.view.snapshot, exposed=False)
    service.one.serving(service.view)
    extended = {"EXTEND_TIMEOUT_USEC": "60000000"}
    assert extended not in service.after(30)
    service.one.progress(10, 100)
    assert extended in service.after(0)
    service.one.progress(20, 100)
    assert extended not in service.after(19)
    assert extended in service.after(1)
    assert extended not in service.after(60)


def test_pings_follow_the_loop(watched: Supervised) -> None:
    """A ping comes four times in the watchdog's interval, and only when the loop gets on."""
    pings = [sum("WATCHDOG" in one for one in watched.after(1)) for _ in range(8)]
    assert pings == [1, 0, 1, 0, 1, 0, 1, 0]
    watched.now += 100
    assert watched.told() == []


def test_pings_within_a_long_step(watched: Supervised) -> None:
    """A step of the loop that takes minutes, but gets on, is no hang; it is told as often as the loop itself is."""
    watched.after(0)
    pings = []
    for _ in range(600):
        watched.now += 1
        watched.one.working()
        pings += [one for one in watched.told() if "WATCHDOG" in one]
    assert len(pings) == 300


def test_no_pings_unless_asked_for(service: Supervised) -> None:
    """Without a watchdog nobody is pinged."""
    assert not any("WATCHDOG" in one for _ in range(9) for one in service.after(10))


def test_a_state_that_cannot_be_written_is_no_hang(watched: Supervised) -> None:
    """While commits fail and are tried again, pings go on."""
    watched.view.health = replace(HEALTH, commit_failing=True)
    assert sum("WATCHDOG" in one for _ in range(4) for one in watched.after(2)) == 4


def test_status_says_what_it_does(service: Supervised) -> None:
    """One line tells what the daemon does at present, with what is wrong first."""
    assert service.status() == "following 2 files of 1 log"
    assert service.status(catching_up=True) == "catching up"
    service.one.progress(420_000_000, 1_000_000_000)
    assert service.status(catching_up=True) == "catching up: 42 % of 1000 MB are read"
    assert service.status(catching_up=False, reload_successful=False) == (
        "following 2 files of 1 log; the last reload was refused, see the log"
    )
    logs = {"app": GOOD, "web": replace(GOOD, up=False, files={"active": 1, "rotated": 1, "unlinked": 1})}
    assert service.status(logs=logs) == "following 5 files of 2 logs; not there, or not readable: web"
    failing = service.status(commit_failing=True, catching_up=True)
    assert (
        failing
        == "the state cannot be written since 2025-10-09 09:10:12 UTC; nothing is read until it can, see the log"
    )
    assert service.after(100) == []
    assert service.status(commit_failing=False) == "following 2 files of 1 log"


def test_status_is_told_when_it_changes(service: Supervised) -> None:
    """The same text is told once; what changes is looked at once a second."""
    assert [one.keys() for one in service.after(0)] == [{"STATUS"}]
    assert service.after(10) == []
    service.view.health = replace(HEALTH, logs={})
    assert service.after(0.5) == []
    assert service.after(0.5) == [{"STATUS": "following 0 files of 0 logs"}]


def test_reload_and_end(service: Supervised) -> None:
    """A reload is told with its time and followed by READY and the status; before READY nothing is said of it."""
    service.one.reloading()
    service.one.reloaded()
    assert service.told() == []
    service.one.serving(service.view)
    service.told()
    service.one.reloading()
    assert service.told() == [
        {"RELOADING": "1", "MONOTONIC_USEC": "1000000000", "STATUS": "reloading the configuration"}
    ]
    service.one.reloaded()
    assert service.told() == [{"READY": "1"}]
    assert service.after(0) == [{"STATUS": "following 2 files of 1 log"}]
    service.one.stopping()
    assert [one["STOPPING"] for one in service.told()] == ["1"]
