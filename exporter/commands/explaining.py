"""One record explained in words: how it parses, what it matches, what it would count; pure.

The text of records is shown here, on the terminal of the user who asked for it; what a
terminal would obey is escaped.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from exporter.catalogue import BUILTIN, Catalogue
from exporter.events.classify import matches
from exporter.model import LinkedLabel
from exporter.printable import cut, printable, size
from exporter.records.time import Times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.commands.pieces import Piece
    from exporter.config.schema import LogSettings
    from exporter.events.rules import Conditions, Definition, EventSet
    from exporter.model import Match
    from exporter.records.parse import Record

_INDENT = " " * 8
_SHORTEST = 20
"""Characters of a message that are shown however narrow the terminal is."""


class Explainer:
    """Explains pieces of one log by one set of events, and keeps count of what it has seen."""

    def __init__(self, events: EventSet, log: LogSettings, width: int) -> None:
        """Take the events, the settings of the log, and the characters of a line."""
        self._events = events
        self._relaxed = [_relaxed(one) for one in events.definitions]
        self._catalogue = Catalogue((*BUILTIN, *events.series))
        self._zone = ZoneInfo(log.timezone)
        self._times = Times(self._zone)
        self._ignored = log.ignore_channels
        self._width = width
        self.records = 0
        self.unparsed = 0
        self.matched: dict[str, int] = {}

    def explain(self, piece: Piece) -> tuple[list[str], bool]:
        """Return the lines that explain the piece, and whether it is an event or unrecognized."""
        record = piece.record
        self.records += piece.level is not None
        self.unparsed += piece.unparsed
        for match in piece.matches:
            name = match.event or "unrecognized"
            self.matched[name] = self.matched.get(name, 0) + 1
        if record is None:
            head = f"{piece.line:6} ?  unparsed" if piece.level is None else f"{piece.line:6} -  {piece.level.upper()}"
            text = printable(piece.raw.rstrip(b"\r\n"))
            return [self._line(head, text), *(_INDENT + one for one in _oddities(piece))], False
        head = f"{piece.line:6} {'=' if piece.matches else '-'}  {self._head(piece, record)}"
        lines = [self._line(head, printable(record.message))]
        lines += [_INDENT + one for one in (*_remarks(piece, record), *self._meaning(record, piece.matches))]
        return lines, bool(piece.matches)

    def summary(self) -> list[str]:
        """Return what was seen in all."""
        counts = [f"{_INDENT}{name}: {count}" for name, count in sorted(self.matched.items())]
        events = sum(self.matched.values())
        return [f"{self.records} records, {events} of them events; {self.unparsed} unparsed lines", *counts]

    def _line(self, head: str, text: str) -> str:
        return f"{head}  {cut(text, max(_SHORTEST, self._width - len(head) - 2))}"

    def _head(self, piece: Piece, record: Record) -> str:
        time = self._time(record.time_text, piece.fold)
        return f"{record.format}  {time}  {record.level.upper() or '?'}  {printable(record.channel)}"

    def _time(self, text: bytes, fold: int) -> str:
        time = self._times.resolve(text, fold=fold)
        if time is None:
            return "no time"
        return datetime.fromtimestamp(time, self._zone).isoformat(" ", "seconds")

    def _meaning(self, record: Record, found: tuple[Match, ...]) -> Iterator[str]:
        for match in found:
            if match.event is None:
                for one in match.increments:
                    yield f"= unrecognized: it has the marker of the family, {one.metric} +1"
            else:
                yield from self._event(match)
        if not any(match.event for match in found):
            yield from self._no_event(record, family=bool(found))

    def _event(self, match: Match) -> Iterator[str]:
        yield f"= {match.event}"
        for increment in match.increments:
            yield f"  {increment.metric}{self._labels(increment.metric, increment.labels)} +1"
        for one in match.observations:
            yield f"  {one.metric}{self._labels(one.metric, one.labels)} observes {one.value:g}"
        if match.incident is not None:
            yield f"  incident {printable(match.incident.identifier)} in {match.incident.layer}, once within 7 days"
        if match.violation is not None:
            role = match.violation.role.replace("_", " ")
            yield f"  {role} of a unique key: repeats of one violation are told by key and time, and count once"
        if match.malformed:
            yield f"  {match.malformed} malformed fields (missing, or of the wrong type): counted, not observed"

    def _no_event(self, record: Record, *, family: bool) -> Iterator[str]:
        if record.channel in self._ignored:
            yield "no event: its channel is ignored"
            return
        near = list(dict.fromkeys(self._near(record)))
        if family and not near:
            near = [f"it matches none of {', '.join(self._events.names)}"]
        yield from (f"{'  ' if family else ''}{one}" for one in near)

    def _near(self, record: Record) -> Iterator[str]:
        for definition, any_level, any_channel in self._relaxed:
            conditions = definition.conditions
            if any_level and not matches(conditions, record) and matches(any_level, record):
                levels = " or ".join(sorted(conditions.levels or ()))
                yield f"not {definition.name}: its level is {record.level}, not {levels}"
            elif any_channel and not matches(conditions, record) and matches(any_channel, record):
                channels = " or ".join(sorted(conditions.channels or ()))
                yield f"not {definition.name}: its channel is {printable(record.channel)}, not {channels}"

    def _labels(self, metric: str, values: Iterable[str | LinkedLabel]) -> str:
        names = self._catalogue[metric].label_names
        pairs = (f'{name}="{_label(value)}"' for name, value in zip(names, values, strict=True))
        return "{" + ",".join(pairs) + "}" if names else ""


def _remarks(piece: Piece, record: Record) -> Iterator[str]:
    if piece.lines > 1:
        yield f"({piece.lines} lines, {size(len(piece.raw))})"
    if piece.suspects:
        yield f"({piece.suspects} of them begin like a record and are none: counted as unparsed)"
    if piece.cut:
        yield f"(cut at {size(len(piece.raw))}: nothing after that is looked at)"
    if record.context is None:
        yield "(its context is no JSON: every field that an event needs is malformed)"
    if piece.level is None:
        yield "(its level does not stand where the app's formatter writes it: counted as an unparsed line)"


def _oddities(piece: Piece) -> Iterator[str]:
    """Say why what cannot be parsed counts as a record, or a line as none."""
    if piece.level is not None:
        yield "(it is no JSON: counted as a record of its level, and no event)"
    elif not piece.unparsed:
        yield "(no line feed ends it: not counted)"


def _label(value: str | LinkedLabel) -> str:
    return f"{value.if_violated} or {value.otherwise}" if isinstance(value, LinkedLabel) else value


def _relaxed(definition: Definition) -> tuple[Definition, Conditions | None, Conditions | None]:
    """Return the definition with its conditions less the levels, and less the channels, where it has such."""
    conditions = definition.conditions
    any_level = None if conditions.levels is None else dataclasses.replace(conditions, levels=None)
    any_channel = None if conditions.channels is None else dataclasses.replace(conditions, channels=None)
    return definition, any_level, any_channel
