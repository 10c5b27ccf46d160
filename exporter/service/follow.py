"""`run`: the daemon from its start until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import resource
import sys
import time
from typing import TYPE_CHECKING, Final

from exporter import __version__, memory
from exporter.checkpoint.store import Store
from exporter.errors import UserError
from exporter.native import library as native
from exporter.service.daemon import Daemon, boot_id
from exporter.service.signals import Stop, on_signals
from exporter.web.health import Identity

if TYPE_CHECKING:
    from exporter.config.schema import Settings
    from exporter.events.definitions import EventSet
    from exporter.loop import Progress

_log = logging.getLogger(__name__)

_SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which a busy thread yields: a scrape is answered in milliseconds also while reading."""


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
    with Store.open(settings.state.path, now=time.time()) as store, on_signals(stop):
        identity = Identity(__version__, config_hash, events.hash)
        daemon = Daemon(
            settings,
            events,
            store,
            identity=identity,
            clock=time.time,
            stopping=stop.asked,
            boot=boot_id(),
            progress=progress,
        )
        memory.settle()
        server = Server(create_app(daemon.exposition, __version__, _log), settings.listen.address, settings.listen.port)
        server.start()
        if daemon.sampler is not None:
            daemon.sampler.start()
        serving = {"address": server.address, "port": server.port}
        _log.info("following", extra={"logs": len(settings.logs), **serving, "native": native.load() is not None})
        try:
            _follow(daemon, stop)
            daemon.loop.commit(forced=True)
        finally:
            server.stop()
            stop.waker.close()
            daemon.close()
    _log.info("stopped")
    return 0


def _follow(daemon: Daemon, stop: Stop) -> None:
    while not stop.asked():
        due = daemon.loop.cycle(moved=stop.waker.moved())
        stop.waker.watch(daemon.tracker.directories, daemon.tracker.asleep, growth=not daemon.loop.live)
        stop.waker.wait(due)


def _raise_descriptor_limit() -> None:
    """Allow as many open files as we may have: each followed file takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
