"""The daemon from its start to SIGTERM, in this process."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import Store
from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.errors import UserError
from exporter.service.configuration import Configuration
from exporter.service.follow import run
from tests.support.scrape import fetch, parse
from tests.support.stepper import events, records
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREATED = 'api_gateway_appointments_created_total{source="public"}'


def settings(tmp_path: Path, *, port: int = 0, state: bool = True) -> Settings:
    log = LogSettings("app", (f"{tmp_path}/logs/*.log",))
    path = tmp_path / "state.sqlite" if state else None
    return Settings(Listen(port=port), (log,), EventSettings(), StateSettings(path), JournalSettings())


@pytest.fixture
def port() -> int:
    """Return a port that is free at present."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number: int = one.getsockname()[1]
        return number


@pytest.fixture(autouse=True)
def switch_interval() -> Iterator[None]:
    """Give the interpreter's switch interval back."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def write(tmp_path: Path, first: int, behind: int) -> None:
    (tmp_path / "logs").mkdir(exist_ok=True)
    with (tmp_path / "logs" / "a.log").open("ab") as file:
        file.write(records(first, behind))


def shown(port: int) -> float | None:
    try:
        status, body = fetch(f"http://127.0.0.1:{port}/metrics")
    except OSError:
        return None
    return parse(body).samples.get(CREATED) if status == 200 else None


def test_from_start_to_sigterm(tmp_path: Path, port: int) -> None:
    """The daemon counts, serves, takes what is written meanwhile and ends on SIGTERM with a last commit."""
    write(tmp_path, 0, 10)
    seen: list[float | None] = []

    def use() -> None:
        try:
            wait_until(lambda: shown(port) == 10, deadline=10, what="history is served")
            write(tmp_path, 10, 15)
            wait_until(lambda: shown(port) == 15, deadline=10, what="what was written is served")
            seen.append(shown(port))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    user = threading.Thread(target=use)
    user.start()
    assert run(lambda: Configuration(settings(tmp_path, port=port), events(), 1)) == 0
    user.join()
    assert seen == [15]
    assert signal.getsignal(signal.SIGTERM) is before
    ledger = Store.read(tmp_path / "state.sqlite").ledger
    assert ledger is not None
    assert ledger.counters["api_gateway_appointments_created_total", ("public",)] == 15


def test_daemon_needs_a_state(tmp_path: Path) -> None:
    """Without a state path the daemon does not start, and the message names the option."""
    with pytest.raises(UserError, match="--state FILE"):
        run(lambda: Configuration(settings(tmp_path, state=False), events(), 1))


def test_port_in_use_outside_the_main_thread(tmp_path: Path) -> None:
    """A part that cannot start ends the run before anything is read; other threads keep their signals."""
    failed: list[str] = []

    def start(port: int) -> None:
        try:
            run(lambda: Configuration(settings(tmp_path, port=port), events(), 1))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is looked at below)
            failed.append(type(error).__name__)

    before = signal.getsignal(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        thread = threading.Thread(target=start, args=(taken.getsockname()[1],))
        thread.start()
        thread.join(20)
    assert failed == ["ListenError"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reload_asked_for_during_the_start(tmp_path: Path, port: int) -> None:
    """SIGHUP that comes while the configuration is read does not end the process, and is done after the start."""
    missed: list[int] = []
    asked = [signal.SIGHUP, signal.SIGTERM]

    def load() -> Configuration:
        os.kill(os.getpid(), asked.pop(0))
        return Configuration(settings(tmp_path, port=port), events(), 1)

    before = signal.signal(signal.SIGHUP, lambda number, _: missed.append(number))
    try:
        assert run(load) == 0
        assert (asked, missed) == ([], [])
        os.kill(os.getpid(), signal.SIGHUP)
        assert missed == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, before)
