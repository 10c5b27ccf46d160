"""From checked shapes to definitions: names, labels and paths are held against the catalogue; pure.

All problems are noted in the file they belong to; nothing is raised here.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from exporter.catalogue import APP, BUILTIN, FROM_LOGS, Catalogue
from exporter.events.patterns import Regex, spellings
from exporter.events.rules import (
    OTHER,
    Conditions,
    CountRule,
    Definition,
    Example,
    IncidentRule,
    Linked,
    ObserveRule,
    OneOf,
    StatusClass,
    ViolationRule,
)
from exporter.model import LEVELS, Increment, Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.catalogue import Series
    from exporter.document import Location
    from exporter.events.rules import Group, LabelRule
    from exporter.events.schema import EventSpec, ExampleSpec, LabelSpec, MatchSpec, ParsedFile, ViolationSpec

INCIDENTS = APP + "duplicate_booking_incidents_total"
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", OTHER)
_KEPT_BY_EXPORTER = {INCIDENTS, APP + "log_records_total", APP + "unrecognized_events_total"}


class Builder:
    """Builds the definitions of one file."""

    def __init__(self, file: ParsedFile, declared: Iterable[Series]) -> None:
        """Take the file and the series that all files declare."""
        self._file = file
        declared = tuple(declared)
        self._catalogue = Catalogue((*BUILTIN, *declared))
        countable = (one for one in FROM_LOGS if one.kind != "gauge" and one.name not in _KEPT_BY_EXPORTER)
        self._countable = {one.name for one in (*countable, *declared)}

    def build(self, at: Location, spec: EventSpec) -> Definition:
        """Return the definition; it is of use only where no problem was noted."""
        count = None
        if spec.count is not None:
            count = CountRule(*self._target((*at, "count"), spec.count.metric, "counter", spec.count.labels))
        observe = []
        for index, one in enumerate(spec.observe):
            here = (*at, "observe", index)
            target = self._target(here, one.metric, "histogram", one.labels)
            observe.append(ObserveRule(*target, one.value, one.transform, one.optional))
        violation = self._violation((*at, "violation"), spec.violation)
        incident = self._incident(at, spec)
        constant = None
        if not observe and violation is None and incident is None:
            constant = _constant(spec.name, count)
        return Definition(
            name=spec.name,
            source=self._file.document.name,
            conditions=self._conditions((*at, "match"), spec.match),
            lowest_level=self._lowest_level(at, spec),
            count=count,
            observe=tuple(observe),
            incident=incident,
            violation=violation,
            examples=self._examples(at, spec.examples),
            constant=constant,
        )

    def _conditions(self, at: Location, spec: MatchSpec) -> Conditions:
        message, record = spec.message, spec.record
        conditions = Conditions(
            levels=None if spec.levels is None else frozenset(spec.levels),
            channels=None if spec.channels is None else frozenset(spec.channels),
            message=_groups(message.contains, message.contains_all) if message else (),
            begins=tuple(one.encode() for one in message.begins or ()) if message else (),
            regex=Regex(message.regex) if message and message.regex is not None else None,
            record=_groups(record.contains, record.contains_all, escaped=True) if record else (),
            context=tuple((tuple(key.split(".")[1:]), value) for key, value in spec.context.items()),
        )
        if not (conditions.message or conditions.begins or conditions.regex or conditions.record):
            self._file.problem(at, "tests no text; add message or record, so that records can be found")
        return conditions

    def _lowest_level(self, at: Location, spec: EventSpec) -> str:
        levels = spec.match.levels
        lowest = min(levels, key=LEVELS.index) if levels else LEVELS[0]
        if spec.lowest_level is None:
            return lowest
        if levels and spec.lowest_level != lowest:
            self._file.problem((*at, "lowest_level"), f"contradicts match.levels; write {lowest}")
        return spec.lowest_level

    def _target(
        self, at: Location, name: str, kind: str, labels: Mapping[str, LabelSpec]
    ) -> tuple[str, tuple[LabelRule, ...]]:
        full = next((one for one in (APP + name, name) if one in self._countable), None)
        if full is None:
            known = next((one for one in (APP + name, name) if one in self._catalogue), None)
            reason = "unknown series; name one of METRICS.md or declare it under series"
            self._file.problem((*at, "metric"), "is kept by the exporter itself; name another" if known else reason)
            return name, ()
        series = self._catalogue[full]
        if series.kind != kind:
            verb = "counts" if kind == "counter" else "observes"
            self._file.problem((*at, "metric"), f"is a {series.kind}; this {verb} and needs a {kind}")
        here = (*at, "labels")
        if set(labels) != set(series.label_names):
            wanted = ", ".join(series.label_names) or "no labels"
            self._file.problem(here, f"{full} has exactly these labels: {wanted}")
            return full, ()
        self._check_values(here, series, labels)
        if kind == "histogram" and any(one.violated is not None for one in labels.values()):
            self._file.problem(here, "violated is for counters only; observe with another label")
        return full, tuple(_rule(labels[one]) for one in series.label_names)

    def _check_values(self, at: Location, series: Series, labels: Mapping[str, LabelSpec]) -> None:
        possible = {one: _possible(spec) for one, spec in labels.items()}
        closed = {one.name: one.values or () for one in series.labels}
        wrong = False
        for label, values in possible.items():
            for value in values:
                if value not in closed[label]:
                    wrong = True
                    allowed = ", ".join(closed[label])
                    self._file.problem((*at, label), f"may become {value!r}; {series.name} allows: {allowed}")
        combined = product(*(possible[one] for one in series.label_names))
        existing = set(self._catalogue.label_sets(series))
        if not wrong and not existing.issuperset(combined):
            pairs = "; ".join(", ".join(one) for one in sorted(existing))
            self._file.problem(at, f"{series.name} has only these combinations: {pairs}")

    def _incident(self, at: Location, spec: EventSpec) -> IncidentRule | None:
        one = spec.incident
        if one is None:
            return None
        layer = one.layer
        if layer is None and spec.count is not None and "layer" in spec.count.labels:
            layer = spec.count.labels["layer"].literal
        layers = self._catalogue[INCIDENTS].labels[0].values or ()
        if layer not in layers:
            self._file.problem((*at, "incident"), f"needs a layer, here or as label of count: {', '.join(layers)}")
        if one.id is None and spec.violation is None:
            self._file.problem((*at, "incident"), "names the violation, but there is none; add violation or a path")
        return IncidentRule(layer or "", one.id)

    def _violation(self, at: Location, spec: ViolationSpec | None) -> ViolationRule | None:
        if spec is None:
            return None
        keys = tuple(re.compile(one) for one in spec.key)
        for index, one in enumerate(keys):
            if one.groups != 1:
                self._file.problem((*at, "key", index), "needs exactly one group, which is the key's value")
        return ViolationRule(spec.role, keys, spec.text, spec.identifier)

    def _examples(self, at: Location, specs: list[ExampleSpec]) -> tuple[Example, ...]:
        here = (*at, "examples")
        if all(one.expect == "none" for one in specs):
            self._file.problem(here, "holds no record that is this event; add one")
        return tuple(
            Example(
                record=("\n".join(one.record).rstrip("\n") + "\n").encode(),
                expect=None if one.expect == "none" else one.expect,
                place=self._file.document.place((*here, index)),
            )
            for index, one in enumerate(specs)
        )


def _groups(any_of: list[str] | None, all_of: list[str] | None, *, escaped: bool = False) -> tuple[Group, ...]:
    groups = ([any_of] if any_of else []) + [[one] for one in all_of or ()]
    if escaped:
        return tuple(tuple(form for one in group for form in spellings(one)) for group in groups)
    return tuple(tuple(one.encode() for one in group) for group in groups)


def _possible(spec: LabelSpec) -> tuple[str, ...]:
    if spec.literal is not None:
        return (spec.literal,)
    if spec.one_of is not None:
        return (*spec.one_of, OTHER)
    if spec.violated is not None:
        return (spec.violated, spec.otherwise or "")
    return STATUS_CLASSES


def _rule(spec: LabelSpec) -> LabelRule:
    if spec.literal is not None or spec.path is None:
        return spec.literal or ""
    if spec.one_of is not None:
        return OneOf(spec.path, frozenset(spec.one_of), spec.optional)
    if spec.violated is not None:
        return Linked(spec.path, spec.violated, spec.otherwise or "", spec.optional)
    return StatusClass(spec.path, spec.optional)


def _constant(name: str, count: CountRule | None) -> Match | None:
    if count is None:
        return Match(name)
    literals = tuple(one for one in count.labels if isinstance(one, str))
    return Match(name, (Increment(count.metric, literals),)) if len(literals) == len(count.labels) else None
