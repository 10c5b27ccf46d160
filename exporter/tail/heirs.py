"""Which of several files goes on with content that is gone from its place. I/O through `tail.files` only.

The rule is that of ARCHITECTURE.md, "Identity": the file itself, wherever it was moved, else the one
that holds most of what follows our position. What others hold beyond it is found when they are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.tail import kinship
from exporter.tail.files import ReadError
from exporter.tail.follow import UNREAD
from exporter.tail.neighbours import Unreadable

if TYPE_CHECKING:
    from exporter.tail.files import FileStat, OpenFile
    from exporter.tail.follow import Tail
    from exporter.tail.followed import Followed
    from exporter.tail.neighbours import Found, Neighbours


class Heirs:
    """Seeks heirs among the followed files and beside them."""

    def __init__(self, followed: Followed, neighbours: Neighbours) -> None:
        """Take the followed files, and what lies beside them."""
        self._followed = followed
        self._neighbours = neighbours

    def find(self, lost: Tail, now: float) -> Tail | None:
        """Return the heir of `lost`, followed from now on; what was known to stand beyond its end is a loss.

        Raises Unreadable where the file itself cannot be read, or no heir is found and something
        cannot be read that may be one. Raises ReadError.
        """
        found, failure = self._beside(lost, now)
        try:
            known = self._known(lost, found)
        except Unreadable as error:
            known, failure = None, failure or error
        if known is not None:
            if found is not None:
                found[1].close()
            heir = self._take(known, now)
        elif found is not None:
            heir = self._follow(found, lost, now)
        elif failure is not None:
            raise failure
        else:
            return None
        self._note_shortfall(lost, heir)
        return heir

    def _beside(self, lost: Tail, now: float) -> tuple[Found | None, Unreadable | None]:
        def counted(stat: FileStat, file: OpenFile) -> bool:
            """Tell whether it is followed in its own right, though not open; its content decides, not its inode."""
            key = (stat.device, stat.inode)
            return kinship.goes_on_with_another(file, key, lost, self._followed.tails) or any(
                other is not lost
                and other.key == key
                and _in_its_own_right(other, lost, file)
                and file.holds(other.head, other.tail, other.position)
                for other in self._followed.tails
            )

        try:
            return self._neighbours.copy_of(lost, self._followed.held(), now, but=counted), None
        except Unreadable as error:
            if error.there:
                raise
            return None, error

    def _known(self, lost: Tail, found: Found | None) -> Tail | None:
        """Return the followed file that goes on with `lost` rather than what was found beside, if there is one."""
        if found is None:
            return kinship.find_heir(lost, self._followed.tails)
        if (found[0].device, found[0].inode) == lost.key:
            return None
        try:
            known = kinship.find_heir(lost, self._followed.tails)
            return None if known is None or kinship.extent(known) < found[1].extent() else known
        except (ReadError, Unreadable):
            return None  # what was found is one, whatever that would have been

    def _take(self, known: Tail, now: float) -> Tail:
        if known.file is not None:
            known.grow(known.file.stat(), now)
        return known

    def _follow(self, found: Found, lost: Tail, now: float) -> Tail:
        """Follow what was found beside; other content that was known by its inode is sought by what it was."""
        for other in list(self._followed.tails):
            if other is not lost and other.key == (found[0].device, found[0].inode):
                if other.certain and not found[1].holds(other.head, other.tail, other.position):
                    other.vacate()
                else:
                    self._followed.drop(other)
        heir = self._followed.add(lost.log, *found, lost.grown)
        heir.state = "rotated"
        heir.seen, heir.size = lost.seen, lost.size
        heir.grow(found[0], now)  # else what lay idle for long would be let go before its rest is read
        return heir

    def _note_shortfall(self, lost: Tail, heir: Tail) -> None:
        """Count what was known to stand in a lost file beyond the end of its copy."""
        missing = lost.size - heir.size
        if missing > 0 and heir.file is not None and not heir.file.inflated:
            self._followed.loss(lost, "truncated", missing)


def _in_its_own_right(other: Tail, lost: Tail, file: OpenFile) -> bool:
    """Tell whether what a file holds beyond `lost` counts in it already, where it still is what `other` says."""
    if other.fresh or other.state == "copy":
        return False
    return other.state not in UNREAD or (other.position > 0 and file.extent() > lost.size)
