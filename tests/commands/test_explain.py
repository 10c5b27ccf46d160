"""`explain`: what it says about records, and how it reads its input."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from exporter.commands.explain import explain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.conftest import Cli

STALE = (
    "[2025-10-06 18:22:12] production.ERROR: 🚨 DUPLICATE BOOKING PREVENTION: Stale booking detected from Cal.com "
    'idempotency {"booking_id":11,"age_seconds":-2041.5} \n'
)
PLAIN = "[2025-10-06 18:22:13] production.INFO: Call already exists \x1b[31m \n"


def test_an_event_is_told_with_all_that_it_counts(booking_exporter: Cli, tmp_path: Path) -> None:
    """Format, time with zone, level, channel, message, event, series, observation and incident are shown."""
    log = tmp_path / "laravel.log"
    log.write_text(STALE, encoding="utf-8")
    result = booking_exporter("explain", log, "--timezone", "Europe/Berlin")
    assert result.code == 0
    assert result.out.splitlines() == [
        (
            "     1 =  line  2025-10-06 18:22:12+02:00  ERROR  production  "
            "🚨 DUPLICATE BOOKING PREVENTION: Stale booking detected from Cal.com idempotency"
        ),
        "        = stale_booking",
        '          api_gateway_duplicate_booking_rejections_total{layer="layer1",reason="stale_booking"} +1',
        '          api_gateway_booking_age_seconds{status="stale"} observes 2041.5',
        "          incident 11 in layer1, once within 7 days",
        "1 records, 1 of them events; 0 unparsed lines",
        "        stale_booking: 1",
    ]


def test_standard_input_is_read(booking_exporter: Cli) -> None:
    """Without a file, or with -, records come from standard input; control characters are escaped."""
    result = booking_exporter("explain", stdin=PLAIN.encode())
    assert result.out.splitlines()[0].endswith("INFO  production  Call already exists \\x1b[31m")
    assert booking_exporter("explain", "-", stdin=PLAIN.encode()) == result


def test_only_events_leaves_out_the_rest(booking_exporter: Cli) -> None:
    """--only-events shows events, and the counts of all."""
    result = booking_exporter("explain", "--only-events", stdin=("junk\n" + PLAIN + STALE).encode())
    assert result.out.startswith("     3 =")
    assert "2 records, 1 of them events; 1 unparsed lines" in result.out


def test_width_cuts_lines(booking_exporter: Cli) -> None:
    """--width cuts the text of records, not what is said about them."""
    first = booking_exporter("explain", "--width", "100", stdin=STALE.encode()).out.splitlines()[0]
    assert len(first) == 100
    assert first.endswith("…")


def test_the_configuration_gives_zone_channels_and_events(booking_exporter: Cli, tmp_path: Path) -> None:
    """With --config a file is read as the log that its path belongs to."""
    (tmp_path / "mine.yaml").write_text(
        "version: 1\nevents:\n  - name: mine\n    match: {message: {contains: Call already exists}}\n"
        "    lowest_level: info\n    count: {metric: api_gateway_bookings_validated_total}\n"
        "    examples:\n"
        "      - {record: '[2025-10-06 18:22:12] production.INFO: Call already exists', expect: {}}\n",
        encoding="utf-8",
    )
    config = tmp_path / "exporter.yaml"
    config.write_text(
        f"logs:\n"
        f"  - {{name: one, paths: ['{tmp_path}/one*.log'], timezone: Asia/Tokyo}}\n"
        f"  - {{name: two, paths: ['{tmp_path}/two*.log'], ignore_channels: [production]}}\n"
        f"events: {{files: ['{tmp_path}/mine.yaml']}}\n",
        encoding="utf-8",
    )
    for name in ("one.log", "two.log", "other.log"):
        (tmp_path / name).write_text(PLAIN, encoding="utf-8")
    one = booking_exporter("explain", tmp_path / "one.log", "--config", config).out
    assert "18:22:13+09:00" in one
    assert "= mine" in one
    two = booking_exporter("explain", tmp_path / "two.log", "--config", config).out
    assert "18:22:13+00:00" in two
    assert "no event: its channel is ignored" in two
    assert booking_exporter("explain", tmp_path / "other.log", "--config", config).out == one
    config.write_text("log: {level: info}\n", encoding="utf-8")
    without_logs = booking_exporter("explain", tmp_path / "one.log", "--config", config).out
    assert "18:22:13+00:00" in without_logs
    added = booking_exporter("explain", tmp_path / "one.log", "--events", tmp_path / "mine.yaml").out
    assert "= mine" in added


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file or directory; name a readable log file"),
        (b"\xff\xfe[\x002\x00", "is UTF-16, which the daemon refuses too; convert it with: iconv -f UTF-16 -t UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    booking_exporter: Cli, tmp_path: Path, content: bytes | None, message: str
) -> None:
    """A missing file and a UTF-16 file each give one message and exit code 2."""
    log = tmp_path / "laravel.log"
    if content is not None:
        log.write_bytes(content)
    result = booking_exporter("explain", log)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"booking-exporter: {log}: {message}\n"


def test_a_file_that_fails_while_read_is_told(booking_exporter: Cli) -> None:
    """An input/output error is one message, too."""
    result = booking_exporter("explain", "/proc/self/mem")
    assert (result.code, result.out) == (2, "")
    assert result.err == "booking-exporter: /proc/self/mem: input/output error; name a readable log file\n"


def test_a_waiting_user_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where standard input is the keyboard, that is said, and how to end it."""

    class Keyboard(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard(io.BytesIO(PLAIN.encode())))
    explain()
    printed = capsys.readouterr()
    assert printed.err == "reading standard input; paste records and end with Ctrl-D\n"
    assert "1 records" in printed.out
