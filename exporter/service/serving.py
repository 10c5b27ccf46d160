"""The web server as the section `listen:` wants it, with TLS, users and headers where a web configuration is named."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from exporter.model import WebHealth
from exporter.web.app import create_app
from exporter.web.server import Server
from exporter.webconfig.current import WebConfig

if TYPE_CHECKING:
    from exporter.config.schema import Listen
    from exporter.service.daemon import Daemon
    from exporter.webconfig.current import Loaded

_log = logging.getLogger(__name__)


def make_server(listen: Listen, daemon: Daemon) -> Server:
    """Return the server of the daemon's pages, not yet started. Raises WebConfigError."""
    app = create_app(daemon.exposition, _log)
    if listen.web_config_file is None:
        _warn_exposed(listen, None)
        return Server(app, listen.address, listen.port)
    # bcrypt is for those who asked for it.
    from exporter.web.guard import Guard  # noqa: PLC0415  # see above

    def report(loaded: Loaded, problem: str | None) -> None:
        daemon.web = WebHealth(problem is None, None if loaded.tls is None else loaded.tls.expires)
        if problem is not None:
            _log.error("the web configuration cannot be used; the one before it stays", extra={"problem": problem})
        else:
            _log.info("the web configuration is in force", extra={"file": str(listen.web_config_file)})

    web = WebConfig(listen.web_config_file, time.monotonic, report)
    _warn_exposed(listen, web.current())
    guarded = Guard(app, web.current, time.monotonic)
    return Server(guarded, listen.address, listen.port, tls=web.tls if web.current().tls is not None else None)


def _warn_exposed(listen: Listen, web: Loaded | None) -> None:
    """Say in our log what anybody who can reach the address can read, or read along."""
    if listen.only_here:
        return
    place = {"address": listen.address}
    if web is None or web.tls is None:
        _log.warning("other hosts are served without TLS; see listen.web_config_file", extra=place)
    if web is None or not web.guarded:
        _log.warning("other hosts are served without authentication; see listen.web_config_file", extra=place)
