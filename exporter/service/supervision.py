"""What systemd hears of the daemon, and when: ready, at work, reloading, stopping, and in one line what it does.

The loop calls `advanced` whenever it has got on: at the end of each cycle, and after each commit,
written or failed, while it reads; `working` is called while compressed files are restored, which may
take minutes. So a ping means that the loop works, and none comes while a read or a
commit hangs; a state that cannot be written, which is tried again each second, does not end the
daemon. Until the history of a first start has been counted, READY waits, and the start's timeout is
extended for as long as there is progress.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.model import Health
    from exporter.service.notify import Notifier
    from exporter.web.collector import View

STATUS_EVERY: Final = 1.0
"""The text is made once in this many seconds."""
PINGS: Final = 4
"""Pings per watchdog interval."""
EXTENSION: Final = 60.0
"""By how many seconds the start's timeout is extended, three times as often, where bytes were read meanwhile."""


class Supervision:
    """Tells `notifier` what matters, no more often than it matters.

    `clock` gives Unix seconds for texts, `monotonic` the seconds of CLOCK_MONOTONIC.
    """

    def __init__(self, notifier: Notifier, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """Begin untold: nothing is ready before `serving`."""
        self._notifier = notifier
        self._clock = clock
        self._monotonic = monotonic
        self._serving = self._ready = False
        self._pinged = self._told = self._extended = float("-inf")
        self._text = ""
        self._failing: float | None = None
        self._done = self._total = self._extended_at = 0

    def serving(self, view: View) -> None:
        """Note that requests are answered from now on, and what they show."""
        self._serving = True
        self.advanced(view)

    def progress(self, done: int, total: int) -> None:
        """Note how many of the bytes that are there have been read."""
        self._done, self._total = done, total

    def advanced(self, view: View) -> None:
        """Note that the loop has got on, and what it shows at present."""
        now = self._monotonic()
        if not view.health.commit_failing:
            self._failing = None
        elif self._failing is None:
            self._failing = self._clock()
        if self._serving and not self._ready:
            self._begin(now, exposed=view.snapshot.exposed)
        self._ping(now)
        if now - self._told >= STATUS_EVERY:
            self._told = now
            self._tell(self._describe(view.health))

    def working(self) -> None:
        """Note that a long step of the loop gets on, such as to restore what large compressed files hold."""
        self._ping(self._monotonic())

    def reloading(self) -> None:
        """Tell that a reload begins."""
        if self._ready:
            self._text = "reloading the configuration"
            self._notifier.send(RELOADING=1, MONOTONIC_USEC=int(self._monotonic() * 1e6), STATUS=self._text)

    def reloaded(self) -> None:
        """Tell that the reload is over, whatever came of it."""
        self._told = float("-inf")
        if self._ready:
            self._notifier.send(READY=1)

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._notifier.send(STOPPING=1, STATUS="stopping: the last commit")

    def _ping(self, now: float) -> None:
        every = self._notifier.watchdog
        if every is not None and now - self._pinged >= every / PINGS:
            self._pinged = now
            self._notifier.send(WATCHDOG=1)

    def _begin(self, now: float, *, exposed: bool) -> None:
        if exposed:
            self._ready = True
            self._notifier.send(READY=1)
        elif self._done > self._extended_at and now - self._extended >= EXTENSION / 3:
            self._extended, self._extended_at = now, self._done
            self._notifier.send(EXTEND_TIMEOUT_USEC=int(EXTENSION * 1e6))

    def _tell(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._notifier.send(STATUS=text)

    def _describe(self, health: Health) -> str:
        if self._failing is not None:
            since = f"{datetime.fromtimestamp(self._failing, UTC):%Y-%m-%d %H:%M:%S} UTC"
            return f"the state cannot be written since {since}; nothing is read until it can, see the log"
        if health.catching_up:
            percent = 100 * self._done // self._total if self._total else 0
            return f"catching up: {percent} % of {self._total / 1e6:.0f} MB are read" if percent else "catching up"
        followed = ("active", "rotated", "unlinked")
        files = sum(log.files.get(state, 0) for log in health.logs.values() for state in followed)
        text = f"following {_number(files, 'file')} of {_number(len(health.logs), 'log')}"
        down = sorted(name for name, log in health.logs.items() if not log.up)
        if down:
            text += f"; not there, or not readable: {', '.join(down)}"
        return text if health.reload_successful else f"{text}; the last reload was refused, see the log"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
