"""What the definitions have become: frozen, checked, ready to be applied by `classify`.

Texts are bytes, as records are. A group is a tuple of texts of which at least one must occur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from exporter.catalogue import Series
    from exporter.events.fields import Path, Transform
    from exporter.events.patterns import Regex
    from exporter.model import Match, Trigger

Group = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a record must be: all that is set must hold."""

    levels: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    message: tuple[Group, ...] = ()
    begins: Group = ()
    regex: Regex | None = None
    record: tuple[Group, ...] = ()
    context: tuple[tuple[Path, object], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether nothing but the level and texts anywhere in the message or record decides."""
        return not (self.channels or self.begins or self.regex or self.context)


@dataclass(frozen=True, slots=True)
class OneOf:
    """A label from a field: its text where that is in `values`, else `other`."""

    path: Path
    values: frozenset[str]
    optional: bool


@dataclass(frozen=True, slots=True)
class StatusClass:
    """A label from an HTTP status: 1xx to 5xx, else `other`."""

    path: Path
    optional: bool


@dataclass(frozen=True, slots=True)
class Linked:
    """A label that the ledger decides by the identifier at `path`; `otherwise` where it is absent."""

    path: Path
    if_violated: str
    otherwise: str
    optional: bool


LabelRule = str | OneOf | StatusClass | Linked

OTHER = "other"
"""The value of a label whose field is outside its closed set."""


@dataclass(frozen=True, slots=True)
class CountRule:
    """The counter that rises by 1, and its labels in the catalogue's order."""

    metric: str
    labels: tuple[LabelRule, ...]


@dataclass(frozen=True, slots=True)
class ObserveRule:
    """The histogram that observes the number at `path`."""

    metric: str
    labels: tuple[LabelRule, ...]
    path: Path
    transform: Transform | None
    optional: bool


@dataclass(frozen=True, slots=True)
class IncidentRule:
    """Which incident a record belongs to; `path` is None for the violation's identifier or key."""

    layer: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class ViolationRule:
    """How a unique violation reports itself: regexes for the key's value, in the text at `path` (None: message)."""

    role: Literal["failed_save", "report"]
    keys: tuple[re.Pattern[str], ...]
    path: Path | None
    identifier: Path | None


@dataclass(frozen=True, slots=True)
class Example:
    """A record as logged, what it must come to (None: not this event), and where that is written."""

    record: bytes
    expect: Mapping[str, object] | None
    place: str


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition. `constant` is its match where no field of the record has a part in it."""

    name: str
    source: str
    conditions: Conditions
    lowest_level: str
    count: CountRule | None
    observe: tuple[ObserveRule, ...]
    incident: IncidentRule | None
    violation: ViolationRule | None
    examples: tuple[Example, ...]
    constant: Match | None


@dataclass(frozen=True, slots=True)
class EventSet:
    """All definitions in force, in the order in which they are tried.

    `names` are the event names (each once), `lowest_levels` the lowest level by event that the
    app's LOG_LEVEL must let through, `series` what the files declare, `markers` the families'
    markers, `hash` 32 bits over everything that decides what is counted.
    """

    definitions: tuple[Definition, ...]
    series: tuple[Series, ...]
    names: tuple[str, ...]
    lowest_levels: Mapping[str, str]
    markers: tuple[bytes, ...]
    triggers: tuple[Trigger, ...]
    hash: int
