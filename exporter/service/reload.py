"""SIGHUP: another configuration in force, or the old one and the reason why.

Everything new is built and checked first; where that fails nothing has changed.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from exporter import journal, memory
from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.config.schema import JournalSettings
    from exporter.service.configuration import Configuration
    from exporter.service.daemon import Daemon, Replacement

_log = logging.getLogger(__name__)


class Reloader:
    """Reloads `daemon` from what `load` returns, on the thread of its loop and between two cycles."""

    def __init__(self, daemon: Daemon, load: Callable[[], Configuration], log: JournalSettings) -> None:
        """Take the way to the configuration, and how the daemon's own log is written at present."""
        self._daemon = daemon
        self._load = load
        self._log = log

    def reload(self) -> bool:
        """Put the configuration in force; return False where the old one stays. The log tells either."""
        prepared = self._prepared()
        if prepared is None:
            self._daemon.loop.condition.reload_successful = False
            self._daemon.loop.publish()
            return False
        self._daemon.switch(prepared)
        if prepared.settings.log != self._log:
            self._log = prepared.settings.log
            journal.configure(self._log, None, time.monotonic, journald=journal.to_journald(os.environ))
        memory.settle()
        _log.info("the configuration is reloaded", extra={"logs": len(prepared.settings.logs)})
        return True

    def _prepared(self) -> Replacement | None:
        try:
            return self._daemon.prepare(self._load())
        except UserError as error:
            reason = "; ".join(error.messages)
        except Exception as error:  # noqa: BLE001  # whatever a new configuration meets, the old one goes on
            reason = f"internal error: {journal.places(error)}; please report this line to the maintainers"
        _log.error("the configuration is not reloaded, the old one stays in force: %s", reason)
        return None
