"""All parts of one run, built from the settings on a state."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.catalogue import BUILTIN, Catalogue
from exporter.checkpoint.store import StateError
from exporter.config.database import OTHER
from exporter.ledger.ledger import Ledger
from exporter.loop import Loop, Start
from exporter.model import Health
from exporter.pipeline import Pipeline
from exporter.tail.follow import Tail
from exporter.tail.track import Tracker
from exporter.web.collector import SnapshotCollector, View
from exporter.web.exposition import Exposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.checkpoint.rows import Loaded
    from exporter.checkpoint.store import Store
    from exporter.config.database import DatabaseSettings
    from exporter.config.schema import Settings
    from exporter.database.sampler import Sampler
    from exporter.events.definitions import EventSet
    from exporter.loop import Progress
    from exporter.model import DatabaseSnapshot, LabelValues
    from exporter.web.health import Identity

_log = logging.getLogger(__name__)

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


def boot_id() -> str:
    """Return the kernel's boot ID, "" if it cannot be read."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


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
