"""The shipped definitions, loaded once, and small sets of definitions made by tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.events.definitions import EventError, EventSet, Source, builtin_source, load_events

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = """
version: 1
events:
  - name: ping
    match: {message: {contains: "Ping sent"}}
    examples: [{record: "[2025-10-06 18:22:12] production.INFO: Ping sent  ", expect: {}}]
"""


@pytest.fixture(scope="session")
def shipped() -> EventSet:
    return load_events([builtin_source()])


@pytest.fixture
def problems() -> Callable[..., tuple[str, ...]]:
    """Return a function that loads files (`a.yaml`, `b.yaml`, …) and returns the problems found."""

    def load(*texts: str) -> tuple[str, ...]:
        with pytest.raises(EventError) as caught:
            load_events([Source(f"{'abc'[index]}.yaml", text) for index, text in enumerate(texts)])
        return caught.value.messages

    return load


@pytest.fixture
def one_event() -> Callable[..., EventSet]:
    """Return a function that loads one definition, given as the YAML lines of its body."""

    def load(*lines: str, before: str = "") -> EventSet:
        body = "".join(f"    {line}\n" for line in lines)
        examples = '    examples: [{record: "[2025-10-06 18:22:12] a.INFO: x  ", expect: {}}]\n'
        text = f"version: 1\n{before}\nevents:\n  - name: thing\n{body}{examples}"
        return load_events([Source("a.yaml", text)])

    return load
