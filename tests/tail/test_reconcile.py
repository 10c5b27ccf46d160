"""Pairing sightings with known files."""

from __future__ import annotations

import pytest

from exporter.tail.files import FileStat, OpenFile
from exporter.tail.follow import Tail
from exporter.tail.reconcile import pair, rotation_kind


def seen(path: str, device: int, inode: int) -> tuple[str, FileStat]:
    return "app", FileStat(path, device, inode, 10, 1.0, 1)


def test_pairs_by_device_and_inode_then_by_path_and_inode() -> None:
    """Device and inode decide; for closed files path and inode do where devices were numbered anew."""
    same, renumbered, gone = (Tail(number, "app", f"/{number}", 1, number) for number in (1, 2, 3))
    result = pair(
        [seen("/moved", 1, 1), seen("/2", 9, 2), seen("/3", 9, 4), seen("/x", 9, 3)], [same, renumbered, gone]
    )
    assert [(stat.path, tail.id) for _, stat, tail in result.known] == [("/moved", 1), ("/2", 2)]
    assert [stat.path for _, stat in result.unknown] == ["/3", "/x"]
    assert result.unsighted == [gone]


def test_two_files_known_by_one_inode() -> None:
    """The one that is open is it; the other one is sought, and so are all that have lost their inodes."""
    held, before = Tail(1, "app", "/1", 1, 1, file=OpenFile(__file__)), Tail(2, "app", "/2", 1, 1)
    lost = [Tail(number, "app", "/3", 0, 0) for number in (3, 4)]
    for tails in ([held, before, *lost], [before, held, *lost]):
        result = pair([seen("/moved", 1, 1)], tails)
        assert [tail for _, _, tail in result.known] == [held]
        assert result.unsighted == [before, *lost]
    held.close()


@pytest.mark.parametrize(
    ("links", "taken", "kind"),
    [(1, frozenset({"/1"}), "renamed"), (0, frozenset({"/1"}), "replaced"), (0, frozenset(), "deleted")],
)
def test_rotation_kinds(links: int, taken: frozenset[str], kind: str) -> None:
    """A file with a name was renamed; without one it was replaced if its path is in use, else deleted."""
    assert rotation_kind(Tail(1, "app", "/1", 1, 1), links, taken) == kind
