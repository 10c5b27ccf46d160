from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.errors import StateError
from exporter.checkpoint.lock import StateLock
from tests.support.states import another_process

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, pathlib
from exporter.checkpoint.lock import StateLock
lock = StateLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_with_the_number_of_the_first(path: Path) -> None:
    """The message names the state, the process that has it, and what to do."""
    with another_process(HOLD, str(path)) as holder, pytest.raises(StateError) as refused:
        StateLock(path)
    assert str(path) in str(refused.value)
    assert f"process {holder.pid}" in str(refused.value)
    assert "state.path of its own" in str(refused.value)


def test_a_killed_process_leaves_no_lock(path: Path) -> None:
    """After kill -9 the next daemon gets the lock and notes its own number."""
    with another_process(HOLD, str(path)):
        pass
    lock = StateLock(path)
    assert path.with_name("state.sqlite.lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_an_unknown_holder_is_no_obstacle_to_the_message(path: Path) -> None:
    """Where the lock file holds no number, the message does without."""
    lock = StateLock(path)
    path.with_name("state.sqlite.lock").write_text("")
    with pytest.raises(StateError, match="another booking-exporter uses"):
        StateLock(path)
    lock.release()


def test_a_symbolic_link_is_no_lock_file(path: Path, tmp_path: Path) -> None:
    """A lock file that leads elsewhere is refused, and what it leads to is left alone."""
    elsewhere = tmp_path / "precious"
    elsewhere.write_text("precious")
    path.with_name("state.sqlite.lock").symlink_to(elsewhere)
    with pytest.raises(StateError, match=r"state\.sqlite\.lock"):
        StateLock(path)
    assert elsewhere.read_text() == "precious"


def test_a_device_without_locks_is_told(path: Path) -> None:
    """Something at the lock's name that is no plain file gives a message, not a hang."""
    path.with_name("state.sqlite.lock").mkdir()
    with pytest.raises(StateError, match="cannot be opened"):
        StateLock(path)
