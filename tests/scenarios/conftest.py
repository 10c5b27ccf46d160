"""What the tests of the scenarios share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.stepper import Stepper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return the folder of the app's logs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def daemon(tmp_path: Path, logs: Path) -> Iterator[Stepper]:
    """Return a daemon that follows `laravel*.log` in `logs`."""
    with Stepper.following(tmp_path, f"{logs}/laravel*.log") as one:
        yield one
