"""What the contexts of many records of one definition come to, with as little work for each as can be; pure.

`classify.apply` is the rule. This gives the same for definitions whose effects stand alone: no
violation, no label that the ledger decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from exporter.events.classify import read_labels
from exporter.events.fields import MISSING, Absent, identifier, number, read
from exporter.events.rules import Linked
from exporter.model import Incident, Increment, Match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.events.rules import Definition, LabelRule
    from exporter.model import LabelValues, Reading


class Reader:
    """Reads the contexts of records that meet one definition's conditions."""

    def __init__(self, definition: Definition) -> None:
        """Take a definition that `stands_alone`."""
        self._name = definition.name
        self._metric = "" if definition.count is None else definition.count.metric
        self._labels = _Labels(() if definition.count is None else definition.count.labels)
        self._observe = tuple((rule, _Labels(rule.labels)) for rule in definition.observe)
        self._layer = "" if definition.incident is None else definition.incident.layer
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
                incident = Incident(self._layer, found)
        key = (labels, malformed)
        match = self._matches.get(key)
        return self._match(key) if match is None else match, observed, incident

    def _match(self, key: tuple[LabelValues, int]) -> Match:
        labels, malformed = key
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
