"""What is known of a block of bytes, and what it was found to hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from exporter.model import LEVELS
from exporter.records.carry import Carry

if TYPE_CHECKING:
    from exporter.model import Match, SeriesKey


class Ending(Enum):
    """What is known to follow the block."""

    MORE = "more"
    QUIET = "quiet"
    """Nothing has followed for a while: the open record is looked at as it is."""
    FINAL = "final"
    """Nothing will follow (`--once`): the end of the block ends the record."""


@dataclass(slots=True)
class Cut:
    """What a block held. `start` is the offset at which the next block must begin, with `carry`.

    `outcomes` are the time text of each record that is an event, what it means, and the fold at its
    header. Further events are added up: `counted` are what many of one minute mean, the newest of their time
    texts, and how many they are; `tallies` what each means and the time texts of all that
    mean the same, `observed` the values by histogram, `incidents` how many outcomes stood before, the layer,
    the identifier in UTF-8, and the time text. `newest` is the offset of the last header accepted (-1: none);
    `pending` tells that the open record may be an event that only silence can end.
    """

    levels: list[int] = field(default_factory=lambda: [0] * len(LEVELS))
    unparsed: int = 0
    oversized: int = 0
    outcomes: list[tuple[bytes, Match, int]] = field(default_factory=list)
    counted: list[tuple[Match, bytes, int]] = field(default_factory=list)
    tallies: dict[int, tuple[Match, list[bytes]]] = field(default_factory=dict)
    observed: dict[SeriesKey, list[float]] = field(default_factory=dict)
    incidents: list[tuple[int, str, bytes, bytes]] = field(default_factory=list)
    newest: int = -1
    pending: bool = False
    start: int = 0
    carry: Carry = field(default_factory=Carry)
