"""The demo: the simulated app and the daemon, started, watched, compared and ended."""

from __future__ import annotations

import io
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.demo.tour import differences, run_demo, verdict
from exporter.errors import UserError
from tests.support.scrape import Scrape, fetch, parse
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_differences_are_those_of_the_growth() -> None:
    """What was there before does not count; what is missing counts as 0; floats may differ in their last digits."""
    written = {"a": 2.0, "b": 1.0, "c": 0.3}
    assert differences({"a": 5.0}, {"a": 7.0, "b": 1.0, "c": 0.1 + 0.2}, written) == []
    assert differences({"a": 5.0}, {"a": 7.0, "c": 0.5}, written) == [("b", 1.0, 0.0), ("c", 0.3, 0.5)]


@pytest.mark.slow
def test_the_demo_counts_what_the_app_wrote(tmp_path: Path) -> None:
    """A few seconds at a high rate, through rotations: every sample agrees, twice on one directory."""
    for _ in range(2):
        out = io.StringIO()
        assert run_demo(tmp_path, "127.0.0.1:0", 3.0, rate=3_000, out=out) == 0, out.getvalue()
        text = out.getvalue()
        assert re.search(r"All \d+ samples agree with the \d{4,} records", text)
        assert "/metrics" in text
        assert "storage/logs/laravel.log" in text
    assert (tmp_path / "storage" / "logs" / "laravel.log.2").exists()


@pytest.mark.slow
def test_the_demo_samples_the_apps_database(tmp_path: Path) -> None:
    """The series of the database move with the app, and nothing fails."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    code = "import sys; from pathlib import Path; from exporter.demo.tour import run_demo; "
    code += "sys.exit(run_demo(Path(sys.argv[1]), sys.argv[2], rate=500))"
    command = [sys.executable, "-c", code, str(tmp_path), f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as demo:
        try:
            shown = wait_until(lambda: sampled(port), deadline=30, what="appointments in the database")
        finally:
            demo.send_signal(signal.SIGTERM)
    assert demo.returncode == 0
    assert shown["api_gateway_unique_constraint_present"] == 1
    assert shown["api_gateway_constraint_migration_applied"] == 1
    assert shown["api_gateway_duplicate_check_uses_index"] == 1
    assert shown["api_gateway_appointments_created_1h"] > 0
    assert shown.total("booking_exporter_database_sample_errors_total") == 0


def sampled(port: int) -> Scrape | None:
    """Return the exposition once it shows appointments that have taken place."""
    try:
        shown = parse(fetch(f"http://127.0.0.1:{port}/metrics")[1])
    except OSError:
        return None
    return shown if shown.get("api_gateway_appointments", status="completed") else None


@pytest.mark.slow
def test_a_signal_ends_the_demo_and_its_children(tmp_path: Path) -> None:
    """SIGTERM ends app and daemon in order: exit code 0, the comparison printed, no process left."""
    code = "import sys; from pathlib import Path; from exporter.demo.tour import run_demo; "
    code += "sys.exit(run_demo(Path(sys.argv[1]), '127.0.0.1:0'))"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        limit = threading.Timer(30, demo.kill)
        limit.start()
        assert any("Ctrl-C" in line for line in demo.stdout)
        demo.send_signal(signal.SIGTERM)
        rest = demo.stdout.read()
        limit.cancel()
    assert demo.returncode == 0, rest
    assert "samples agree" in rest


def test_a_port_in_use_is_told_at_once(tmp_path: Path) -> None:
    """The message names the address and the remedy; nothing is started or written."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"--listen {address}: Address already in use; choose another"):
            run_demo(tmp_path / "demo", address)
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("listen", ["localhost", ":1", "127.0.0.1:99999", "127.0.0.1:x"])
def test_a_wrong_address_is_refused(tmp_path: Path, listen: str) -> None:
    """The message shows how an address is written."""
    with pytest.raises(UserError, match=r"--listen .*for example 127\.0\.0\.1:1087"):
        run_demo(tmp_path, listen)


def test_an_app_that_cannot_start_ends_the_demo(tmp_path: Path) -> None:
    """The message says where the app's own words are; the daemon is ended too."""
    (tmp_path / "database.sqlite").mkdir()
    with pytest.raises(UserError, match=r"the simulated app did not start; see .*app\.log"):
        run_demo(tmp_path, "127.0.0.1:0", 1.0, out=io.StringIO())
    assert "unable to open database file" in (tmp_path / "app.log").read_text("utf-8")


def test_a_daemon_that_cannot_start_ends_the_demo(tmp_path: Path) -> None:
    """The message shows what the daemon said last, and where its log is."""
    (tmp_path / "state.sqlite").mkdir()
    with pytest.raises(UserError, match=r"the exporter did not start; see .*exporter\.log") as raised:
        run_demo(tmp_path, "127.0.0.1:0", 1.0, out=io.StringIO())
    assert any("state.sqlite" in message for message in raised.value.messages[1:])


def test_the_verdict_names_each_difference() -> None:
    """What was written and what was counted stand beside each sample that differs."""
    written = {'x_log_records_total{level="info"}': 7.0, "b": 2.0}
    assert verdict([], written) == "\nAll 2 samples agree with the 7 records that the app wrote.\n"
    assert verdict([("b", 2.0, 1.0)], written).endswith("7 records that the app wrote:\n  b: written 2, counted 1\n")


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """The message names the directory and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file: .*; name a directory that can be written"):
        run_demo(tmp_path / "file", "127.0.0.1:0")
