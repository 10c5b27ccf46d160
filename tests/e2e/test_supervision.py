"""The daemon under a supervisor that speaks systemd's protocol."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon, command, environment
from tests.support.notify import Listener
from tests.support.scrape import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = b'[2025-10-06 18:22:12] production.INFO: Public booking created {"appointment_id":1} \n'


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with Listener(str(tmp_path / "notify")) as one:
        yield one


def supervised(tmp_path: Path, listener: Listener, watchdog: float = 2.0) -> Daemon:
    config = tmp_path / "config.yaml"
    config.write_text(f"logs: [{{name: app, paths: ['{tmp_path}/logs/*.log']}}]\n")
    prefix = ("env", f"NOTIFY_SOCKET={listener.address}", f"WATCHDOG_USEC={int(watchdog * 1e6)}")
    return Daemon(tmp_path / "daemon", "--config", str(config), prefix=prefix)


def test_from_start_to_stop(tmp_path: Path, logs: Path, listener: Listener) -> None:
    """READY comes once series are served, pings go on, a reload and the end are told."""
    (logs / "a.log").write_bytes(LINE * 1000)
    with supervised(tmp_path, listener) as daemon:
        ready = next(index for index, one in enumerate(listener.read()) if "READY" in one)
        assert not any("READY" in one for one in listener.messages[:ready])
        listener.wait(lambda one: one.get("STATUS") == "following 1 file of 1 log", "the status")
        listener.wait(lambda one: "WATCHDOG" in one, "a ping", deadline=3)
        before = time.monotonic_ns() // 1000
        daemon.signal(signal.SIGHUP)
        reloading = listener.wait(lambda one: "RELOADING" in one, "the reload's beginning")
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        if not any("READY" in one for one in listener.messages[ready + 1 :]):
            listener.wait(lambda one: "READY" in one, "the reload's end")
        (tmp_path / "config.yaml").write_text("logs: [")
        daemon.signal(signal.SIGHUP)
        listener.wait(lambda one: "refused" in one.get("STATUS", ""), "the refusal")
        assert daemon.terminate()[0] == 0
        listener.read()
        assert listener.messages[-1] == {"STOPPING": "1", "STATUS": "stopping: the last commit"}
        order = [name for one in listener.messages for name in one if name in {"READY", "RELOADING", "STOPPING"}]
        assert order == ["READY", "RELOADING", "READY", "RELOADING", "READY", "STOPPING"]


def test_ready_waits_for_the_history(tmp_path: Path, logs: Path, listener: Listener) -> None:
    """At a first start READY comes when the history is counted: `/-/ready` says 200 then, and 503 before."""
    (logs / "a.log").write_bytes(LINE * 300_000)
    daemon = supervised(tmp_path, listener)
    try:
        daemon.start()
        daemon.wait_listening()
        status, _ = fetch(daemon.url + "/-/ready")
        assert status == 503
        assert not any("READY" in one for one in listener.read())
        listener.wait(lambda one: "READY" in one, "READY", deadline=20)
        assert fetch(daemon.url + "/-/ready")[0] == 200
        assert daemon.scrape().get("api_gateway_appointments_created_total", source="public") == 300_000
        assert any("EXTEND_TIMEOUT_USEC" in one for one in listener.messages)
        assert any(one.get("STATUS", "").startswith("catching up") for one in listener.messages)
    finally:
        daemon.kill()


def test_lines_for_the_journal(tmp_path: Path, logs: Path) -> None:
    """Where standard error is the journal's stream, each line begins with its priority."""
    (logs / "a.log").write_bytes(LINE)
    folder = tmp_path / "daemon"
    folder.mkdir()
    (folder / "journal.txt").touch()
    found = (folder / "journal.txt").stat()
    prefix = ("env", f"JOURNAL_STREAM={found.st_dev}:{found.st_ino}", "BOOKING_EXPORTER_LOG_FORMAT=text")
    with Daemon(folder, "--log", f"{logs}/*.log", prefix=prefix) as daemon:
        assert daemon.terminate()[0] == 0
    assert daemon.stderr.startswith("<6>info    following logs=1 address=127.0.0.1")
    assert daemon.stderr.splitlines()[-1] == "<6>info    stopped"


def test_errors_for_the_journal(tmp_path: Path) -> None:
    """An error that ends the daemon before it writes its own log has its priority, too."""
    told = tmp_path / "stderr"
    with told.open("wb") as stderr:
        found = told.stat()
        done = subprocess.run(
            command("run", "--config", str(tmp_path / "none.yaml")),
            stderr=stderr,
            env=environment() | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"},
            check=False,
        )
    assert done.returncode == 2
    assert told.read_text().startswith(f"<3>booking-exporter: {tmp_path}/none.yaml: no such file")
