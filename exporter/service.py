"""The composition root: builds the parts, runs the loop, ends it in order.

`run` is the daemon, until SIGTERM or SIGINT; `run_once` reads all files to their ends, prints
the exposition and returns.
"""

from __future__ import annotations

import logging
import resource
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from exporter import __version__, memory
from exporter.catalogue import BUILTIN, Catalogue
from exporter.checkpoint.store import StateError, Store
from exporter.config.database import OTHER
from exporter.errors import UserError
from exporter.ledger.ledger import Ledger
from exporter.loop import Loop, Start
from exporter.model import Health
from exporter.pipeline import Pipeline
from exporter.tail.follow import Tail
from exporter.tail.track import Tracker
from exporter.tail.wake import Waker
from exporter.web.collector import SnapshotCollector, View
from exporter.web.exposition import Exposition
from exporter.web.health import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from exporter.checkpoint.rows import Loaded
    from exporter.config.database import DatabaseSettings
    from exporter.config.schema import Settings
    from exporter.database.sampler import Sampler
    from exporter.events.definitions import EventSet
    from exporter.loop import Progress
    from exporter.model import DatabaseSnapshot, LabelValues

_log = logging.getLogger(__name__)

_SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which a busy thread yields: a scrape is answered in milliseconds also while reading."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_STARTING: Final = Health(
    logs={},
    last_commit=None,
    uncommitted_bytes=0,
    commit_failing=False,
    catching_up=True,
    ready=False,
    reload_successful=True,
    reload_success_time=0.0,
)
"""The condition before the first look."""


class Daemon:
    """All parts of one run, built from the settings; `loop` does the work."""

    def __init__(  # noqa: PLR0913  (the composition root: all that differs between runs)
        self,
        settings: Settings,
        events: EventSet,
        store: Store,
        *,
        identity: Identity,
        clock: Callable[[], float],
        stopping: Callable[[], bool],
        boot: str,
        progress: Progress | None = None,
    ) -> None:
        """Build everything on `store`, which the caller closes. Raises StateError for an unreadable state.

        `boot` is the kernel's boot ID, "" if unknown.
        """
        loaded = store.load()
        names = tuple(log.name for log in settings.logs)
        statuses = () if settings.database is None else (*settings.database.statuses, OTHER)
        catalogue = Catalogue((*BUILTIN, *events.series), logs=names, events=events.names, statuses=statuses)
        ledger = Ledger(catalogue, loaded.ledger, loaded.key)
        self.tracker = Tracker(
            settings.logs,
            _tails(loaded, store.path),
            same_boot=loaded.boot in {boot, ""},
            report=self._report,
            warn=_warn,
            met=loaded.logs,
        )
        start = Start(_is_exposed(loaded), _at_end(settings, loaded), loaded.state_lost, {"boot": boot})
        self.view = View(ledger.snapshot(state_lost=start.state_lost, exposed=start.exposed), _STARTING)
        self._ledger = ledger
        self.loop = Loop(
            settings.logs,
            self.tracker,
            Pipeline(settings.logs, events, ledger),
            ledger,
            store,
            self.view,
            start=start,
            clock=clock,
            stopping=stopping,
            progress=progress,
        )
        self.loop.condition.reload_success_time = clock()
        if loaded.start_at_end:
            self.loop.resetting()
        if loaded.lost:
            _log.error("the state was damaged and is set aside; counting restarts at the ends of the files")
        self.loop.publish()
        self.exposition = Exposition(SnapshotCollector(catalogue, self.view, clock, identity))
        self.sampler = None if settings.database is None else _sampler(settings.database, self._show_database, clock)

    def close(self) -> None:
        """Stop sampling, and let go of all files."""
        if self.sampler is not None:
            self.sampler.stop()
        for tail in self.tracker.tails:
            tail.close()

    def _show_database(self, snapshot: DatabaseSnapshot) -> None:
        self.view.database = snapshot

    def _report(self, metric: str, labels: LabelValues, amount: float) -> None:
        self._ledger.add(metric, labels, amount)
        self.loop.work = True


def run(settings: Settings, events: EventSet, *, config_hash: int, progress: Progress | None = None) -> int:
    """Follow the logs and serve until SIGTERM or SIGINT; return the exit code.

    Raises StateError, ListenError or UserError before anything is read, where a part cannot start.
    """
    if settings.state.path is None:
        raise UserError("no state path is configured; name one with --state FILE")
    # A single run, which serves nobody, does not wait for these.
    from exporter.web.app import create_app  # noqa: PLC0415  # see above
    from exporter.web.server import Server  # noqa: PLC0415  # see above

    sys.setswitchinterval(_SWITCH_INTERVAL)
    _raise_descriptor_limit()
    stop = Stop()
    with Store.open(settings.state.path, now=time.time()) as store, _on_signals(stop):
        identity = Identity(__version__, config_hash, events.hash)
        daemon = Daemon(
            settings,
            events,
            store,
            identity=identity,
            clock=time.time,
            stopping=stop.asked,
            boot=_boot_id(),
            progress=progress,
        )
        memory.settle()
        server = Server(create_app(daemon.exposition, __version__, _log), settings.listen.address, settings.listen.port)
        server.start()
        if daemon.sampler is not None:
            daemon.sampler.start()
        _log.info("following", extra={"logs": len(settings.logs), "address": server.address, "port": server.port})
        try:
            _follow(daemon, stop)
            daemon.loop.commit(forced=True)
        finally:
            server.stop()
            stop.waker.close()
            daemon.close()
    _log.info("stopped")
    return 0


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


def _follow(daemon: Daemon, stop: Stop) -> None:
    while not stop.asked():
        due = daemon.loop.cycle(moved=stop.waker.moved())
        stop.waker.watch(daemon.tracker.directories, daemon.tracker.asleep, growth=not daemon.loop.live)
        stop.waker.wait(due)


def run_once(settings: Settings, events: EventSet, out: TextIO) -> int:
    """Read all files to their ends, ask the database once, print the exposition to `out`; return the exit code.

    A database that cannot be reached is told by `database_up` 0 and in the log. Raises UserError where
    neither a file nor a database is there to read, and StateError where a state was named that
    cannot be used.
    """
    path = settings.state.path
    with Store.temporary() if path is None else Store.open(path, now=time.time()) as store:
        daemon = Daemon(
            settings,
            events,
            store,
            identity=Identity(__version__, 0, events.hash),
            clock=time.time,
            stopping=lambda: False,
            boot=_boot_id(),
        )
        memory.settle()
        try:
            daemon.loop.complete()
            sampled = daemon.sampler is not None and daemon.sampler.complete()
        finally:
            daemon.close()
        if daemon.loop.condition.commit_failing:
            raise UserError("the state cannot be written, so nothing is counted; see the message above")
        if not daemon.tracker.tails and settings.logs:
            patterns = ", ".join(path for log in settings.logs for path in log.paths)
            raise UserError(f"no file to read: nothing readable matches {patterns}")
        if not settings.logs and not sampled:
            raise UserError("the database cannot be sampled, and no log is configured; see the message above")
        out.write(daemon.exposition.render().body.decode())
    return 0


@contextmanager
def _on_signals(stop: Stop) -> Iterator[None]:
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


def _sampler(
    settings: DatabaseSettings, publish: Callable[[DatabaseSnapshot], None], clock: Callable[[], float]
) -> Sampler:
    # SQLAlchemy takes a fifth of a second and 20 MB, which nobody should spend without a database.
    from exporter.database.sampler import Sampler as Thread  # noqa: PLC0415  # see above

    return Thread(settings, publish, clock)


def _tails(loaded: Loaded, path: Path) -> list[Tail]:
    try:
        return [Tail.from_row(row) for row in loaded.files]
    except ValueError:
        raise StateError(
            f"{path}: the row of a file is damaged; `booking-exporter state reset` begins anew at the ends of the files"
        ) from None


def _is_exposed(loaded: Loaded) -> bool:
    return loaded.exposed or loaded.start_at_end


def _at_end(settings: Settings, loaded: Loaded) -> frozenset[str]:
    """Return the logs whose present files are read from their ends only (guarantees G3 and G4)."""
    if loaded.start_at_end:
        return frozenset(log.name for log in settings.logs)
    if loaded.ledger is None:
        return frozenset(log.name for log in settings.logs if log.start == "end")
    return frozenset(log.name for log in settings.logs if log.name not in loaded.logs)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _raise_descriptor_limit() -> None:
    """Allow as many open files as we may have: each followed file takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _warn(log: str, cause: str, path: str) -> None:
    _log.warning("a log file cannot be read: %s", _CAUSES[cause], extra={"log": log, "path": path})


_CAUSES: Final = {
    "permission": "permission denied; give the daemon's user read access to it and its directory",
    "io": "input/output error; check the disk",
    "stale": "stale network file handle; it is tried again",
    "descriptors": "too many open files; raise LimitNOFILE",
    "not_a_file": "it is a directory, FIFO or device; let the glob match log files only",
    "utf16": "it is UTF-16; have the app write UTF-8",
    "other": "the system refused; it is tried again",
}
