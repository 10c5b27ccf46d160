"""Access to the logs as the README gives it: an ACL with default entries, and what narrows its mask."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.checks.logs import check_log
from exporter.config.schema import LogSettings
from tests.support.packages import need_program

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
RECORD = b"[2025-10-06 18:22:12] production.INFO: hello \n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that only its owner may enter, and user 65534 by an ACL with default entries."""
    if os.geteuid() != 0:
        pytest.skip("only root can try what another user may read")
    setfacl = need_program("setfacl", "acl")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        path = Path(name)
        path.chmod(0o2750)
        subprocess.run([setfacl, "-R", "-m", f"u:{NOBODY}:rX", "-m", f"d:u:{NOBODY}:rX", name], check=True)
        yield path


@contextmanager
def nobody() -> Iterator[None]:
    """Go on as the other user, in no group of ours."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def problems(folder: Path) -> list[str]:
    """Return what `check` says to the other user about permissions."""
    with nobody():
        found = check_log(LogSettings("app", (f"{folder}/*.log",)), "")
        return [str(one) for one in found if "cannot be read by user" in str(one)]


def make(folder: Path, mode: int | None) -> None:
    """Make a log as the app does (`mode` None), or as logrotate's `create` and Monolog's `permission` do."""
    path = folder / "laravel.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    if mode is not None:
        os.fchmod(descriptor, mode)
    os.write(descriptor, RECORD)
    os.close(descriptor)


@pytest.mark.parametrize(
    ("mode", "readable"), [(None, True), (0o640, True), (0o644, True), (0o660, True), (0o664, True), (0o600, False)]
)
def test_modes_narrow_the_mask(folder: Path, mode: int | None, *, readable: bool) -> None:
    """A new log is readable by the default entries, unless its mode takes everything from the group."""
    make(folder, mode)
    assert (problems(folder) == []) is readable


def test_without_the_default_entries(folder: Path) -> None:
    """A log that comes later is closed without default entries, and `check` names it."""
    subprocess.run(["setfacl", "-k", str(folder)], check=True)
    make(folder, 0o640)
    (problem,) = problems(folder)
    assert "laravel.log" in problem
