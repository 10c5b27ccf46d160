"""What tests of several folders share."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from exporter import journal
from tests.support.stepper import Stepper

pytest_plugins = ["tests.support.database_fixtures"]

if TYPE_CHECKING:
    from collections.abc import Iterator


# In CI the same examples each time: a new one is found where somebody can look at it, and by `make fuzz`.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")

UNTRACED = ("alertmanager", "deploy", "e2e", "faults", "fuzz", "grafana", "model", "rules", "systemd")
"""Folders of tests that drive other processes, or go many thousand times through code that others cover.

To trace them for branch coverage would triple what they take, and some compare process times.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests: one that begins last keeps one worker busy when the others have nothing left."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Leave the tests of UNTRACED out of the coverage: 95 % must be reached without them.

    The marker `no_cover` does not: in a worker of pytest-xdist, pytest-cov starts two collectors, and while it pauses
    one the other goes on.
    """
    if item.path.relative_to(Path(__file__).parent).parts[0] not in UNTRACED:
        return (yield)
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(threads)


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of collected tests, which it would look through each time."""
    gc.freeze()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return the empty folder of the app's logs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def daemon(tmp_path: Path, logs: Path) -> Iterator[Stepper]:
    """Return a daemon that follows `laravel*.log` in `logs`."""
    with Stepper.following(tmp_path, f"{logs}/laravel*.log") as one:
        yield one


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Leave the process-wide logging as it was."""
    loggers = [logging.getLogger(), logging.getLogger(journal.PACKAGE)]
    before = [(one, one.level, one.handlers[:]) for one in loggers]
    yield
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers[:] = handlers
