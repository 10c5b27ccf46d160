"""A scraper beside a test that notes every counter that fell or vanished, across all restarts."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from tests.support.oracle import APP

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.scrape import Scrape


class Monitor:
    """Scrapes `daemon` every `interval` seconds from the first answer on, also while it is killed and restarted.

    `faults` holds one line per sample of a counter or histogram (buckets and sums included)
    that was lower than in an earlier scrape, or absent after it had been there.
    """

    def __init__(self, daemon: Daemon, *, interval: float = 0.1) -> None:
        self.scrapes = 0
        self.faults: list[str] = []
        self._daemon = daemon
        self._interval = interval
        self._seen: dict[str, float] = {}
        self._stop = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin to scrape."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()

    def check(self, scrape: Scrape) -> None:
        """Compare one more scrape with all before."""
        self.scrapes += 1
        for key, before in self._seen.items():
            now = scrape.rising.get(key)
            if now is None:
                self._fault(f"{key} vanished (was {before:g})")
            elif now < before:
                self._fault(f"{key} fell from {before:g} to {now:g}")
        self._seen |= scrape.rising

    def exposed(self) -> bool:
        """Tell whether series about the app were ever seen."""
        return any(key.startswith(APP) for key in self._seen)

    def _fault(self, text: str) -> None:
        self.faults.append(f"scrape {self.scrapes}: {text}")

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                scrape = self._daemon.scrape()
            except (OSError, ValueError):
                # Killed before or while it answered: half an answer proves nothing.
                continue
            except AssertionError as error:
                self._fault(str(error))
                continue
            self.check(scrape)
