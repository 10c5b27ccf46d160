"""What a running daemon is asked to do by signals, and what wakes it then."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.tail.wake import Waker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import FrameType


class Requests:
    """Notes what is asked for and wakes the loop, which acts between two cycles.

    `stop` and `reload` only set a flag, so they may be called in a signal handler.
    """

    def __init__(self) -> None:
        """Begin with nothing asked for."""
        self.waker = Waker()
        self._stop = False
        self._reload = False

    def stop(self) -> None:
        """Ask the daemon to stop."""
        self._stop = True
        self.waker.wake()

    def reload(self) -> None:
        """Ask it to read its configuration again; asking twice before it does is asking once."""
        self._reload = True
        self.waker.wake()

    def stopping(self) -> bool:
        """Tell whether it was asked to stop."""
        return self._stop

    def pending(self) -> bool:
        """Tell whether anything is asked for, so that a long cycle is to end early."""
        return self._stop or self._reload

    def take_reload(self) -> bool:
        """Tell whether a reload was asked for since the last call."""
        asked, self._reload = self._reload, False
        return asked


def on_signals(requests: Requests) -> AbstractContextManager[None]:
    """Stop on SIGTERM and SIGINT, reload on SIGHUP, and give the signals back afterwards."""
    return _on({signal.SIGTERM: requests.stop, signal.SIGINT: requests.stop, signal.SIGHUP: requests.reload})


def on_hangup(requests: Requests) -> AbstractContextManager[None]:
    """Note that a reload is asked for on SIGHUP, which would end a process, and give the signal back afterwards."""
    return _on({signal.SIGHUP: requests.reload})


@contextmanager
def _on(actions: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:

    def handle(number: int, _frame: FrameType | None) -> None:
        actions[signal.Signals(number)]()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handle) for number in actions}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
