"""What lay beside a log when it was met for the first time: history, of which only what it grows by is read.

Else a rotated file that a worker still writes to would be taken at the next rotation for content that
came since, and be counted from its beginning. I/O through `tail.files` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.tail import kinship
from exporter.tail.continuity import GRAIN
from exporter.tail.discover import beside
from exporter.tail.files import ReadError
from exporter.tail.neighbours import generation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.tail.continuity import Continuity, Opening
    from exporter.tail.files import FileStat
    from exporter.tail.follow import Tail
    from exporter.tail.followed import Followed


class FirstMeetings:
    """Files of logs that were not known before, until what lies beside them was passed over."""

    def __init__(self, followed: Followed, content: Continuity, opening: Opening) -> None:
        """Take the followed files, what decides on their content, and the way to open what was found."""
        self._followed = followed
        self._content = content
        self._open = opening
        self._met: set[int] = set()
        self._listed: dict[tuple[str, str], list[FileStat]] = {}  # a thousand files of one folder would each list it

    def add(self, tails: Iterable[Tail]) -> None:
        """Note files of logs that are met for the first time."""
        self._met |= {tail.id for tail in tails}

    def ready(self) -> list[Tail]:
        """Return those that are open by now: what cannot be opened may hold the same as what lies beside it."""
        self._listed.clear()
        return [one for one in self._followed.tails if one.id in self._met and one.file is not None]

    def pass_over(self, met: Tail, now: float) -> None:
        """Note the rotated files beside a file that is ready, at their present ends. Raises ReadError."""
        self._met.discard(met.id)
        place = (met.log, met.path.rpartition("/")[0])
        if place not in self._listed:
            self._listed[place] = beside(met.path, self._followed.rotated[met.log]).files
        for stat in self._listed[place]:
            if self._is_history(met, stat, now):
                self._follow_from_its_end(met, stat, now)

    def _is_history(self, met: Tail, stat: FileStat, now: float) -> bool:
        """Tell whether a file is a generation of a log and was there when that was met, however late it is opened."""
        if not generation(stat.path, met.path):  # asked first: so it is for most of what lies beside hundreds
            return False
        lately = met.begun < now and stat.modified >= met.begun - GRAIN
        return not lately and self._followed.by_key((stat.device, stat.inode)) is None

    def _follow_from_its_end(self, met: Tail, stat: FileStat, now: float) -> None:
        file = self._open(met.log, stat, now)
        if file is None:
            return
        try:
            known = file.inflated or kinship.begins_like(file, self._followed.tails)
        except ReadError:
            file.close()
            raise
        if known:
            file.close()
            return
        found = self._followed.add(met.log, stat, file, now)
        found.state = "rotated"
        self._content.begin_at_end(found, stat.size)
        found.grown = stat.modified
