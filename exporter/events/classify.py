"""What a record means by the definitions; pure, and run for every record that a trigger hit.

Definitions are tried in order, user files first, and the first that matches wins. A record
with a family's marker in its message that matches none is an unrecognized event.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from exporter.catalogue import APP
from exporter.events.fields import MISSING, Absent, identifier, number, read, status_class, text
from exporter.events.rules import OTHER, Linked, OneOf
from exporter.model import Incident, Increment, LinkedLabel, Match, Observation, Violation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from exporter.events.rules import Conditions, Definition, EventSet, LabelRule, StatusClass, ViolationRule
    from exporter.records.parse import Record

UNRECOGNIZED = Match(None, (Increment(APP + "unrecognized_events_total"),))

_EXCEPTION = re.compile(r"SQLSTATE\[.*", re.DOTALL)
_EXCEPTION_IN_JSON = re.compile(r'SQLSTATE\[(?:[^"\\]|\\.)*', re.DOTALL)


def classify(events: EventSet, record: Record, hits: Collection[int] | None) -> Match | None:
    """Return what the record means, or None where it means nothing.

    `hits` are indexes into `events.triggers` of those seen anywhere in the record's bytes; None
    tries all definitions. Hits that turn out to mean nothing are harmless, missing ones are not.
    """
    definitions = events.definitions
    for index in range(len(definitions)) if hits is None else candidates(events, hits):
        definition = definitions[index]
        if matches(definition.conditions, record):
            return apply(definition, record)
    if any(marker in record.message for marker in events.markers):
        return UNRECOGNIZED
    return None


def candidates(events: EventSet, hits: Collection[int]) -> Iterable[int]:
    """Return the indexes of the definitions that the triggers may mean, in order."""
    if len(hits) == 1:
        return events.triggers[next(iter(hits))].definitions
    groups = {events.triggers[hit].definitions for hit in hits}
    if len(groups) == 1:
        return groups.pop()
    return sorted({index for group in groups for index in group})


def matches(conditions: Conditions, record: Record) -> bool:
    """Tell whether the record meets all conditions, the cheap ones first."""
    if conditions.levels is not None and record.level not in conditions.levels:
        return False
    message = record.message
    for group in conditions.message:
        for one in group:  # any() with a generator would take three times as long, for every event
            if one in message:
                break
        else:
            return False
    if conditions.begins and not message.startswith(conditions.begins):
        return False
    if conditions.regex is not None and not conditions.regex.found_in(message):
        return False
    if conditions.channels is not None and record.channel not in conditions.channels:
        return False
    return _whole_matches(conditions, record)


def _whole_matches(conditions: Conditions, record: Record) -> bool:
    for group in conditions.record:
        if not any(one in record.raw for one in group):
            return False
    for path, expected in conditions.context:
        value = read(record.context, path)
        if isinstance(value, bool) is not isinstance(expected, bool) or value != expected:
            return False
    return True


class Known(Protocol):
    """What effects look at of a record."""

    @property
    def context(self) -> Mapping[str, Any] | None:
        """The context's values by key."""

    @property
    def message(self) -> bytes:
        """The message."""

    @property
    def raw(self) -> bytes:
        """All of it."""


def apply(definition: Definition, record: Known) -> Match:
    """Return what a record that meets the definition's conditions changes."""
    if definition.constant is not None:
        return definition.constant
    context = record.context
    malformed = 0
    increments: tuple[Increment, ...] = ()
    if definition.count is not None:
        labels, bad = read_labels(definition.count.labels, context)
        increments = (Increment(definition.count.metric, labels),)
        malformed += bad
    observations, bad = _observations(definition, context)
    malformed += bad
    violation = None if definition.violation is None else _violation(definition.violation, record)
    incident, bad = _incident(definition, context, violation)
    return Match(definition.name, increments, observations, incident, violation, malformed + bad)


def read_labels(
    rules: tuple[LabelRule, ...], context: Mapping[str, object] | None
) -> tuple[tuple[str | LinkedLabel, ...], int]:
    """Return a series' label values as a record's context makes them, and how many fields were malformed."""
    malformed = 0
    labels: list[str | LinkedLabel] = []
    for rule in rules:
        if isinstance(rule, str):
            labels.append(rule)
            continue
        value = read(context, rule.path)
        label = _label(rule, value)
        if isinstance(label, Absent):
            malformed += not (rule.optional and value is MISSING)
            label = rule.otherwise if isinstance(rule, Linked) else OTHER
        labels.append(label)
    return tuple(labels), malformed


def _label(rule: OneOf | StatusClass | Linked, value: object) -> str | LinkedLabel | Absent:
    if isinstance(value, Absent):
        return value
    if isinstance(rule, OneOf):
        found = text(value)
        return found if found in rule.values else OTHER
    if isinstance(rule, Linked):
        key = identifier(value)
        return LinkedLabel(key, rule.if_violated, rule.otherwise) if isinstance(key, str) else key or rule.otherwise
    return status_class(value) or OTHER


def _observations(definition: Definition, context: Mapping[str, object] | None) -> tuple[tuple[Observation, ...], int]:
    malformed = 0
    observations = []
    for rule in definition.observe:
        value = read(context, rule.path)
        if value is MISSING:
            malformed += not rule.optional
            continue
        amount = number(value, rule.transform)
        if isinstance(amount, Absent):
            malformed += 1
        elif amount is not None:
            labels, bad = read_labels(rule.labels, context)
            malformed += bad
            plain = tuple(one for one in labels if isinstance(one, str))
            observations.append(Observation(rule.metric, plain, amount))
    return tuple(observations), malformed


def _incident(
    definition: Definition, context: Mapping[str, object] | None, violation: Violation | None
) -> tuple[Incident | None, int]:
    rule = definition.incident
    if rule is None:
        return None, 0
    if rule.path is None:
        return Incident(rule.layer, violation.identifier or violation.key if violation else ""), 0
    value = identifier(read(context, rule.path))
    if isinstance(value, Absent):
        return None, 1
    return (None if value is None else Incident(rule.layer, value)), 0


def _violation(rule: ViolationRule, record: Known) -> Violation:
    """Find the key's value; where none is told (SQLite), the exception's whole message stands for it.

    The failed save logs the message as a field, the framework as its own message: the same text.
    The raw record is the last resort, where the context could not be parsed.
    """
    field = None if rule.path is None else read(record.context, rule.path)
    source = field if isinstance(field, str) else record.message.decode("utf-8", "replace")
    key = find_key(rule, source)
    if key is not None:
        return Violation(rule.role, key)
    raw = record.raw.decode("utf-8", "replace")
    key = find_key(rule, raw)
    if key is not None:
        return Violation(rule.role, key)
    booking = None if rule.identifier is None else identifier(read(record.context, rule.identifier))
    return Violation(rule.role, _exception(source, raw), booking if isinstance(booking, str) else None)


def find_key(rule: ViolationRule, text: str) -> str | None:
    """Return the key's value that the text tells, if any."""
    for pattern in rule.keys:
        found = pattern.search(text)
        if found is not None:
            return str(found.group(1))
    return None


def _exception(source: str, raw: str) -> str:
    found = _EXCEPTION.search(source)
    if found is not None:
        return found.group().strip()
    found = _EXCEPTION_IN_JSON.search(raw)
    if found is None:
        return source
    try:
        return str(json.loads(f'"{found.group()}"', strict=False)).strip()
    except ValueError:
        return found.group()
