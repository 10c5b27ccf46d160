"""Event definitions: what the files say, checked and made into one `EventSet`.

The language is explained key by key at the top of `booking.yaml`. Sources are given in the
order in which their definitions are tried: the user's files, then the shipped one. Several
definitions may share a name: they are variants of one event. `disable` in a file removes
events of the sources after it, so that the file can define them anew.

`load_events` either returns a complete set or raises `EventError` with every problem found.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from exporter.events.build import Builder
from exporter.events.patterns import spellings
from exporter.events.rules import Definition, EventSet
from exporter.events.schema import ParsedFile
from exporter.events.series import declare
from exporter.events.source import EventError, Source, builtin_source, parse_source, read_sources
from exporter.model import LEVELS, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.catalogue import Series
    from exporter.document import Document
    from exporter.events.schema import EventSpec

__all__ = [
    "Definition",
    "EventError",
    "EventSet",
    "Source",
    "builtin_source",
    "load_events",
    "read_sources",
]

_SHORTEST_TRIGGER = 4
"""Bytes; a shorter text would be found in nearly every record, and each hit costs time."""


def load_events(sources: Iterable[Source]) -> EventSet:
    """Return the events that the sources define, in order; EventError names all that is wrong with them."""
    documents: list[Document] = []
    problems: list[str] = []
    for source in sources:
        try:
            documents.append(parse_source(source))
        except EventError as error:
            problems += error.messages
    files = [ParsedFile(document) for document in documents]
    series = declare(files)
    specs: list[EventSpec] = []
    definitions: list[Definition] = []
    for index, file in enumerate(files):
        disabled = {name for earlier in files[:index] for name in earlier.disable}
        _check_disable(file, files[index + 1 :])
        builder = Builder(file, series)
        for at, spec in file.events:
            definition = builder.build(at, spec)
            _check_trigger(file, at, definition)
            if spec.name not in disabled:
                specs.append(spec)
                definitions.append(definition)
    problems += (problem for file in files for problem in file.problems)
    if problems:
        raise EventError(*problems)
    markers = tuple(dict.fromkeys(file.marker for file in files if file.marker is not None))
    return _event_set(definitions, series, markers, _hash(specs, series, markers))


def _check_disable(file: ParsedFile, later: Sequence[ParsedFile]) -> None:
    names = {spec.name for other in later for _, spec in other.events}
    for index, name in enumerate(file.disable):
        if name not in names:
            file.problem(("disable", index), f"no source after this file defines {name!r}; remove it")


def _check_trigger(file: ParsedFile, at: tuple[str | int, ...], definition: Definition) -> None:
    patterns = _patterns(definition)
    if any(not regex and len(pattern) < _SHORTEST_TRIGGER for pattern, regex in patterns):
        file.problem((*at, "match"), f"needs a text of at least {_SHORTEST_TRIGGER} bytes to be found by")


def _patterns(definition: Definition) -> tuple[tuple[bytes, bool], ...]:
    """Return texts of which each record that can match holds one: the group hardest to meet by chance."""
    conditions = definition.conditions
    groups = [(group, True) for group in (*conditions.message, conditions.begins) if group]
    groups += [(group, False) for group in conditions.record]
    if groups:
        group, plain = max(groups, key=lambda one: min(map(len, one[0])))
        if not plain:
            return tuple((form, False) for form in group)
        return tuple((form, False) for text in group for form in spellings(text.decode()))
    return () if conditions.regex is None else ((conditions.regex.pattern, True),)


def _event_set(
    definitions: Sequence[Definition], series: tuple[Series, ...], markers: tuple[str, ...], number: int
) -> EventSet:
    found: dict[tuple[bytes, bool], list[int]] = {}
    for index, definition in enumerate(definitions):
        for pattern in _patterns(definition):
            found.setdefault(pattern, []).append(index)
    for marker in markers:
        for form in spellings(marker):
            found.setdefault((form, False), [])
    lowest: dict[str, str] = {}
    for one in definitions:
        lowest[one.name] = min(lowest.get(one.name, one.lowest_level), one.lowest_level, key=LEVELS.index)
    return EventSet(
        definitions=tuple(definitions),
        series=series,
        names=tuple(lowest),
        lowest_levels=lowest,
        markers=tuple(marker.encode() for marker in markers),
        triggers=tuple(Trigger(pattern, regex, tuple(users)) for (pattern, regex), users in found.items()),
        hash=number,
    )


def _hash(specs: Sequence[EventSpec], series: tuple[Series, ...], markers: tuple[str, ...]) -> int:
    declared = [
        [one.name, one.kind, [[label.name, label.values] for label in one.labels], one.buckets] for one in series
    ]
    meaning = {
        "events": [spec.model_dump(mode="json", exclude={"examples"}) for spec in specs],
        "series": declared,
        "markers": markers,
    }
    canonical = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:4])
