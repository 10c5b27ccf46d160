"""A single run, in this process."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest

from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.errors import UserError
from exporter.service.once import run_once
from tests.support.scrape import parse
from tests.support.stepper import events, records

if TYPE_CHECKING:
    from pathlib import Path

CREATED = 'api_gateway_appointments_created_total{source="public"}'


def settings(tmp_path: Path, *, state: bool = True) -> Settings:
    log = LogSettings("app", (f"{tmp_path}/logs/*.log",))
    path = tmp_path / "state.sqlite" if state else None
    return Settings(Listen(), (log,), EventSettings(), StateSettings(path), JournalSettings())


@pytest.mark.parametrize("state", [False, True], ids=["temporary", "kept"])
def test_single_run(tmp_path: Path, *, state: bool) -> None:
    """A single run prints the exposition; with a state a second run adds nothing."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_bytes(records(0, 3))
    (tmp_path / "logs" / "b.log").write_bytes(records(0, 1))
    for _ in range(2):
        out = StringIO()
        assert run_once(settings(tmp_path, state=state), events(), out) == 0
        assert parse(out.getvalue())[CREATED] == 4
    assert (tmp_path / "state.sqlite").exists() is state


def test_single_run_without_files(tmp_path: Path) -> None:
    """Where nothing matches, the message names the globs."""
    with pytest.raises(UserError, match=r"logs/\*\.log"):
        run_once(settings(tmp_path), events(), StringIO())
