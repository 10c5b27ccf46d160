"""What a commit writes of entries that come at the end of one order and go at its front: a page of those that are new.

Each has a number, one higher than that of the one before. The state keeps pages, and the number of the
oldest entry that is held: what came and went since the last commit is never written, and a log full of new
entries costs a few pages of the state, not a row for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.model import Page

if TYPE_CHECKING:
    from collections.abc import Iterable


class Pages:
    """The entries that are not in the state yet. `front` is the number of the oldest that is held; it may only rise."""

    def __init__(self, front: int | None, held: Iterable[bytes]) -> None:
        """Take the entries that the state holds, which have the numbers from `front` on; None writes all anew."""
        entries = list(held)
        self._anew = front is None
        self.front = self._written_front = front or 0
        self._fresh = entries if self._anew else []
        self._fresh_from = self.front if self._anew else self.front + len(entries)
        self._handed = (0, self.front)

    def append(self, entry: bytes) -> None:
        """Add an entry."""
        self._fresh.append(entry)

    def changes(self) -> Page | None:
        """Return what changed since the last `committed`, None for nothing."""
        gone = min(max(0, self.front - self._fresh_from), len(self._fresh))
        del self._fresh[:gone]
        self._fresh_from += gone
        self._handed = (len(self._fresh), self.front)
        entries = b"".join(self._fresh)
        if not entries and self.front == self._written_front and not self._anew:
            return None
        return Page(self._fresh_from, entries, self.front, self._anew)

    def committed(self) -> None:
        """Note that what the last `changes` returned is in the state."""
        written, self._written_front = self._handed
        del self._fresh[:written]
        self._fresh_from += written
        self._anew = False
        self._handed = (0, self._written_front)
