"""Bad input: each gives one clear message or a series that shows it, nothing is lost, and no traceback."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import ROOT_DROPS, Daemon, free_port, run, run_once
from tests.support.oracle import differences, sample
from tests.support.packages import need_program
from tests.support.tmpfs import SmallDisk
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from subprocess import CompletedProcess

RECORD = '[2025-10-06 18:22:12] production.INFO: Public booking created {"appointment_id":1} \n'
APP_LOG = {"log": "app"}

LOGS = "logs: [{{name: app, paths: ['{logs}/laravel*.log']}}]\n"
BAD_FILES = {
    "broken YAML": ("logs: [{{name: app\n  paths: ]\n", "config.yaml:2"),
    "unknown key": (LOGS + "lisen: {{port: 1}}\n", "lisen"),
    "wrong type": (LOGS + "listen: {{port: many}}\n", "port"),
    "wrong time zone": ("logs: [{{name: app, paths: ['{logs}/x.log'], timezone: Europe/Berlln}}]\n", "Europe/Berlin"),
}
"""What stands in the configuration file, and what the message must name."""

EVENT = """\
version: 1
events:
  - name: mine
    match: {{message: {{{match}}}, levels: [error]}}
    lowest_level: error
    count: {{metric: {metric}}}
    examples:
      - record: '[2025-10-06 18:22:12] production.ERROR: something of mine'
        expect: {{{metric}: 1}}
"""
BAD_EVENTS = {
    "invalid regex": ({"match": 'regex: "a(b"', "metric": "bookings_validated_total"}, "regex"),
    "unknown metric": ({"match": 'contains: "of mine"', "metric": "no_such_total"}, "count.metric"),
}


def _assert_refused(done: CompletedProcess[str], naming: str) -> None:
    """Assert code 2 and exactly one message on standard error, which names the place."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert naming in lines[0]
    assert done.stdout == ""


def _complaints(journal: str) -> list[str]:
    """Return the lines of the daemon's log that are more than information."""
    assert "Traceback" not in journal
    return [line for line in journal.splitlines() if not line.startswith("{") or '"info"' not in line.lower()]


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_configuration_is_refused_with_one_message(tmp_path: Path, logs: Path, case: str) -> None:
    """A configuration file that cannot be used ends the daemon with code 2 and one line that names the place."""
    text, naming = BAD_FILES[case]
    path = tmp_path / "config.yaml"
    path.write_text(text.format(logs=logs))
    _assert_refused(run("run", "--config", str(path), "--state", str(tmp_path / "state.sqlite")), naming)


@pytest.mark.parametrize("case", BAD_EVENTS)
def test_bad_event_definition_is_refused_with_one_message(tmp_path: Path, logs: Path, case: str) -> None:
    """A definition with an invalid regex or an unknown metric ends the daemon with code 2 and one line about it."""
    fields, naming = BAD_EVENTS[case]
    events = tmp_path / "events.yaml"
    events.write_text(EVENT.format(**fields))
    path = tmp_path / "config.yaml"
    path.write_text(LOGS.format(logs=logs) + f"events: {{files: ['{events}']}}\n")
    done = run("run", "--config", str(path), "--state", str(tmp_path / "state.sqlite"))
    _assert_refused(done, naming)
    assert "events.yaml" in done.stderr


def test_missing_configuration_file_is_assert_refused(tmp_path: Path) -> None:
    """A configuration file that does not exist is named."""
    _assert_refused(run("run", "--config", str(tmp_path / "absent.yaml")), "absent.yaml")


def test_port_in_use_is_assert_refused(tmp_path: Path, pattern: str) -> None:
    """A port that another program listens on ends the daemon with code 2 and one line that names it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("run", "--log", pattern, "--state", str(tmp_path / "state.sqlite"), "--listen", address)
    _assert_refused(done, address)


def test_state_below_a_file_is_assert_refused(tmp_path: Path, pattern: str) -> None:
    """A state path that cannot exist ends the daemon with code 2 and one line that names it."""
    (tmp_path / "file").write_text("")
    state = tmp_path / "file" / "state.sqlite"
    listen = f"127.0.0.1:{free_port()}"
    _assert_refused(run("run", "--log", pattern, "--state", str(state), "--listen", listen), str(state.parent))


def test_state_folder_that_is_not_writable_is_assert_refused(tmp_path: Path, pattern: str) -> None:
    """A state folder without write permission ends the daemon with code 2 and one line that names it."""
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o500)
    need_program(ROOT_DROPS[0], "util-linux")
    state = folder / "state.sqlite"
    listen = f"127.0.0.1:{free_port()}"
    done = run("run", "--log", pattern, "--state", str(state), "--listen", listen, prefix=_as_user())
    _assert_refused(done, str(folder))


def test_unreadable_folder_shows_in_series_and_one_line(tmp_path: Path, logs: Path) -> None:
    """A folder without read permission: log_up is 0, one complaint, and the other folder is still followed."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "laravel.log").write_text(RECORD)
    (logs / "laravel.log").write_text(RECORD)
    closed.chmod(0)
    path = tmp_path / "config.yaml"
    path.write_text(
        f"logs: [{{name: good, paths: ['{logs}/*.log']}}, {{name: shut, paths: ['{closed}/laravel.log']}}]\n"
    )
    try:
        with Daemon(tmp_path / "daemon", "--config", str(path), prefix=_as_user()) as daemon:
            shown = daemon.wait_for(
                lambda now: now.get("booking_exporter_log_up", log="good") == 1, "the good log is up"
            )
            assert shown.get("booking_exporter_log_up", log="shut") == 0
            assert shown.get("api_gateway_appointments_created_total", source="public") == 1
            assert daemon.terminate()[0] == 0
            complaints = _complaints(daemon.stderr)
            assert len(complaints) == 1, complaints
            assert str(closed) in complaints[0] or "shut" in complaints[0]
            closed.chmod(0o700)
            daemon.start()
            daemon.wait_ready()
            daemon.wait_for(
                lambda now: now.get("api_gateway_appointments_created_total", source="public") == 2,
                "the records in the folder that can be read again",
            )
    finally:
        closed.chmod(0o700)


def test_empty_glob_shows_in_a_series(tmp_path: Path, pattern: str) -> None:
    """A glob that matches nothing is no error: the daemon is ready, and log_up is 0 until a file is there."""
    with Daemon(tmp_path / "daemon", "--log", pattern) as daemon:
        assert daemon.scrape().get("booking_exporter_log_up", log="app") == 0
        assert len(_complaints(daemon.stderr)) <= 1
        (tmp_path / "logs" / "laravel.log").write_text(RECORD)
        shown = daemon.wait_for(lambda now: now.get("booking_exporter_log_up", log="app") == 1, "the file is found")
        assert shown.get("booking_exporter_files", log="app", state="active") == 1
        daemon.wait_for(
            lambda now: now.get("api_gateway_appointments_created_total", source="public") == 1, "its record is counted"
        )


def test_binary_file_counts_as_unparsed_lines(logs: Path, pattern: str) -> None:
    """A binary file is read without an error: its lines are unparsed, no record is made up."""
    (logs / "laravel.log").write_bytes(bytes(range(256)) * 400)
    scrape = run_once("--log", pattern)
    assert scrape.total("api_gateway_log_records_total") == 0
    assert (scrape.get("booking_exporter_unparsed_lines_total", **APP_LOG) or 0) > 0
    assert scrape.get("booking_exporter_read_bytes_total", **APP_LOG) == 256 * 400


def test_utf16_file_is_refused_with_a_series_and_one_line(tmp_path: Path, logs: Path, pattern: str) -> None:
    """A UTF-16 file is recognised: an error of its own cause, one line in the log, the other files go on."""
    (logs / "laravel-wide.log").write_bytes(RECORD.encode("utf-16") * 50)
    (logs / "laravel.log").write_text(RECORD)
    with Daemon(tmp_path / "daemon", "--log", pattern) as daemon:
        shown = daemon.wait_for(
            lambda now: now.get("api_gateway_appointments_created_total", source="public") == 1, "the good file is read"
        )
        assert daemon.terminate()[0] == 0
    assert (shown.get("booking_exporter_read_errors_total", log="app", cause="utf16") or 0) >= 1
    complaints = _complaints(daemon.stderr)
    assert len(complaints) == 1, complaints
    assert "UTF-16" in complaints[0]


def test_full_disk_keeps_what_was_published_and_loses_nothing(
    tmp_path: Path, logs: Path, pattern: str, start: datetime
) -> None:
    """While the state's disk is full the last snapshot stays, commit_failing is 1; with space again all is counted."""
    writer = LogWriter(logs, seed=8, start=start)
    arguments = ("--log", pattern, "--log", f"{logs}/calcom*.log")
    with SmallDisk(tmp_path / "disk", 2_000_000) as disk:
        state = disk.folder / "state.sqlite"
        with Daemon(tmp_path / "daemon", *arguments, state=state) as daemon:
            writer.write(300)
            before = dict(writer.expected.values)
            daemon.wait_for(lambda now: not differences(before, now.samples), "the first records are counted")
            disk.fill()
            writer.write(20_000)
            writer.close()
            shown = daemon.wait_for(
                lambda now: now["booking_exporter_commit_failing"] == 1, "the failing commit is shown"
            )
            assert all(shown[key] >= value for key, value in before.items())
            assert shown["booking_exporter_uncommitted_bytes"] > 0
            disk.free()
            shown = daemon.wait_for(
                lambda now: not differences(writer.expected.values, now.samples), "all is counted once", deadline=20
            )
            assert shown[sample("booking_exporter_commit_failures_total")] > 0
            assert daemon.terminate()[0] == 0
        assert "Traceback" not in daemon.stderr


def _as_user() -> tuple[str, ...]:
    """Return the prefix that makes permissions count for root, too."""
    need_program(ROOT_DROPS[0], "util-linux")
    return ROOT_DROPS
