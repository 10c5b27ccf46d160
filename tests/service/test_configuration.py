"""What may change while the daemon runs, and which log is which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.config.database import DatabaseSettings
from exporter.config.database_url import Secret
from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.service.configuration import heirs, zone


def settings(logs: dict[str, str]) -> Settings:
    named = tuple(LogSettings(name, tuple(globs.split())) for name, globs in logs.items())
    return Settings(Listen(), named, EventSettings(), StateSettings(), JournalSettings())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": "/x /y"}, {"a": "/z"}, {}),
        ({"a": "/x /y"}, {"b": "/z"}, {}),
        ({"a": "/x /y"}, {"b": "/y /z", "c": "/x"}, {"a": "c"}),
        ({"a": "/x", "b": "/y"}, {"b": "/y /x"}, {"a": "b"}),
        ({"a": "/x", "b": "/y"}, {"c": "/y", "d": "/x /y"}, {"a": "d", "b": "c"}),
    ],
)
def test_heirs(old: dict[str, str], new: dict[str, str], expected: dict[str, str]) -> None:
    """A log that is gone goes on in the one that names the first of its globs; one that stays has no heir."""
    assert heirs(settings(old), settings(new)) == expected


def test_zone() -> None:
    """People see times in the zone of the first log; without a log in the database's, without one in UTC."""
    logs = (LogSettings("a", ("/a",), timezone="Europe/Berlin"), LogSettings("b", ("/b",), timezone="Asia/Tokyo"))
    sampling = DatabaseSettings(url=Secret("sqlite:////x"), timezone="Europe/Lisbon")
    none = settings({})
    assert zone(replace(none, logs=logs, database=sampling)) == "Europe/Berlin"
    assert zone(replace(none, database=sampling)) == "Europe/Lisbon"
    assert zone(none) == "UTC"
