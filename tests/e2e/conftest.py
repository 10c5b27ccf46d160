"""Fixtures of the end-to-end tests: configuration files and writers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def pattern(logs: Path) -> str:
    """Return the glob that matches the app's logs in `logs`."""
    return f"{logs}/laravel*.log"


@pytest.fixture
def start() -> datetime:
    """Return a time of the app three days ago: incidents are then remembered throughout the test."""
    return datetime.now(BERLIN).replace(microsecond=0) - timedelta(days=3)
