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
from exporter.events.classify import classify, matches
from exporter.model import LinkedLabel
from exporter.printable import cut, printable, size
from exporter.records.time import Times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.commands.splitting import Piece
    from exporter.events.rules import Conditions, Definition, EventSet
    from exporter.model import Match
    from exporter.records.parse import Record

_INDENT = " " * 8
_SHORTEST = 20
"""Characters of a message that are shown however narrow the terminal is."""


class Explainer:
    """Explains pieces of one log by one set of events, and keeps count of what it has seen."""

    def __init__(self, events: EventSet, timezone: str, ignored_channels: frozenset[str], width: int) -> None:
        """Take the events, the log's time zone and ignored channels, and the characters of a line."""
        self._events = events
        self._relaxed = [_relaxed(one) for one in events.definitions]
        self._catalogue = Catalogue((*BUILTIN, *events.series))
        self._zone = ZoneInfo(timezone)
        self._times = Times(self._zone)
        self._ignored = ignored_channels
        self._width = width
        self.records = 0
        self.unparsed = 0
        self.matched: dict[str, int] = {}

    def explain(self, piece: Piece) -> tuple[list[str], bool]:
        """Return the lines that explain the piece, and whether it is an event or unrecognized."""
        record = piece.record
        self.unparsed += piece.suspects
        if record is None:
            self.unparsed += 1
            return [self._line(f"{piece.line:6} ?  unparsed", printable(piece.raw.rstrip(b"\r\n")))], False
        self.records += 1
        match = None if record.channel in self._ignored else classify(self._events, record, None)
        if match is not None:
            name = match.event or "unrecognized"
            self.matched[name] = self.matched.get(name, 0) + 1
        head = f"{piece.line:6} {'-' if match is None else '='}  {self._head(record)}"
        lines = [self._line(head, printable(record.message)), *self._remarks(piece, record)]
        lines += [_INDENT + one for one in self._meaning(record, match)]
        return lines, match is not None

    def summary(self) -> list[str]:
        """Return what was seen in all."""
        counts = [f"{_INDENT}{name}: {count}" for name, count in sorted(self.matched.items())]
        events = sum(self.matched.values())
        return [f"{self.records} records, {events} of them events; {self.unparsed} unparsed lines", *counts]

    def _line(self, head: str, text: str) -> str:
        return f"{head}  {cut(text, max(_SHORTEST, self._width - len(head) - 2))}"

    def _head(self, record: Record) -> str:
        return f"{record.format}  {self._time(record)}  {record.level.upper() or '?'}  {printable(record.channel)}"

    def _time(self, record: Record) -> str:
        time = self._times.resolve(record.time_text)
        if time is None:
            return "no time"
        return datetime.fromtimestamp(time, self._zone).isoformat(" ", "seconds")

    def _remarks(self, piece: Piece, record: Record) -> Iterator[str]:
        if piece.lines > 1:
            yield f"{_INDENT}({piece.lines} lines, {size(len(piece.raw))})"
        if piece.suspects:
            yield f"{_INDENT}({piece.suspects} of them begin like a record and are none: counted as unparsed)"
        if piece.cut:
            yield f"{_INDENT}(cut at {size(len(piece.raw))}: nothing after that is looked at)"
        if record.context is None:
            yield f"{_INDENT}(its context is no JSON: every field that an event needs is malformed)"

    def _meaning(self, record: Record, match: Match | None) -> Iterable[str]:
        if match is None or match.event is None:
            yield from self._no_event(record, match)
            return
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

    def _no_event(self, record: Record, match: Match | None) -> Iterable[str]:
        if record.channel in self._ignored:
            yield "no event: its channel is ignored"
            return
        near = list(dict.fromkeys(self._near(record)))
        if match is not None:
            for increment in match.increments:
                yield f"= unrecognized: it has the marker of the family, {increment.metric} +1"
            if not near:
                yield f"  it matches none of {', '.join(self._events.names)}"
        yield from (f"{'  ' if match else ''}{one}" for one in near)

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


def _label(value: str | LinkedLabel) -> str:
    return f"{value.if_violated} or {value.otherwise}" if isinstance(value, LinkedLabel) else value


def _relaxed(definition: Definition) -> tuple[Definition, Conditions | None, Conditions | None]:
    """Return the definition with its conditions less the levels, and less the channels, where it has such."""
    conditions = definition.conditions
    any_level = None if conditions.levels is None else dataclasses.replace(conditions, levels=None)
    any_channel = None if conditions.channels is None else dataclasses.replace(conditions, channels=None)
    return definition, any_level, any_channel
