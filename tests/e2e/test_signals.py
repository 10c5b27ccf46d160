"""Stopping, and a second daemon on one state."""

from __future__ import annotations

import http.client
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon, free_port, run
from tests.support.oracle import differences
from tests.support.waiting import wait_until
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_commits_and_ends_within_five_seconds(
    tmp_path: Path, logs: Path, pattern: str, start: datetime, number: signal.Signals
) -> None:
    """SIGTERM and SIGINT end the daemon with code 0 within 5 s; what it had read then is in the state."""
    writer = LogWriter(logs, seed=6, start=start)
    with Daemon(tmp_path / "daemon", "--log", pattern, "--log", f"{logs}/calcom*.log") as daemon:
        writer.write(2000)
        writer.close()
        daemon.wait_for(lambda now: now.total("api_gateway_log_records_total") > 0, "first records counted")
        code, seconds = daemon.stop(number)
        assert code == 0
        assert seconds < 5
        assert "Traceback" not in daemon.stderr
        daemon.start()
        daemon.wait_ready()
        daemon.wait_for(lambda now: not differences(writer.expected.values, now.samples), "all counted once")


def test_idle_daemon_stops_with_an_open_connection(tmp_path: Path, pattern: str) -> None:
    """A scraper that keeps its connection open does not delay the end."""
    with Daemon(tmp_path / "daemon", "--log", pattern) as daemon:
        kept = http.client.HTTPConnection("127.0.0.1", daemon.port)
        kept.request("GET", "/metrics")
        assert kept.getresponse().read()
        code, seconds = daemon.terminate()
        kept.close()
    assert code == 0
    assert seconds < 5


def test_hangup_during_the_start(tmp_path: Path, logs: Path) -> None:
    """SIGHUP while a starting daemon reads its configuration, the first time or the second, does not end it."""
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    daemon = Daemon(tmp_path / "daemon", "--config", str(config))

    def opened() -> int | None:
        with suppress(OSError):  # nobody reads yet
            return os.open(config, os.O_WRONLY | os.O_NONBLOCK)
        return None

    daemon.start()
    try:
        for asks in (True, True, False):  # before its log is configured, at its start, and for the reload
            with os.fdopen(wait_until(opened, deadline=20, what="it reads its configuration"), "w") as file:
                os.mkfifo(tmp_path / "next")
                (tmp_path / "next").rename(config)
                if asks:
                    daemon.signal(signal.SIGHUP)
                file.write(f"logs: [{{name: app, paths: ['{logs}/*.log'], timezone: UTC}}]\n")
        daemon.wait_ready()
        assert daemon.stop(signal.SIGTERM)[0] == 0
    finally:
        daemon.__exit__()
    assert daemon.stderr.count("the configuration is reloaded") == 1


def test_second_daemon_on_one_state_is_refused(tmp_path: Path, pattern: str) -> None:
    """A second daemon on a state in use ends with code 2 and one message that names the state file."""
    with Daemon(tmp_path / "daemon", "--log", pattern) as daemon:
        listen = f"127.0.0.1:{free_port()}"
        second = run("run", "--log", pattern, "--state", str(daemon.state), "--listen", listen)
        assert second.returncode == 2
        assert str(daemon.state) in second.stderr.replace("\n", "")
        assert "Traceback" not in second.stderr
        assert daemon.scrape().samples
