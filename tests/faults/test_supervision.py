"""The watchdog: a loop that hangs is told by silence, one that fails and tries again is not."""

from __future__ import annotations

import errno
import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults.fault import HANG
from tests.support.daemon import Daemon
from tests.support.notify import Listener
from tests.support.scrape import fetch
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.fault import Faults

LINE = b'[2025-10-06 18:22:12] production.INFO: Public booking created {"appointment_id":1} \n'
WATCHDOG = 1.2
"""Seconds: four pings in them, so that silence for as long is no chance."""


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with Listener(str(tmp_path / "notify")) as one:
        yield one


@pytest.fixture
def watched(tmp_path: Path, logs: Path, faults: Faults, listener: Listener) -> Iterator[Daemon]:
    """Return a daemon that is pinging."""
    told = (f"NOTIFY_SOCKET={listener.address}", f"WATCHDOG_USEC={int(WATCHDOG * 1e6)}")
    prefix = (*faults.prefix, *told)
    with Daemon(tmp_path / "daemon", "--log", f"{logs}/*.log", prefix=prefix) as daemon:
        listener.wait(lambda one: "WATCHDOG" in one, "a ping")
        yield daemon


def silence(daemon: Daemon, listener: Listener) -> bool:
    """Tell whether no ping comes for the watchdog's whole interval, while requests are answered."""
    listener.read()
    daemon.live(WATCHDOG)
    assert fetch(daemon.url + "/-/healthy")[0] == 200
    return listener.pings() == 0


@pytest.mark.parametrize(
    ("pattern", "call"), [("*/state.sqlite*", "sync"), ("*/a.log", "read")], ids=["commit", "read"]
)
def test_a_hang_is_told_by_silence(
    logs: Path, faults: Faults, watched: Daemon, listener: Listener, pattern: str, call: str
) -> None:
    """While a commit or a read does not return no ping comes, though requests are answered; afterwards pings go on."""
    with faults.on(pattern, call, error=HANG):
        (logs / "a.log").write_bytes(LINE)
        wait_until(lambda: faults.failed > 0, deadline=10, what="the loop hangs")
        assert silence(watched, listener)
    listener.wait(lambda one: "WATCHDOG" in one, "pings go on")
    watched.wait_for(lambda now: now.total("api_gateway_appointments_created_total") == 1, "it is counted")


def test_the_log_tells_where_it_hung(logs: Path, faults: Faults, watched: Daemon) -> None:
    """Who is ended by the watchdog's SIGABRT says in which call it hung, and nothing that a record said."""
    with faults.on("*/a.log", "read", error=HANG):
        (logs / "a.log").write_bytes(LINE)
        wait_until(lambda: faults.failed > 0, deadline=10, what="the loop hangs")
        code, _ = watched.stop(signal.SIGABRT)
    assert code == -signal.SIGABRT
    assert 'exporter/tail/files.py", line' in watched.stderr
    assert "appointment" not in watched.stderr


def test_a_state_that_cannot_be_written_is_no_hang(
    logs: Path, faults: Faults, watched: Daemon, listener: Listener
) -> None:
    """A commit that fails and is tried again keeps pinging, and the status says since when."""
    with faults.on("*/state.sqlite*", "write", error=errno.ENOSPC):
        (logs / "a.log").write_bytes(LINE)
        listener.wait(lambda one: one.get("STATUS", "").startswith("the state cannot be written since"), "the status")
        assert not silence(watched, listener)
    listener.wait(lambda one: one.get("STATUS", "").startswith("following"), "the state is written again")
