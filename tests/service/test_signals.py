"""What signals ask of the daemon."""

from __future__ import annotations

import os
import signal
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from exporter.service.signals import Requests, on_signals

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("ask", "asked"), [(Requests.stop, Requests.stopping), (Requests.reload, Requests.take_reload)]
)
def test_asked(ask: Callable[[Requests], None], asked: Callable[[Requests], bool]) -> None:
    """Whoever asks wakes the loop, and ends a cycle that would take long."""
    requests = Requests()
    assert not asked(requests)
    assert not requests.pending()
    ask(requests)
    requests.waker.wait(30)
    assert requests.pending()
    assert asked(requests)


def test_a_reload_is_taken_once() -> None:
    """Two requests before the daemon acts are one."""
    requests = Requests()
    requests.reload()
    requests.reload()
    assert [requests.take_reload(), requests.take_reload()] == [True, False]


@pytest.mark.parametrize(("number", "stops"), [(signal.SIGHUP, False), (signal.SIGTERM, True), (signal.SIGINT, True)])
def test_signals(number: signal.Signals, *, stops: bool) -> None:
    """SIGHUP asks for a reload, SIGTERM and SIGINT for the end; afterwards signals mean what they meant."""
    before = signal.getsignal(number)
    requests = Requests()
    with on_signals(requests):
        os.kill(os.getpid(), number)
        requests.waker.wait(30)
    assert (requests.stopping(), requests.take_reload()) == (stops, not stops)
    assert signal.getsignal(number) is before


def test_signals_outside_the_main_thread() -> None:
    """A daemon in another thread leaves the process's signals alone."""
    before = signal.getsignal(signal.SIGHUP)
    found: list[object] = []

    def use() -> None:
        with on_signals(Requests()):
            found.append(signal.getsignal(signal.SIGHUP))

    thread = Thread(target=use)
    thread.start()
    thread.join()
    assert found == [before]
