"""What the contexts of many records of one definition come to, with as little work for each as can be; pure.

`classify.apply` is the rule, and this gives the same. Effects of definitions that stand alone (no
violation, no label that the ledger decides) are told by equal objects where they are equal, so that they can be
added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from exporter.events.classify import apply, find_key, read_labels
from exporter.events.fields import MISSING, Absent, identifier, number, read
from exporter.events.rules import Linked
from exporter.model import Incident, Increment, Match, Settled, Violation, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.events.fields import Path, Transform
    from exporter.events.rules import Definition, LabelRule
    from exporter.model import LabelValues, Reading, SeriesKey

    _Role = Literal["label", "number", "absolute", "thousandth", "identifier", "shown"]

_MOST_KEYS: Final = 4
"""Keys of one definition that the native part reads."""
_LONGEST_KEY: Final = 58
"""Bytes of such a key."""
_ROLES: Final[Mapping[Transform | None, _Role]] = {
    None: "number",
    "abs": "absolute",
    "milliseconds_to_seconds": "thousandth",
}


def meaning(definition: Definition) -> Settled | None:
    """Return what records mean that meet the definition's conditions, or None where more than the context decides."""
    if definition.constant is not None:
        return Settled(definition.constant)
    if Reader.stands_alone(definition):
        reader = Reader(definition)
        return Settled(
            read=reader.read, labelled=reader.labelled, layer=reader.layer, wanted=_wanted(definition, alone=True)
        )
    if definition.violation is not None and definition.violation.path is None:
        return None
    return Settled(judge=_judging(definition), wanted=_wanted(definition, alone=False))


def _judging(definition: Definition) -> Callable[[Mapping[str, object]], Match | None]:
    """Return what makes a match of a context; for a violation that is all a definition reads, with little work."""
    violation, count, incident = definition.violation, definition.count, definition.incident
    labels = tuple(label for label in (count.labels if count is not None else ()) if isinstance(label, str))
    bare = incident is not None and incident.path is None and not definition.observe
    if violation is None or count is None or incident is None or not bare or len(labels) < len(count.labels):
        return partial(_judge, definition)
    path, role, layer, name = violation.path or (), violation.role, incident.layer, definition.name
    increments = (Increment(count.metric, labels),)

    def judge(context: Mapping[str, object]) -> Match | None:
        field = read(context, path)
        key = find_key(violation, field) if isinstance(field, str) else None
        return None if key is None else Match(name, increments, (), Incident(layer, key), Violation(role, key))

    return judge


def _judge(definition: Definition, context: Mapping[str, object]) -> Match | None:
    violation = definition.violation
    if violation is not None:
        field = read(context, violation.path or ())
        if not isinstance(field, str) or find_key(violation, field) is None:
            return None
    return apply(definition, _Known(context))


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a record of which only the context was read."""

    context: Mapping[str, Any]
    message: bytes = b""
    raw: bytes = b""


def _wanted(definition: Definition, *, alone: bool) -> tuple[Wanted, ...] | None:
    """Return the keys that a definition's effects look at; None where they are many or long."""
    labels = [] if definition.count is None else [*definition.count.labels]
    labels += [label for rule in definition.observe for label in rule.labels]
    wanted: list[tuple[Path, _Role]] = [(label.path, "label") for label in labels if not isinstance(label, str)]
    numbers: list[tuple[Path, _Role]] = [(rule.path, _ROLES[rule.transform]) for rule in definition.observe]
    wanted += numbers
    if definition.incident is not None and definition.incident.path is not None:
        wanted.append((definition.incident.path, "identifier"))
    if definition.violation is not None and definition.violation.path is not None:
        wanted.append((definition.violation.path, "shown"))
    whole = alone and all(len(path) == 1 for path, _ in wanted) and len(set(numbers)) == len(numbers)
    keys = tuple(dict.fromkeys(Wanted(path[0], role if whole else "shown") for path, role in wanted))
    few = len(keys) <= _MOST_KEYS and all(len(one.key) <= _LONGEST_KEY for one in keys)
    return keys if few else None


class Reader:
    """Reads the contexts of records that meet one definition's conditions."""

    def __init__(self, definition: Definition) -> None:
        """Take a definition that `stands_alone`."""
        self._name = definition.name
        self._metric = "" if definition.count is None else definition.count.metric
        self._labels = _Labels(() if definition.count is None else definition.count.labels)
        self._observe = tuple((rule, _Labels(rule.labels)) for rule in definition.observe)
        self.layer = "" if definition.incident is None else definition.incident.layer
        self._path = None if definition.incident is None else definition.incident.path
        self._matches: dict[tuple[LabelValues, int], Match] = {}

    @staticmethod
    def stands_alone(definition: Definition) -> bool:
        """Tell whether a reader can do what `classify.apply` does for this definition."""
        if definition.violation is not None or (definition.incident is not None and definition.incident.path is None):
            return False
        return definition.count is None or not any(isinstance(rule, Linked) for rule in definition.count.labels)

    def read(self, context: Mapping[str, object]) -> Reading:
        """Return what a record with this context changes. Equal matches are the same object."""
        labels, malformed = self._labels.fixed or self._labels.read(context)
        observed = []
        for rule, its_labels in self._observe:
            value = read(context, rule.path)
            if value is MISSING:
                malformed += not rule.optional
                continue
            amount = number(value, rule.transform)
            if isinstance(amount, Absent):
                malformed += 1
            elif amount is not None:
                of, bad = its_labels.fixed or its_labels.read(context)
                malformed += bad
                observed.append(((rule.metric, of), amount))
        incident = None
        if self._path is not None:
            found = identifier(read(context, self._path))
            if isinstance(found, Absent):
                malformed += 1
            elif found is not None:
                incident = Incident(self.layer, found)
        return self._match(labels, malformed), observed, incident

    def labelled(self, context: Mapping[str, object]) -> tuple[Match, tuple[SeriesKey, ...]]:
        """Return what `read` does where the values to observe and the identifier are sound, by the labels alone."""
        labels, malformed = self._labels.fixed or self._labels.read(context)
        series = []
        for rule, its_labels in self._observe:
            of, bad = its_labels.fixed or its_labels.read(context)
            malformed += bad
            series.append((rule.metric, of))
        return self._match(labels, malformed), tuple(series)

    def _match(self, labels: LabelValues, malformed: int) -> Match:
        key = (labels, malformed)
        match = self._matches.get(key)
        if match is not None:
            return match
        increments = (Increment(self._metric, labels),) if self._metric else ()
        match = self._matches[key] = Match(self._name, increments, malformed=malformed)
        return match


class _Labels:
    """A series' labels; `fixed` are their values and no malformed fields, where no field has a part in them."""

    def __init__(self, rules: tuple[LabelRule, ...]) -> None:
        self._rules = rules
        fixed = tuple(rule for rule in rules if isinstance(rule, str))
        self.fixed = (fixed, 0) if len(fixed) == len(rules) else None

    def read(self, context: Mapping[str, object]) -> tuple[LabelValues, int]:
        labels, malformed = read_labels(self._rules, context)
        return cast("LabelValues", labels), malformed  # without linked labels all are texts
