"""The database's sampler in force, replaceable while the daemon runs."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from exporter.config.database_url import UrlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.config.database import DatabaseSettings
    from exporter.database.sampler import Sampler
    from exporter.model import DatabaseSnapshot
    from exporter.web.collector import View

NO_ERRORS: Final[Mapping[str, int]] = {}


class Outlet:
    """Takes a sampler's snapshots from its thread, and shows the latest in the view in force, if any."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._lock = Lock()
        self._view: View | None = None
        self.latest: DatabaseSnapshot | None = None

    def publish(self, snapshot: DatabaseSnapshot) -> None:
        """Take a snapshot."""
        with self._lock:
            self.latest = snapshot
            if self._view is not None:
                self._view.database = snapshot

    def show_in(self, view: View | None) -> None:
        """Show the latest snapshot and all that follow in `view`; in none, once another sampler took over."""
        with self._lock:
            self._view = view
            if view is not None:
                view.database = self.latest


class Sampling:
    """One sampler as configured, and where its findings go. `sampler` is None where no database is configured."""

    def __init__(self, settings: DatabaseSettings | None, clock: Callable[[], float]) -> None:
        """Prepare the sampler. Raises UserError as `Sampler` does."""
        self.sampler: Sampler | None = None
        self._settings = settings
        self._outlet = Outlet()
        self._errors = NO_ERRORS
        if settings is not None:
            # SQLAlchemy takes a fifth of a second and 20 MB, which nobody should spend without a database.
            from exporter.database.sampler import Sampler as Thread  # noqa: PLC0415  # see above

            self.sampler = Thread(settings, self._outlet.publish, clock)

    def show_in(self, view: View) -> None:
        """Show what is found in `view` from now on."""
        self._outlet.show_in(view)

    def serves(self, settings: DatabaseSettings | None) -> bool:
        """Tell whether the sampler does what `settings` say, and its URL is still the one in their file."""
        if settings is None or self.sampler is None:
            return settings is None and self.sampler is None
        try:
            return settings == self._settings and self.sampler.is_current()
        except UrlError:
            return False

    @property
    def errors(self) -> Mapping[str, int]:
        """The failures of each query since the process began, those of earlier samplers among them."""
        latest = self._outlet.latest
        return self._errors if latest is None else {**self._errors, **latest.errors}

    def start(self) -> None:
        """Begin to sample."""
        if self.sampler is not None:
            self.sampler.start()

    def take_over(self, before: Sampling) -> None:
        """Begin to sample in place of `before`, which shows nothing more and ends without being waited for.

        Failures are counted on from the last that it showed or could have: what it meets from here on, nobody sees.
        """
        before.replaced()
        self._errors = before.errors
        if self.sampler is not None:
            self.sampler.count_on(self._errors)
        self.start()

    def replaced(self) -> None:
        """Show nothing more, and end without being waited for."""
        self._outlet.show_in(None)
        if self.sampler is not None:
            self.sampler.stop(0)

    def close(self) -> None:
        """Stop sampling."""
        if self.sampler is not None:
            self.sampler.stop()
