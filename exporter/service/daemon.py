"""All parts of one run, built from a configuration on a state, and replaced when another comes into force."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.checkpoint.store import StateError
from exporter.errors import UserError
from exporter.ledger.ledger import Ledger
from exporter.loop import Loop, Start
from exporter.model import Health, WebHealth
from exporter.pipeline import Pipeline
from exporter.service.configuration import catalogue, heirs, needing_restart, zone
from exporter.service.sampling import Sampling
from exporter.tail.follow import Tail
from exporter.tail.inflate import nothing
from exporter.tail.track import Remembered, Tracker
from exporter.web.collector import SnapshotCollector, View
from exporter.web.exposition import Exposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.catalogue import Catalogue
    from exporter.checkpoint.rows import Loaded
    from exporter.checkpoint.store import Store
    from exporter.config.schema import Settings
    from exporter.events.definitions import EventSet
    from exporter.loop import Progress
    from exporter.model import LabelValues
    from exporter.service.configuration import Configuration
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


@dataclass(frozen=True, slots=True)
class Replacement:
    """The parts that another configuration needs, complete, and not in force yet."""

    settings: Settings
    identity: Identity
    catalogue: Catalogue
    pipeline: Pipeline
    sampling: Sampling


class Daemon:
    """All parts of one run; `loop` does the work.

    `prepare` and `switch` replace what a configuration determines. What belongs to the files and
    to what was counted stays: the ledger, the followed files with their descriptors, the store.
    """

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
        advanced: Callable[[View], None] | None = None,
        working: Callable[[], None] = nothing,
    ) -> None:
        """Build everything on `store`, which the caller closes. Raises StateError for an unreadable state.

        `stopping` tells that cycles are to end early, `boot` is the kernel's boot ID, "" if unknown.
        `advanced` hears whenever the loop has got on, `working` also within a step of it that may take long.
        """
        loaded = store.load()
        declared = catalogue(settings, events)
        self._settings = settings
        self._identity = identity
        self._clock = clock
        self.web: WebHealth | None = None
        self._met = loaded.logs | {log.name for log in settings.logs}
        self._ledger = Ledger(declared, loaded.ledger, loaded.key)
        self.tracker = self._follow(loaded, store.path, boot, working)
        start = Start(_is_exposed(loaded), _at_end(settings, loaded), loaded.state_lost, {"boot": boot})
        self.view = View(self._ledger.snapshot(state_lost=start.state_lost, exposed=start.exposed), _STARTING)
        self.loop = Loop(
            settings.logs,
            self.tracker,
            Pipeline(settings.logs, events, self._ledger),
            self._ledger,
            store,
            self.view,
            start=start,
            clock=clock,
            stopping=stopping,
            progress=progress,
            advanced=advanced,
        )
        self.loop.condition.reload_success_time = clock()
        if loaded.start_at_end:
            self.loop.resetting()
        if loaded.lost:
            _log.error("the state was damaged and is set aside; counting restarts at the ends of the files")
        self.loop.publish()
        self.exposition = Exposition(SnapshotCollector(declared, self.view, clock, identity, lambda: self.web))
        self.sampling = Sampling(settings.database, clock)
        self.sampling.show_in(self.view)

    def _follow(self, loaded: Loaded, path: Path, boot: str, working: Callable[[], None]) -> Tracker:
        try:
            tails = [Tail.from_row(row) for row in loaded.files]
            remembered = Remembered(tails, loaded.boot in {boot, ""}, loaded.logs, loaded.gaps)
            return Tracker(self._settings.logs, remembered, report=self._report, warn=_warn, working=working)
        except ValueError:
            raise StateError(
                f"{path}: what is known of a file is damaged; `booking-exporter state reset` begins anew at the ends of"
                " the files"
            ) from None

    def prepare(self, configuration: Configuration) -> Replacement:
        """Build all that `configuration` needs; nothing in force is touched.

        Raises UserError where a part cannot be built, or where a setting would need a restart.
        """
        settings, events = configuration.settings, configuration.events
        problems = needing_restart(self._settings, settings)
        if problems:
            raise UserError(*problems)
        sampling = self.sampling
        if not sampling.serves(settings.database):
            sampling = Sampling(settings.database, self._clock)
        return Replacement(
            settings,
            replace(self._identity, config_hash=configuration.hash, events_hash=events.hash, zone=zone(settings)),
            catalogue(settings, events),
            Pipeline(settings.logs, events, self._ledger),
            sampling,
        )

    def switch(self, to: Replacement) -> None:
        """Put the prepared parts in force, between two cycles of the loop.

        What a scrape shows changes at once and as a whole, by the last assignment: the new view
        holds committed values only, as the old one did (guarantee G2).
        """
        renamed = heirs(self._settings, to.settings)
        before = {log.name for log in self._settings.logs}
        names = frozenset(log.name for log in to.settings.logs)
        new = names - self._met - set(renamed.values())
        self._met |= names
        self._ledger.redeclare(to.catalogue, {old: name for old, name in renamed.items() if name not in before})
        self.tracker.follow(to.settings.logs, met=self._met - new, heirs=renamed)
        self.view = self.loop.follow(to.settings.logs, to.pipeline, at_end=new)
        if to.sampling is not self.sampling:
            to.sampling.take_over(self.sampling)
            self.sampling = to.sampling
        self.sampling.show_in(self.view)
        self._settings, self._identity = to.settings, to.identity
        self.exposition.collector = SnapshotCollector(
            to.catalogue, self.view, self._clock, to.identity, lambda: self.web
        )

    def close(self) -> None:
        """Stop sampling, and let go of all files."""
        self.sampling.close()
        for tail in self.tracker.tails:
            tail.close()

    def _report(self, metric: str, labels: LabelValues, amount: float) -> None:
        self._ledger.add(metric, labels, amount)
        self.loop.work = True


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
