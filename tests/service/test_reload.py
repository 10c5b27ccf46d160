"""What a reload that succeeds or is refused leaves behind: gauges, one line of the log, the log's own settings."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.errors import UserError
from exporter.service.configuration import Configuration
from exporter.service.reload import Reloader
from tests.support.stepper import Stepper, events

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("restored_logging")


def configuration(daemon: Stepper, level: JournalSettings, *, listen: Listen | None = None) -> Configuration:
    log = LogSettings("web", (f"{daemon.folder}/web*.log",))
    settings = Settings(listen or Listen(), (log,), EventSettings(), StateSettings(daemon.path), level)
    return Configuration(settings, events(), 7)


def messages(told: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    found = [(one.levelname, one.getMessage()) for one in told.records if one.name.startswith("exporter.service")]
    told.clear()
    return found


def test_success(daemon: Stepper, caplog: pytest.LogCaptureFixture) -> None:
    """A reload is told in one line, sets its time and the hash, and the daemon's own log follows its section."""
    caplog.set_level(logging.INFO, "exporter")
    debug = JournalSettings("debug", "text")
    reloader = Reloader(daemon.daemon, lambda: configuration(daemon, debug), JournalSettings())
    daemon.advance(100)
    assert reloader.reload()
    assert messages(caplog) == [("INFO", "the configuration is reloaded")]
    assert logging.getLogger("exporter").level == logging.DEBUG
    assert (daemon.health().reload_successful, daemon.health().reload_success_time) == (True, daemon.now)
    assert b"booking_exporter_config_hash 7.0" in daemon.daemon.exposition.render().body
    logging.getLogger("exporter").setLevel(logging.INFO)
    assert reloader.reload()
    assert logging.getLogger("exporter").level == logging.INFO


def refused() -> Configuration:
    raise UserError("a.yaml:3: logs: is wrong; mend it", "a.yaml:4: too")


def broken() -> Configuration:
    raise KeyError("Erika Mustermann")


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (refused, "a.yaml:3: logs: is wrong; mend it; a.yaml:4: too"),
        (broken, "internal error: KeyError at"),
        (None, "listen: cannot change while the daemon runs; restart it, or undo the change"),
    ],
    ids=["problems", "bug", "restart"],
)
def test_refusal(
    daemon: Stepper, caplog: pytest.LogCaptureFixture, load: Callable[[], Configuration] | None, reason: str
) -> None:
    """What cannot be used is told in one line with the reason; the old goes on, and the gauge is 0 until a success."""
    caplog.set_level(logging.INFO, "exporter")
    good = configuration(daemon, JournalSettings())
    moved = replace(good, settings=replace(good.settings, listen=Listen(port=1)))
    loads: list[Callable[[], Configuration]] = [load or (lambda: moved), lambda: good]

    def next_one() -> Configuration:
        return loads.pop(0)()

    reloader = Reloader(daemon.daemon, next_one, JournalSettings())
    started = daemon.now
    daemon.advance(100)
    assert not reloader.reload()
    ((level, message),) = messages(caplog)
    assert level == "ERROR"
    assert message.startswith(f"the configuration is not reloaded, the old one stays in force: {reason}")
    assert "Erika" not in message
    assert "\n" not in message
    assert (daemon.health().reload_successful, daemon.health().reload_success_time) == (False, started)
    assert set(daemon.health().logs) == {"app"}
    assert reloader.reload()
    assert daemon.health().reload_successful
    assert set(daemon.health().logs) == {"web"}
