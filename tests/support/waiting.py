"""Waiting for a condition with a deadline, so that no test sleeps a fixed time."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_never = Event()


def pause(seconds: float) -> None:
    """Let `seconds` pass: for simulated writers and polls inside this folder, never for a test."""
    _never.wait(seconds)


def wait_until(
    probe: Callable[[], T | None], *, deadline: float, what: Callable[[], str] | str, step: float = 0.02
) -> T:
    """Call `probe` until it returns something true and return that.

    Raises AssertionError that says `what` was awaited after `deadline` seconds.
    """
    end = time.monotonic() + deadline
    while True:
        if result := probe():
            return result
        if time.monotonic() > end:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {deadline:g} s: {text}")
        pause(step)
