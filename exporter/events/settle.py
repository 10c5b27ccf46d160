"""Which events the beginning of a record settles, so that its context is all that must be read of it; pure.

`classify` is the rule, and this gives the same answer or none: it is asked once for each text
with which records begin, not for each record (see `records.plain`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from exporter.events.classify import UNRECOGNIZED, candidates
from exporter.events.reading import meaning
from exporter.model import Settled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from exporter.events.rules import Conditions, EventSet

_BEHIND_MESSAGE: Final = (b"\n", b" {", b" [")
_NOTHING: Final = Settled()
_UNRECOGNIZED: Final = Settled(UNRECOGNIZED)


class Settler:
    """Settles the beginnings of one log's records by one set of definitions."""

    def __init__(self, events: EventSet, ignored: AbstractSet[str]) -> None:
        """Take the definitions, and the channels whose records are no events."""
        self._events = events
        self._ignored = ignored
        self._patterns = [None if trigger.regex else trigger.pattern for trigger in events.triggers]
        self._literals = {pattern for pattern in self._patterns if pattern is not None}
        self._meanings: dict[int, Settled | None] = {}

    def settle(self, beginning: bytes, inside: Sequence[int], beyond: Sequence[int] = ()) -> Settled | None:
        """Return what all records mean that begin with `beginning`, from the channel on, or None where that is open.

        `inside` are the indexes of all triggers in the message, the last of which ends with the
        beginning; `beyond` are those of all triggers in the rest of the record, which then is a context.
        """
        name, colon, message = beginning.partition(b": ")
        if not colon:  # the last trigger ends within the header
            return None
        channel, _, level = name.rpartition(b".")
        if channel.decode("utf-8", "replace") in self._ignored:
            return _NOTHING
        if message.endswith((b" ", b"\r")) or any(text in message for text in _BEHIND_MESSAGE):
            return None
        for index in candidates(self._events, {*inside, *beyond}):
            conditions = self._events.definitions[index].conditions
            holds = self._holds(conditions, level.decode().lower(), message)
            if holds is not False:
                found = self._in_record(conditions, beginning, inside, beyond)
                holds = holds if found else found
            if holds is None:
                return None
            if holds:
                return self._meaning(index)
        return _UNRECOGNIZED if any(marker in message for marker in self._events.markers) else _NOTHING

    def _holds(self, conditions: Conditions, level: str, message: bytes) -> bool | None:
        """Tell whether a record of this level whose message begins so meets the conditions; None where that is open."""
        if conditions.levels is not None and level not in conditions.levels:
            return False
        open_groups = [group for group in conditions.message if not any(text in message for text in group)]
        # A text that is a trigger would have been seen if the message held it.
        if any(self._literals.issuperset(group) for group in open_groups):
            return False
        return None if open_groups or not conditions.plain else True

    def _in_record(
        self, conditions: Conditions, beginning: bytes, inside: Sequence[int], beyond: Sequence[int]
    ) -> bool | None:
        """Tell whether a record that begins so, with these triggers, holds the texts that are sought in all of it."""
        everywhere: bool | None = True
        for group in conditions.record:
            if any(text in beginning for text in group):
                continue
            seen = {self._patterns[index] for index in (*inside, *beyond)}.intersection(group)
            if not seen and self._literals.issuperset(group):
                return False
            # A text behind the message that is longer than all before it might begin before the record.
            sure = {self._patterns[index] for index in beyond}.intersection(group)
            if not any(text is not None and len(text) <= len(beginning) for text in sure):
                everywhere = None
        return everywhere

    def _meaning(self, index: int) -> Settled | None:
        if index not in self._meanings:
            self._meanings[index] = meaning(self._events.definitions[index])
        return self._meanings[index]
