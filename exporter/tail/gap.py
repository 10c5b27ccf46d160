"""Times in which content may have come to a place and gone unseen, while something there cannot be read. Pure.

They are part of the checkpoint, so that a restart forgets none of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.tail.follow import Tail

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Gap:
    """A time since which content may have come to a path and gone, when it was noticed, and whether a loss was told.

    `deleted` tells that the file itself, which was there at that time, has no name any more.
    """

    tail: Tail
    path: str
    since: float
    begun: float
    told: bool = False
    deleted: bool = False


def dump(gaps: Iterable[Gap]) -> str:
    """Return the gaps as the checkpoint remembers them; "" where there are none."""
    rows = [[gap.tail.id, gap.tail.log, gap.path, gap.since, gap.begun, gap.told, gap.deleted] for gap in gaps]
    return json.dumps(rows) if rows else ""


def load(text: str, tails: Iterable[Tail]) -> dict[str, Gap]:
    """Return the gaps of `dump` by their paths; `tails` are the known files. Raises ValueError where it is damaged."""
    known = {tail.id: tail for tail in tails}
    gaps = {}
    try:
        for id_, log, path, since, begun, told, deleted in json.loads(text or "[]"):
            tail = known.get(id_) or Tail(id_, str(log), str(path), 0, 0, state="missing")  # no file has these numbers
            gaps[str(path)] = Gap(tail, str(path), float(since), float(begun), bool(told), bool(deleted))
    except TypeError as error:
        raise ValueError(str(error)) from None
    return gaps
