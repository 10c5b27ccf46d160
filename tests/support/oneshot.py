"""`run --once` inside the test's own process: fast enough for a table of many small logs."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.service.once import run_once
from tests.support.scrape import Scrape, parse
from tests.support.stepper import events

if TYPE_CHECKING:
    from pathlib import Path


def exposition(*paths: Path, timezone: str = "Europe/Berlin", ignore_channels: frozenset[str] = frozenset()) -> str:
    """Return what `run --once` prints for the log `app` that consists of `paths`."""
    log = LogSettings("app", tuple(map(str, paths)), timezone=timezone, ignore_channels=ignore_channels)
    settings = Settings(Listen(), (log,), EventSettings(), StateSettings(), JournalSettings())
    out = StringIO()
    assert run_once(settings, events(), out) == 0
    return out.getvalue()


def counted(*paths: Path, ignore_channels: frozenset[str] = frozenset()) -> Scrape:
    """Return the parsed exposition of `paths`."""
    return parse(exposition(*paths, ignore_channels=ignore_channels))
