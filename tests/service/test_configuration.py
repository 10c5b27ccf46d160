"""What may change while the daemon runs, and which log is which."""

from __future__ import annotations

import pytest

from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.service.configuration import heirs


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
