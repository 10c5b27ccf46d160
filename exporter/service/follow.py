"""`run`: the daemon from its start until SIGTERM or SIGINT; SIGHUP reloads it."""

from __future__ import annotations

import faulthandler
import logging
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Final

from exporter import __version__, memory
from exporter.checkpoint.store import Store
from exporter.errors import UserError
from exporter.native import library as native
from exporter.service.configuration import zone
from exporter.service.daemon import Daemon, boot_id
from exporter.service.notify import Notifier
from exporter.service.reload import Reloader
from exporter.service.signals import Requests, on_hangup, on_signals
from exporter.service.supervision import Supervision
from exporter.web.health import Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.loop import Progress
    from exporter.service.configuration import Configuration

_log = logging.getLogger(__name__)

_SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which a busy thread yields: a scrape is answered in milliseconds also while reading."""


def run(load: Callable[[], Configuration], *, progress: Progress | None = None) -> int:
    """Follow the logs and serve until SIGTERM or SIGINT; return the exit code.

    `load` is called for the configuration now, and again at each SIGHUP, after the start for one that comes
    during it. Raises what it raises, and StateError, ListenError, WebConfigError or UserError before
    anything is read, where a part cannot start.
    """
    requests = Requests()
    with on_hangup(requests):
        return _run(load, requests, progress)


def _run(load: Callable[[], Configuration], requests: Requests, progress: Progress | None) -> int:
    configuration = load()
    settings = configuration.settings
    if settings.state.path is None:
        raise UserError("no state path is configured; name one with --state FILE")
    # A single run, which serves nobody, does not wait for these.
    from exporter.service.serving import make_server  # noqa: PLC0415  # see above

    sys.setswitchinterval(_SWITCH_INTERVAL)
    _raise_descriptor_limit()
    _leave_no_core()
    notifier = Notifier(os.environ)
    if notifier.watchdog is not None:
        faulthandler.enable()  # who is ended by SIGABRT, as it hangs, tells where: files and lines only
    supervision = Supervision(notifier, time.time, time.monotonic)
    with Store.open(settings.state.path, now=time.time()) as store, on_signals(requests):
        daemon = _daemon(configuration, store, requests, supervision, progress)
        memory.settle()
        server = make_server(settings.listen, daemon)
        server.start()
        daemon.sampling.start()
        serving = {"address": server.address, "port": server.port}
        _log.info("following", extra={"logs": len(settings.logs), **serving, "native": native.load() is not None})
        supervision.serving(daemon.view)
        try:
            _follow(daemon, requests, Reloader(daemon, load, settings.log), supervision)
            supervision.stopping()
            daemon.loop.commit(forced=True)
        finally:
            server.stop()
            requests.waker.close()
            daemon.close()
    _log.info("stopped")
    return 0


def _daemon(
    configuration: Configuration,
    store: Store,
    requests: Requests,
    supervision: Supervision,
    progress: Progress | None,
) -> Daemon:
    def read(done: int, total: int) -> None:
        supervision.progress(done, total)
        if progress is not None:
            progress(done, total)

    return Daemon(
        configuration.settings,
        configuration.events,
        store,
        identity=Identity(__version__, configuration.hash, configuration.events.hash, zone(configuration.settings)),
        clock=time.time,
        stopping=requests.pending,
        boot=boot_id(),
        progress=read,
        advanced=supervision.advanced,
        working=supervision.working,
    )


def _follow(daemon: Daemon, requests: Requests, reloader: Reloader, supervision: Supervision) -> None:
    while not requests.stopping():
        if requests.take_reload():
            supervision.reloading()
            reloader.reload()
            supervision.reloaded()
        due = daemon.loop.cycle(moved=requests.waker.moved())
        requests.waker.watch(daemon.tracker.directories, daemon.tracker.asleep, growth=not daemon.loop.live)
        requests.waker.wait(due)


def _raise_descriptor_limit() -> None:
    """Allow as many open files as we may have: each followed file takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:  # else not even asked: a service may be forbidden to
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _leave_no_core() -> None:
    """Have no image of our memory written where we crash: passwords, a private key and records stand in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
