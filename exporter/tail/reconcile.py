"""Which sighted file is which known one: the pure part of following rotation.

A sighting whose device and inode are known pairs with that file (its content is compared when it
is opened). What remains on either side is told apart by content: see `tail.continuity`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.tail.files import FileStat
    from exporter.tail.follow import Tail


@dataclass(slots=True)
class Pairing:
    """The sightings paired with known files, those of unknown files, and the known files not sighted."""

    known: list[tuple[str, FileStat, Tail]] = field(default_factory=list)
    unknown: list[tuple[str, FileStat]] = field(default_factory=list)
    unsighted: list[Tail] = field(default_factory=list)


def pair(sightings: Iterable[tuple[str, FileStat]], tails: Iterable[Tail]) -> Pairing:
    """Pair sightings with known files: by device and inode, else by path and inode.

    The latter holds for files that are not open: over a reboot devices may be numbered anew.
    """
    tails = list(tails)
    by_key = {tail.key: tail for tail in sorted(tails, key=lambda tail: tail.file is not None)}  # those open last
    result = Pairing()
    strangers = []
    for log, stat in sightings:
        tail = by_key.pop((stat.device, stat.inode), None)
        if tail is None:
            strangers.append((log, stat))
        else:
            result.known.append((log, stat, tail))
    paired = {id(tail) for _, _, tail in result.known}
    left = [tail for tail in tails if id(tail) not in paired]
    by_place = {(tail.path, tail.inode): tail for tail in left if tail.file is None}
    for log, stat in strangers:
        tail = by_place.pop((stat.path, stat.inode), None)
        if tail is None:
            result.unknown.append((log, stat))
        else:
            result.known.append((log, stat, tail))
            left.remove(tail)
    result.unsighted = left
    return result


def rotation_kind(tail: Tail, links: int, taken: frozenset[str]) -> str:
    """Name what happened to a file that is no longer at its path; `taken` are the paths now in use by others."""
    if links:
        return "renamed"
    return "replaced" if tail.path in taken else "deleted"
