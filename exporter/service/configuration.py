"""What a daemon runs with: settings and event definitions that were loaded together, whole and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.catalogue import BUILTIN, Catalogue
from exporter.config.database import OTHER

if TYPE_CHECKING:
    from exporter.config.schema import Settings
    from exporter.events.definitions import EventSet


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in force, the events that they name, and the settings' hash as `/metrics` shows it."""

    settings: Settings
    events: EventSet
    hash: int


def catalogue(settings: Settings, events: EventSet) -> Catalogue:
    """Return the series that this configuration declares, with all their label values."""
    names = (log.name for log in settings.logs)
    statuses = () if settings.database is None else (*settings.database.statuses, OTHER)
    return Catalogue((*BUILTIN, *events.series), logs=names, events=events.names, statuses=statuses)


def zone(settings: Settings) -> str:
    """Return the time zone in which people compare times with the logs: the first log's, else the database's."""
    first = settings.logs[0].timezone if settings.logs else None
    return first or (settings.database and settings.database.timezone) or "UTC"


def heirs(old: Settings, new: Settings) -> dict[str, str]:
    """Return which log goes on for one that is configured no more, by name: the first that names one of its globs.

    It is the same log under another name.
    """
    names = {log.name for log in new.logs}
    named = {glob: log.name for log in reversed(new.logs) for glob in log.paths}
    gone = [log for log in old.logs if log.name not in names]
    return {log.name: named[glob] for log in gone for glob in reversed(log.paths) if glob in named}


def needing_restart(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return a message for each setting that differs and cannot change while the daemon runs.

    Its address is what Prometheus knows it by, and its state is open and locked.
    """
    return tuple(
        f"{section}: cannot change while the daemon runs; restart it, or undo the change"
        for section in ("listen", "state")
        if getattr(old, section) != getattr(new, section)
    )
