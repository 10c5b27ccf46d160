"""The examples of event definitions, run as their proof by `check` and by the tests; pure.

Each file's examples are run against that file's own definitions, so that a user's file that
takes a record before the shipped definitions see it does not make their examples fail.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from exporter.catalogue import APP, BUILTIN, Catalogue
from exporter.events.classify import apply, matches
from exporter.events.patterns import Regex
from exporter.model import LinkedLabel
from exporter.records.parse import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.events.rules import Definition, EventSet, Example
    from exporter.model import Match
    from exporter.records.parse import Record

_OF_THE_MATCH = ("incident", "violation", "malformed")


def run_examples(events: EventSet) -> list[str]:
    """Run all examples and return a message for each that fails; none of them quotes a record."""
    problems = []
    for index, definition in enumerate(events.definitions):
        for example in definition.examples:
            record = parse(example.record)
            if record is None:
                problem: str | None = "is no log record; write it as the app logs it, with its header"
            elif example.expect is None:
                problem = _expected_none(events, definition, record)
            else:
                problem = _expected(events, index, example, record)
            if problem is not None:
                problems.append(f"{example.place}: the example {problem}")
    return problems


def _first(events: EventSet, source: str, record: Record) -> Definition | None:
    own = (one for one in events.definitions if one.source == source)
    return next((one for one in own if matches(one.conditions, record)), None)


def _expected_none(events: EventSet, definition: Definition, record: Record) -> str | None:
    first = _first(events, definition.source, record)
    return f"is {definition.name}, expected none" if first is not None and first.name == definition.name else None


def _expected(events: EventSet, index: int, example: Example, record: Record) -> str | None:
    definition = events.definitions[index]
    first = _first(events, definition.source, record)
    if first is not definition:
        return f"is {first.name if first else 'no event'}, expected {definition.name} by this definition"
    if not any(
        Regex(one.pattern.decode()).found_in(record.raw) if one.regex else one.pattern in record.raw
        for one in events.triggers
        if index in one.definitions
    ):
        return "would not be found: a regex must match the record's raw bytes too"
    match = apply(definition, record)
    wrong = (
        [key for key, value in example.expect.items() if not _holds(events, match, key, value)]
        if example.expect
        else []
    )
    if "malformed" not in (example.expect or {}) and match.malformed:
        wrong.append("malformed")
    return f"does not come to what it expects of {', '.join(wrong)}" if wrong else None


def _holds(events: EventSet, match: Match, key: str, expected: object) -> bool:
    if key in _OF_THE_MATCH:
        return _of_the_match(match, key) == expected
    for increment in match.increments:
        if increment.metric in {key, APP + key}:
            names = Catalogue((*BUILTIN, *events.series))[increment.metric].label_names
            return expected == 1 or _labels(dict(zip(names, increment.labels, strict=True)), expected)
    values = [one.value for one in match.observations if one.metric in {key, APP + key}]
    if expected is None:
        return not values
    return isinstance(expected, int | float) and any(math.isclose(one, expected) for one in values)


def _of_the_match(match: Match, key: str) -> object:
    if key == "incident":
        return match.incident.identifier if match.incident else None
    if key == "violation":
        return match.violation.key if match.violation else None
    return match.malformed


def _labels(actual: Mapping[str, str | LinkedLabel], expected: object) -> bool:
    """Compare with the labels expected; one that the ledger decides may be either of its values."""
    if not isinstance(expected, dict) or set(expected) != set(actual):
        return False
    return all(
        expected[name] in ({one.if_violated, one.otherwise} if isinstance(one, LinkedLabel) else {one})
        for name, one in actual.items()
    )
