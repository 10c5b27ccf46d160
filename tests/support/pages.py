"""Daemons in the states that a status page has to tell: nothing to follow, a busy day, and all that can be broken.

All are the real daemon, with real files, state and database, stepped by a clock that is moved by hand.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from exporter.checkpoint.store import Store
from exporter.config.database import DatabaseSettings
from exporter.config.database_url import Secret
from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.database.sampler import Sampler
from exporter.demo.app import App
from exporter.service.daemon import Daemon
from exporter.web.health import Identity
from tests.support.stepper import events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.model import DatabaseSnapshot
    from exporter.web.exposition import Exposition

ZONE: Final = "Europe/Berlin"
END: Final = datetime(2026, 3, 12, 16, 42, tzinfo=ZoneInfo(ZONE)).timestamp()
"""When people look at the pages: on a working day."""
DAY: Final = 24 * 3600.0
SEED: Final = 11
STEP: Final = 480.0
_ROTATE_BYTES: Final = 1 << 18
_NIGHT: Final = 40
_RECORDS: Final = dict.fromkeys((6, 7, 8, 19, 20, 21), 40) | dict.fromkeys(range(9, 19), 90)
"""Records at each step, by the hour; few at night."""


class Scene:
    """A daemon at a moment: `now` is its clock."""

    def __init__(self, folder: Path, logs: tuple[LogSettings, ...], *, database: bool, now: float) -> None:
        self.now = now
        self.folder = folder
        self._logs = logs
        url = Secret(f"sqlite:///{folder / 'database.sqlite'}")
        sampling = DatabaseSettings(url=url, timezone=ZONE) if database else None
        state = folder / "state.sqlite"
        settings = Settings(Listen(), logs, EventSettings(), StateSettings(state), JournalSettings(), sampling)
        self._store = Store.open(state, now=now, mountinfo="")
        self._daemon = Daemon(
            settings,
            events(),
            self._store,
            identity=Identity("0.9.0", 2_774_015_530, events().hash, ZONE),
            clock=lambda: self.now,
            stopping=lambda: False,
            boot="",
        )
        self._closed = False
        self._sampler = None
        if sampling is not None:
            self._sampler = Sampler(sampling, self._sampled, lambda: self.now, lambda: self.now)

    @property
    def exposition(self) -> Exposition:
        """What the page shows."""
        return self._daemon.exposition

    def look(self) -> None:
        """Let the daemon read, and sample what is due; two seconds pass."""
        for _ in range(2):
            self._daemon.loop.cycle(moved=True)
            self.now += 1.0  # silence, after which the last record is complete
        if self._sampler is not None:
            self._sampler.round()

    @contextmanager
    def successor(self) -> Iterator[Scene]:
        """End this one, and go on with its state as a new process would; this one is not to be used after."""
        self.close()
        with _open(Scene(self.folder, self._logs, database=self._sampler is not None, now=self.now)) as scene:
            yield scene

    def close(self) -> None:
        """End in order; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._daemon.loop.commit(forced=True)
        self._daemon.close()
        if self._sampler is not None:
            self._sampler.stop()
        self._store.close()

    def _sampled(self, snapshot: DatabaseSnapshot) -> None:
        self._daemon.view.database = snapshot


@contextmanager
def empty(folder: Path) -> Iterator[Scene]:
    """Give a daemon that was just installed: no log and no database is configured."""
    with _open(Scene(folder, (), database=False, now=END)) as scene:
        scene.look()
        yield scene


@contextmanager
def busy(folder: Path) -> Iterator[Scene]:
    """Give a day of the simulated app, with everything in order at its end."""
    begin = END - DAY
    clock = [begin]
    zone = ZoneInfo(ZONE)
    app = App(folder, Random(SEED), lambda: datetime.fromtimestamp(clock[0], zone), _ROTATE_BYTES)
    with _open(Scene(folder, _logs(folder), database=True, now=begin)) as scene:
        while scene.now < END - STEP:
            scene.now = clock[0] = scene.now + STEP
            app.write(_RECORDS.get(datetime.fromtimestamp(scene.now, zone).hour, _NIGHT))
            for path in (folder / "storage" / "logs").iterdir():
                os.utime(path, (scene.now, scene.now))
            scene.look()
        app.close()
        yield scene


@contextmanager
def broken(folder: Path) -> Iterator[Scene]:
    """Give all at once: one log cannot be read, the state was damaged, and the database cannot be reached."""
    (folder / "storage" / "logs" / "laravel.log").mkdir(parents=True)
    (folder / "state.sqlite").write_bytes(b"no database at all " * 20)
    with _open(Scene(folder, _logs(folder), database=True, now=END - 1500)) as scene:
        scene.look()
        scene.now = END
        scene.look()
        yield scene


SCENES: Final = {"empty": empty, "busy": busy, "broken": broken}


def _logs(folder: Path) -> tuple[LogSettings, ...]:
    logs = folder / "storage" / "logs"
    app = LogSettings("app", (f"{logs}/laravel*.log",), timezone=ZONE)
    return app, LogSettings("calcom", (f"{logs}/calcom*.log",), timezone=ZONE)


@contextmanager
def _open(scene: Scene) -> Iterator[Scene]:
    try:
        yield scene
    finally:
        scene.close()
