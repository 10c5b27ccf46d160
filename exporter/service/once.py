"""`run --once`: one pass over the files and the database, and the exposition of what they hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from exporter import __version__, memory
from exporter.checkpoint.store import Store
from exporter.errors import UserError
from exporter.service.daemon import Daemon, boot_id
from exporter.web.health import Identity

if TYPE_CHECKING:
    from exporter.config.schema import Settings
    from exporter.events.definitions import EventSet


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
            boot=boot_id(),
        )
        memory.look_away()
        try:
            daemon.loop.complete()
            sampled = daemon.sampling.sampler is not None and daemon.sampling.sampler.complete()
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
