"""The whole daemon but its threads, stepped by hand: real files, a real state, a clock that a test moves.

`Stepper` builds the daemon's parts in this process. `step` is one cycle of the loop, `crash` drops
everything that was not committed and opens the state again, `stop` is an orderly end.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Self

from exporter.checkpoint.store import CommitError, Store
from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.events.definitions import EventSet, load_events
from exporter.events.source import read_sources
from exporter.service.configuration import Configuration
from exporter.service.daemon import Daemon
from exporter.web.health import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from exporter.model import Changes, FileRow, Health

APP = "api_gateway_"
OWN = "booking_exporter_"
START = 1_760_000_000.0
"""Where the clock stands at first: Unix seconds."""
SECOND = 1.0


@cache
def events() -> EventSet:
    """Return the shipped event definitions."""
    return load_events(read_sources((), builtin=True))


def record(number: int, *, level: str = "INFO", message: str = "Public booking created", pad: int = 0) -> bytes:
    """Return one complete record, an appointment from the public form unless `message` says something else.

    Its time is `number` seconds after the first one's, within an hour.
    """
    time = f"{10 + (53 * 60 + 20 + number % 3600) // 3600}:{(53 + (20 + number) // 60) % 60:02}:{(20 + number) % 60:02}"
    filler = ',"note":"' + "x" * pad + '"' if pad else ""
    return f'[2025-10-09 {time}] production.{level}: {message} {{"appointment_id":{number}{filler}}} \n'.encode()


def records(first: int, behind: int, *, pad: int = 0) -> bytes:
    """Return the records numbered from `first` up to but not including `behind`."""
    return b"".join(record(number, pad=pad) for number in range(first, behind))


def append(path: Path, data: bytes) -> None:
    """Append to a file, as a worker does."""
    with path.open("ab") as file:
        file.write(data)


class FailingStore(Store):
    """A store whose commits fail while `failing` is set, as on a full disk."""

    failing = False

    def commit(
        self,
        changes: Changes,
        files: Iterable[FileRow],
        gone: Iterable[int],
        meta: Mapping[str, str],
        logs: Iterable[str] = (),
    ) -> float:
        """Commit, unless commits are to fail."""
        if self.failing:
            raise CommitError(f"{self.path}: no space is left on its file system")
        return super().commit(changes, files, gone, meta, logs)


class Stepper:
    """A daemon following `logs`, with its state in `folder`. `now` is its clock, in Unix seconds."""

    def __init__(self, folder: Path, *logs: LogSettings, boot: str = "boot-1") -> None:
        self.folder = folder
        self.logs = logs
        self.now = START
        self.boot = boot
        self.stopping = False
        self.worked = 0
        """How often a long step said that it gets on."""
        self._events: EventSet | None = None
        self.store: FailingStore
        self.daemon: Daemon
        self._open()

    @classmethod
    def following(cls, folder: Path, *globs: str, rotated: tuple[str, ...] = ()) -> Self:
        """Return a daemon that follows one log, `app`."""
        return cls(folder, LogSettings("app", globs, rotated=rotated))

    @property
    def path(self) -> Path:
        """The state file."""
        return self.folder / "state.sqlite"

    def advance(self, seconds: float) -> None:
        """Let time pass; nothing else happens."""
        self.now += seconds

    def step(self, seconds: float = 0.0, *, moved: bool = True) -> float:
        """Let `seconds` pass and run one cycle, which evaluates the globs if `moved`; return when the next is due."""
        self.advance(seconds)
        return self.daemon.loop.cycle(moved=moved)

    def refresh(self) -> None:
        """Evaluate the globs, and read nothing yet."""
        self.daemon.loop.refresh(self.now)

    def settle(self) -> None:
        """Run cycles until all is read, committed and published, as within three quiet seconds."""
        for _ in range(6):
            self.step(0.6)

    def crash(self, *, boot: str | None = None) -> None:
        """End as kill -9 does, and start again from the state file; with `boot`, after a reboot."""
        self.daemon.close()
        self.store.close()
        self.boot = boot or self.boot
        self._open()

    def stop(self) -> None:
        """End in order, as on SIGTERM."""
        self.daemon.loop.commit(forced=True)
        self.daemon.close()
        self.store.close()

    def start(self, *logs: LogSettings, boot: str | None = None, events: EventSet | None = None) -> None:
        """Start again after `stop`, with other logs and events configured if some are given."""
        self.logs = logs or self.logs
        self._events = events or self._events
        self.boot = boot or self.boot
        self._open()

    def reload(self, *logs: LogSettings, events: EventSet | None = None, hash_: int = 1) -> None:
        """Put another configuration in force, as on SIGHUP; UserError where that is refused."""
        self.logs = logs
        self._events = events or self._events
        configuration = Configuration(self._settings(logs), self._events or self.definitions(), hash_)
        self.daemon.switch(self.daemon.prepare(configuration))

    def counters(self) -> dict[str, float]:
        """Return the published counters that are not 0, as `name` or `name{value,value}` without their prefix."""
        shown: dict[str, float] = {}
        for (name, labels), value in self.daemon.view.snapshot.counters.items():
            if value:
                bare = name.removeprefix(APP).removeprefix(OWN)
                shown[bare + ("{" + ",".join(labels) + "}" if labels else "")] = value
        return shown

    def created(self) -> float:
        """Return how many appointments from the public form are published: what `record` writes."""
        return self.counters().get("appointments_created_total{public}", 0)

    def losses(self) -> dict[str, float]:
        """Return the published losses."""
        return {name: value for name, value in self.counters().items() if name.startswith("possible_loss")}

    def rotations(self) -> dict[str, float]:
        """Return the published rotations of all logs, by kind."""
        found: dict[str, float] = {}
        for name, value in self.counters().items():
            if name.startswith("rotations_total{"):
                kind = name.rstrip("}").split(",")[-1]
                found[kind] = found.get(kind, 0) + value
        return found

    def states(self) -> dict[str, str]:
        """Return the state of each known file by its name."""
        return {os.path.basename(tail.path): tail.state for tail in self.daemon.tracker.tails}  # noqa: PTH119  (a string)

    def health(self) -> Health:
        """Return the published condition."""
        return self.daemon.view.health

    def held(self) -> int:
        """Return how many files are held open."""
        return sum(tail.file is not None for tail in self.daemon.tracker.tails)

    def exposed(self) -> bool:
        """Whether series about the app are exposed."""
        return self.daemon.view.snapshot.exposed

    def definitions(self) -> EventSet:
        """Return the event definitions: the shipped ones, unless another class says so."""
        return events()

    def _open(self) -> None:
        self.store = FailingStore.open(self.path, now=self.now, mountinfo="")
        self.daemon = Daemon(
            self._settings(self.logs),
            self._events or self.definitions(),
            self.store,
            identity=Identity("test", 0, 0),
            clock=lambda: self.now,
            stopping=lambda: self.stopping,
            boot=self.boot,
            working=self._work,
        )

    def _work(self) -> None:
        self.worked += 1

    def _settings(self, logs: tuple[LogSettings, ...]) -> Settings:
        return Settings(Listen(), logs, EventSettings(), StateSettings(self.path), JournalSettings())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of files and state, without a last commit."""
        self.daemon.close()
        self.store.close()
