"""The files that are followed, and what is counted of their fates. No I/O but closing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.catalogue import OWN
from exporter.tail import fingerprint
from exporter.tail.follow import LEFT, UNREAD, Tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.tail.files import FileStat, OpenFile
    from exporter.tail.trouble import Report


class Followed:
    """All known files, those of logs that are not configured at present among them.

    Positions belong to files, not to logs: a file whose log was renamed in the configuration goes
    on where it was. `rotated` are the configured logs with their globs for rotated copies, `gone`
    the ids whose rows the next commit must delete, `left` the times at which files were last seen at
    paths from which they were moved to others that a glob names.
    """

    def __init__(self, tails: Iterable[Tail], rotated: Mapping[str, tuple[str, ...]], report: Report) -> None:
        """Take the files that the checkpoint remembers."""
        self.tails = list(tails)
        self.gone: list[int] = []
        self.left: dict[str, float] = {}
        self.rotated = rotated
        self._report = report
        self._next = 1 + max((tail.id for tail in self.tails), default=0)

    def add(self, log: str, stat: FileStat, file: OpenFile | None, now: float) -> Tail:
        """Follow one more file, from its beginning."""
        tail = Tail(self._next, log, stat.path, stat.device, stat.inode, file=file, grown=now, begun=now, seen=now)
        self._next += 1
        self.tails.append(tail)
        return tail

    def remember(self, lost: Tail, now: float) -> None:
        """Keep what identifies content that is found to be gone, read up to where it was: copies of it may be left.

        No file has the device and inode 0. Content that cannot be told from other is not kept.
        """
        if lost.position >= fingerprint.CERTAIN:
            kept = Tail(self._next, lost.log, lost.path, 0, 0, state="missing", grown=lost.grown, seen=now)
            self._next += 1
            kept.continue_from(lost)
            kept.size = lost.position
            self.tails.append(kept)

    def drop(self, tail: Tail) -> None:
        """Follow it no more."""
        tail.close()
        self.tails.remove(tail)
        self.gone.append(tail.id)

    def take_up(self, key: tuple[int, int]) -> None:
        """Forget that the file with this device and inode was put aside unread: it is to be followed after all."""
        for tail in [one for one in self.tails if one.key == key and one.state in UNREAD and not one.position]:
            self.drop(tail)

    def by_key(self, key: tuple[int, int]) -> Tail | None:
        """Return the file with this device and inode."""
        return next((tail for tail in self.tails if tail.key == key), None)

    def vacant_since(self, tail: Tail, looked: float) -> float:
        """Return when the file that was rotated from the path of `tail` was last seen there.

        Without one that is `looked`, when the path was looked at last, and nothing was there; also where it is only
        known when that file was missed.
        """
        seen = [other.seen for other in self.tails if other.state in LEFT and other.stems_from(tail)]
        seen.append(self.left.pop(tail.path, looked))
        return max((one for one in seen if one < looked), default=looked)

    def forget_left(self, before: float) -> None:
        """Forget the places that were left before the last look but one: they were seen to be vacant since."""
        self.left = {path: seen for path, seen in self.left.items() if seen >= before}

    def held(self) -> frozenset[tuple[int, int]]:
        """Return the devices and inodes of the files that are open here."""
        return frozenset(tail.key for tail in self.tails if tail.file is not None)

    def lost_with(self, tail: Tail) -> int:
        """Return how many unread bytes are lost for certain with a file: none if it may have been a copy of another."""
        if tail.unopened:
            return 0
        alike = (other.head.startswith(tail.head) or tail.head.startswith(other.head) for other in self._others(tail))
        return 0 if tail.fresh and any(alike) else tail.unread

    def _others(self, tail: Tail) -> Iterable[Tail]:
        return (other for other in self.tails if other is not tail and other.head)

    def rotation(self, tail: Tail, kind: str) -> None:
        """Count a rotation."""
        if tail.log in self.rotated:
            self._report(OWN + "rotations_total", (tail.log, kind), 1)

    def loss(self, tail: Tail, cause: str, size: int) -> None:
        """Count an occasion at which at least `size` bytes were lost."""
        if tail.log in self.rotated:
            self._report(OWN + "possible_losses_total", (tail.log, cause), 1)
            self._report(OWN + "possible_loss_bytes_total", (tail.log, cause), size)
