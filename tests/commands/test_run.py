"""`run`: what is refused before it starts, and one pass."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.conftest import Cli

RECORD = "[2025-10-06 18:22:12] production.INFO: hello \n"


def test_nothing_to_do_is_told(booking_exporter: Cli) -> None:
    """Without any log or database the daemon does not start, and says how to name one."""
    result = booking_exporter("run")
    assert result.code == 2
    assert result.err.startswith(
        "booking-exporter: nothing to do: no log and no database is configured; name a log with"
    )


def test_wrong_events_are_told(booking_exporter: Cli, tmp_path: Path) -> None:
    """Event definitions that are wrong stop the start, with place and remedy."""
    config = tmp_path / "exporter.yaml"
    config.write_text(
        f"logs: [{{name: app, paths: ['{tmp_path}/*.log']}}]\nevents: {{files: ['{tmp_path}/none.yaml']}}\n",
        encoding="utf-8",
    )
    result = booking_exporter("run", "--once", "--config", config)
    assert result.code == 2
    assert result.err.startswith(f"booking-exporter: {tmp_path}/none.yaml: ")


def test_once_prints_the_metrics_and_keeps_no_state(booking_exporter: Cli, tmp_path: Path) -> None:
    """--once prints the exposition; a configured state is left alone unless --state names it."""
    (tmp_path / "laravel.log").write_text(RECORD * 3, encoding="utf-8")
    config = tmp_path / "exporter.yaml"
    config.write_text(
        f"logs: [{{name: app, paths: ['{tmp_path}/*.log']}}]\nstate: {{path: '{tmp_path}/configured'}}\n",
        encoding="utf-8",
    )
    result = booking_exporter("run", "--once", "--config", config)
    assert result.code == 0
    assert 'api_gateway_log_records_total{level="info"} 3.0' in result.out
    assert not (tmp_path / "configured").exists()


def test_once_with_a_state_counts_only_what_is_new(booking_exporter: Cli, tmp_path: Path) -> None:
    """With --state a second run over the same files adds nothing."""
    (tmp_path / "laravel.log").write_text(RECORD * 3, encoding="utf-8")
    arguments = ("run", "--once", "--log", tmp_path / "laravel.log", "--state", tmp_path / "s")
    first = booking_exporter(*arguments)
    second = booking_exporter(*arguments)
    expected = 'api_gateway_log_records_total{level="info"} 3.0'
    assert expected in first.out
    assert expected in second.out


@pytest.mark.parametrize("terminal", [False, True])
def test_a_state_that_cannot_be_is_told(
    booking_exporter: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    """Where the state cannot lie the daemon does not start, and says why, on a terminal or not."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    result = booking_exporter("run", "--log", tmp_path / "*.log", "--state", tmp_path / "none" / "s")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[-1].startswith(f"booking-exporter: {tmp_path}/none: no such directory for the state")
