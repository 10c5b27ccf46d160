"""Fixtures of the fault tests: the library, a daemon that it is loaded into, and logs to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.fault import Faults, build
from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled library."""
    return build(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def faults(library: Path, tmp_path: Path) -> Faults:
    """Return the faults of this test's daemon."""
    return Faults(library, tmp_path / "plan")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return an empty folder for logs, with one in it."""
    folder = tmp_path / "logs"
    (folder / "calcom").mkdir(parents=True)
    return folder


@pytest.fixture
def idle(tmp_path: Path, logs: Path, faults: Faults) -> Iterator[Daemon]:
    """Return a daemon that follows `laravel*.log` as `app` and `calcom/*.log` as `other`, not started."""
    config = tmp_path / "config.yaml"
    config.write_text(
        f"logs:\n  - {{name: app, paths: ['{logs}/laravel*.log'], rotated: ['{tmp_path}/old/*']}}\n"
        f"  - {{name: other, paths: ['{logs}/calcom/*.log']}}\n"
    )
    one = Daemon(tmp_path / "daemon", "--config", str(config), prefix=faults.prefix)
    yield one
    one.__exit__()
    assert "Traceback" not in one.stderr


@pytest.fixture
def daemon(idle: Daemon) -> Daemon:
    """Return that daemon, ready."""
    return idle.__enter__()
