"""What signals ask of the daemon."""

from __future__ import annotations

from exporter.service.signals import Stop


def test_asked_to_stop() -> None:
    """Whoever asks wakes the loop."""
    stop = Stop()
    assert not stop.asked()
    stop.ask()
    stop.waker.wait(30)
    assert stop.asked()
