"""The sampler: asks what is due, one query at a time, in a thread of its own (I/O).

It shares nothing with the logs' loop. After every query it publishes a new immutable snapshot.
Whatever the database does, a failure is counted for its query, told in one line of the log when
it begins and when it ends, and tried again when the query is due next.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from exporter.catalogue import QUERIES
from exporter.config.database_url import UrlError
from exporter.database.dialects import need_driver
from exporter.database.errors import DISCONNECTED, REMEDIES, QueryError
from exporter.database.link import ConnectError, Link, read_url
from exporter.database.queries import Queries
from exporter.database.schedule import Schedule
from exporter.errors import UserError
from exporter.model import DatabaseSnapshot, Sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.config.database import DatabaseSettings
    from exporter.database.errors import Cause
    from exporter.model import SeriesKey

_log = logging.getLogger(__name__)

STOP_SECONDS: Final = 1.0
"""How long stop() waits; a statement under way is then left to its timeout."""
_LONGEST_WAIT: Final = 60.0


class Sampler:
    """Samples the database that `settings` name; `publish` is called with each new snapshot.

    start() and stop() may be called once each; without a thread, round() does what is due.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        publish: Callable[[DatabaseSnapshot], None],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare everything, and publish that nothing is known yet.

        `clock` gives Unix seconds, `monotonic` seconds that never go back. Raises UserError where the URL's
        file holds none, or where its driver is not installed.
        """
        self._settings = settings
        self._publish = publish
        self._clock = clock
        self._monotonic = monotonic
        self._link = Link(settings)
        try:
            self._url = read_url(settings)
            need_driver(self._url.family)
        except UrlError as error:
            raise UserError(str(error)) from None
        self._queries = Queries(settings, self._link, clock, monotonic)
        asked = [query for query in QUERIES if query != "replica_lag" or settings.replica]
        self._schedule = Schedule({one: getattr(settings.intervals, one) for one in asked}, monotonic())
        self._errors = dict.fromkeys(asked, 0)
        self._times: dict[str, float] = {}
        self._durations: dict[str, float] = {}
        self._slices: dict[str, float] = {}
        self._values: dict[str, Mapping[SeriesKey, Sampled]] = {}
        self._up: bool | None = None
        self._down_for: Cause | None = None
        self._failing: dict[str, Cause] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._show()

    def is_current(self) -> bool:
        """Tell whether the URL is still the one that was there at the beginning. Raises UrlError where it is none."""
        return read_url(self._settings) == self._url

    def count_on(self, errors: Mapping[str, int]) -> None:
        """Count failures on from those of an earlier sampler, and publish that. To be called before `start`."""
        self._errors = {query: errors.get(query, 0) + number for query, number in self._errors.items()}
        self._show()

    def start(self) -> None:
        """Begin to sample, in a daemon thread."""
        self._thread.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Stop; returns after `timeout` seconds at most."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            wait = min(_LONGEST_WAIT, self.round())
        self._link.close()

    def round(self) -> float:
        """Ask what is due; return the seconds until something is due again."""
        due = self._schedule.due(self._monotonic())
        while due and not self._stopping.is_set():
            query = due.pop(0)
            if not self._sample(query):
                for other in due:
                    self._failed(other, self._monotonic())
                due = []
            self._show()
        self._link.rest()
        return self._schedule.wait(self._monotonic())

    def complete(self) -> bool:
        """Ask every query until it has succeeded or failed once (`--once`); return whether the database was reached."""
        waiting = list(self._errors)
        while waiting:
            query = waiting[0]
            if not self._sample(query):
                for other in waiting[1:]:
                    self._failed(other, self._monotonic())
                break
            if query in self._times or self._errors[query]:
                waiting.pop(0)
        self._link.close()
        self._show()
        return bool(self._up)

    def _sample(self, query: str) -> bool:
        """Carry out one query; return False if there is no connection, so that others need not try."""
        begin, spent = self._monotonic(), self._link.seconds
        try:
            values = self._queries.run(query)
        except ConnectError as error:
            self._disconnected(error.cause)
            self._failed(query, self._monotonic())  # waiting for an answer was no work for the database
            return False
        except QueryError as error:
            self._failed(query, begin)
            self._tell(query, error.cause)
            return True
        except Exception:  # noqa: BLE001  # a bug in one query must stop neither the others nor the thread
            self._failed(query, begin)
            self._link.close()
            if self._failing.get(query) != "unexpected":
                _log.exception("a database query met a bug", extra={"query": query})
            self._failing[query] = "unexpected"
            return True
        self._connected()
        end = self._monotonic()
        seconds = self._slices.pop(query, 0.0) + self._link.seconds - spent
        if values is None:
            self._slices[query] = seconds
            self._schedule.sliced(query, begin, end)
            return True
        self._schedule.ended(query, begin, end)
        self._succeeded(query, values, seconds, self._schedule.at(query) - end)
        return True

    def _succeeded(self, query: str, values: Mapping[SeriesKey, float], seconds: float, due_in: float) -> None:
        now = self._clock()
        self._times[query] = now
        self._durations[query] = seconds
        until = now + due_in + self._settings.stale_after
        self._values[query] = {key: Sampled(value, until) for key, value in values.items()}
        if self._failing.pop(query, None) is not None:
            _log.info("the database query works again", extra={"query": query})

    def _failed(self, query: str, begin: float) -> None:
        self._errors[query] += 1
        self._slices.pop(query, None)
        self._schedule.failed(query, begin, self._monotonic())

    def _tell(self, query: str, cause: Cause) -> None:
        """Tell that a query fails, unless that is known."""
        if cause not in DISCONNECTED:
            self._connected()
        if self._failing.get(query) != cause:
            extra = {"query": query, "cause": cause}
            _log.warning("a database query fails: %s", REMEDIES[cause], extra=extra)
        self._failing[query] = cause

    def _connected(self) -> None:
        self._up = True
        if self._down_for is not None:
            self._down_for = None
            _log.info("the database is sampled again", extra=self._place())

    def _disconnected(self, cause: Cause) -> None:
        self._up = False
        if self._down_for != cause:
            _log.warning("the database cannot be sampled: %s", REMEDIES[cause], extra=self._place() | {"cause": cause})
        self._down_for = cause

    def _place(self) -> dict[str, str]:
        try:
            return {"database": read_url(self._settings).place}
        except UrlError:
            return {}

    def _show(self) -> None:
        self._publish(
            DatabaseSnapshot(
                up=self._up,
                values={key: value for one in self._values.values() for key, value in one.items()},
                times=dict(self._times),
                durations=dict(self._durations),
                errors=dict(self._errors),
            )
        )
