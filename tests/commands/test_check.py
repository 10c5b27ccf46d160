"""`check`: one line per check, and its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.native import library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.conftest import Cli

RECORD = "[2025-10-06 18:22:12] production.INFO: hello \n"
EVENTS = """\
version: 1
events:
  - name: mine
    match: {message: {contains: hello}}
    lowest_level: info
    count: {metric: api_gateway_bookings_validated_total}
    examples:
      - {record: '[2025-10-06 18:22:12] production.INFO: RECORD', expect: {}}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "laravel.log"
    path.write_text(RECORD, encoding="utf-8")
    return path


def test_all_is_well(booking_exporter: Cli, log: Path) -> None:
    """Where all is well each check is one line that begins with ok, nothing is written, and the exit code is 0."""
    library()
    result = booking_exporter("check", "--log", log, "--state", log.parent / "state.sqlite")
    assert result.code == 0
    lines = result.out.splitlines()
    assert [one.partition(":")[0] for one in lines] == [
        "ok    configuration",
        "ok    events",
        "ok    native part",
        "ok    log app",
        "ok    state",
    ]
    assert lines[3] == "ok    log app: 1 file can be read, 46 B; times are read as UTC"
    assert lines[4] == f"ok    state: {log.parent}/state.sqlite: will be made at the first start"
    assert list(log.parent.iterdir()) == [log]


def test_a_warning_is_no_failure(booking_exporter: Cli, tmp_path: Path) -> None:
    """A glob that matches nothing yet is a warning, with exit code 0."""
    result = booking_exporter("check", "--log", tmp_path / "none*.log", "--state", tmp_path / "s")
    assert result.code == 0
    assert f"warn  log app: {tmp_path}/none*.log: matches no file yet" in result.out


def test_without_a_log_there_is_nothing_to_do(booking_exporter: Cli, tmp_path: Path) -> None:
    """A configuration without logs is valid, but the daemon would refuse to run: a failed check."""
    result = booking_exporter("check", "--state", tmp_path / "s")
    assert result.code == 1
    assert "FAIL  logs: none is configured; name one with --log" in result.out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EVENTS.replace("RECORD", "other"), "the example is no event, expected mine by this definition; correct the"),
        (EVENTS.replace("contains: hello", "regex: '('"), "mine.yaml:4: events[0].match.message.regex: "),
        (EVENTS.replace("bookings_validated", "nothing"), "mine.yaml:6: "),
        ("version: [", "mine.yaml:1:11: is not valid YAML"),
    ],
)
def test_wrong_events_fail(booking_exporter: Cli, log: Path, text: str, message: str) -> None:
    """A broken definition, or an example that does not hold, is a failed check with its place."""
    (log.parent / "mine.yaml").write_text(text, encoding="utf-8")
    config = log.parent / "exporter.yaml"
    config.write_text(f"events: {{files: ['{log.parent}/mine.yaml']}}\n", encoding="utf-8")
    result = booking_exporter("check", "--config", config, "--log", log, "--state", log.parent / "s")
    assert result.code == 1
    failed = [one for one in result.out.splitlines() if one.startswith("FAIL")]
    assert failed
    assert message in failed[0]


def test_a_wrong_configuration_is_exit_code_2(booking_exporter: Cli, log: Path) -> None:
    """Where the configuration itself is wrong nothing else is checked."""
    result = booking_exporter("check", "--log", log, "--timezone", "Europe/Berlni")
    assert (result.code, result.out) == (2, "")
    assert result.err == ("booking-exporter: --timezone: no time zone has this name; did you mean Europe/Berlin?\n")


def test_a_database_password_that_everybody_can_read(booking_exporter: Cli, log: Path) -> None:
    """A file with the database's URL that every user of the machine can read is a warning."""
    database = log.parent / "app.sqlite"
    database.touch()
    url = log.parent / "url"
    url.write_text(f"sqlite:///{database}\n")
    config = log.parent / "exporter.yaml"
    config.write_text(f"database: {{url_file: '{url}'}}\n", encoding="utf-8")
    for mode, told in ((0o644, True), (0o640, False)):
        url.chmod(mode)
        result = booking_exporter("check", "--config", config, "--log", log, "--state", log.parent / "s")
        assert (f"warn  database: {url}: every user of this machine can read it" in result.out) is told
