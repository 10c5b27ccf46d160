"""What a running daemon is asked to do by signals, and what wakes it then."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.tail.wake import Waker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Stop:
    """Whether the daemon was asked to stop, and what wakes it then. `ask` may be called in a signal handler."""

    def __init__(self) -> None:
        """Begin unasked."""
        self.waker = Waker()
        self._asked = False

    def ask(self) -> None:
        """Ask the daemon to stop."""
        self._asked = True
        self.waker.wake()

    def asked(self) -> bool:
        """Tell whether it was asked."""
        return self._asked


@contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """End the loop on SIGTERM and SIGINT, and give the signals back afterwards."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.ask()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
