"""What the tests of following share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.model.test_machine import Following
from tests.support.stepper import Stepper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def wide(tmp_path: Path, logs: Path) -> Iterator[Stepper]:
    """Return a daemon whose glob also names rotated files."""
    with Stepper.following(tmp_path, f"{logs}/laravel*") as one:
        yield one


@pytest.fixture
def app() -> Iterator[Following]:
    """Return an app, its files and a daemon without rights; `settle` holds all counts to what was written."""
    machine = Following()
    yield machine
    machine.broken = True  # `settle` was the test's own last step
    machine.teardown()
