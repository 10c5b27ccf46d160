"""Which events the beginning of a record settles, so that its context is all that must be read of it; pure.

`classify` is the rule, and this gives the same answer or none: it is asked once for each text
with which records begin, not for each record (see `records.plain`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from exporter.events.classify import UNRECOGNIZED, candidates
from exporter.events.reading import Reader
from exporter.model import Settled

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Set as AbstractSet

    from exporter.events.rules import Definition, EventSet

_BEHIND_MESSAGE: Final = (b"\n", b" {", b" [")
_NOTHING: Final = Settled()


def settle(events: EventSet, ignored: AbstractSet[str], beginning: bytes, triggers: Sequence[int]) -> Settled | None:
    """Return what all records mean that begin with `beginning`, from the channel on, or None where that is open.

    `triggers` are the indexes of all triggers in the record, the last of which ends with the
    beginning. Records of `ignored` channels are no events.
    """
    name, _, message = beginning.partition(b": ")
    channel, _, level = name.rpartition(b".")
    if channel.decode("utf-8", "replace") in ignored:
        return _NOTHING
    if message.endswith((b" ", b"\r")) or any(text in message for text in _BEHIND_MESSAGE):
        return None
    for index in candidates(events, set(triggers)):
        definition = events.definitions[index]
        holds = _holds(events, definition, level.decode().lower(), message)
        if holds is None:
            return None
        if holds:
            return _meaning(definition)
    return Settled(UNRECOGNIZED) if any(marker in message for marker in events.markers) else _NOTHING


def _holds(events: EventSet, definition: Definition, level: str, message: bytes) -> bool | None:
    """Tell whether a record of this level whose message begins so meets the conditions; None where that is open."""
    conditions = definition.conditions
    if conditions.levels is not None and level not in conditions.levels:
        return False
    open_groups = [group for group in conditions.message if not any(text in message for text in group)]
    if any(_all_seen(events, group) for group in open_groups):
        return False
    return None if open_groups or not conditions.plain else True


def _all_seen(events: EventSet, texts: Collection[bytes]) -> bool:
    """Tell whether each text would have been a trigger if the record held it."""
    literal = {trigger.pattern for trigger in events.triggers if not trigger.regex}
    return all(text in literal for text in texts)


def _meaning(definition: Definition) -> Settled | None:
    if definition.constant is not None:
        return Settled(definition.constant)
    return Settled(read=Reader(definition).read) if Reader.stands_alone(definition) else None
