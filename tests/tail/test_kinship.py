"""Telling files apart by content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.records.carry import Carry
from exporter.tail import kinship
from exporter.tail.files import OpenFile, ReadError
from exporter.tail.follow import Tail
from exporter.tail.neighbours import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

DATA = bytes(range(32, 127)) * 60


def followed(path: Path, data: bytes, *, read: int | None = None, number: int = 1) -> Tail:
    """Return an open file with `data`, of which `read` bytes were read."""
    path.write_bytes(data)
    file = OpenFile(str(path))
    stat = file.stat()
    tail = Tail(number, "app", str(path), stat.device, stat.inode, file=file, size=len(data))
    if read:
        tail.probe(bytearray(data[:read]), read)
        tail.advance(read, read, Carry())
        tail.fresh = False
    return tail


def test_kinds() -> None:
    """UTF-16 and compressed files are told by their first bytes."""
    assert kinship.is_utf16("[2025".encode("utf-16"))
    assert not kinship.is_utf16(b"[2025")
    assert all(map(kinship.is_compressed, (b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")))
    assert not kinship.is_compressed(b"[2025")


def test_intact(tmp_path: Path) -> None:
    """A file is intact while it is open and holds what was read of it; one that cannot be read is not judged."""
    tail = followed(tmp_path / "a", DATA, read=1000)
    assert kinship.intact(tail)
    (tmp_path / "a").write_bytes(b"x" * 2000)
    assert not kinship.intact(tail)
    assert tail.file is not None
    tail.file.close()
    with pytest.raises(Unreadable):
        kinship.intact(tail)
    tail.file = None
    assert not kinship.intact(tail)


@pytest.mark.parametrize(
    ("mine", "theirs", "read", "common"),
    [
        (DATA[:1000], DATA[:3000], 3000, 1000),
        (DATA[:3000], DATA[:1000], 1000, 1000),
        (DATA[:1000] + b"x" * 500, DATA[:3000], 1000, 1000),
        (DATA[:1000] + b"x" * 500, DATA[:3000], 2000, 1000),
        (b"x" + DATA, DATA, 1000, None),
        (DATA[:200], DATA[:3000], 3000, None),
    ],
)
def test_common_length(tmp_path: Path, mine: bytes, theirs: bytes, read: int, common: int | None) -> None:
    """Two files agree up to the shorter one's end, or to where they part; below 256 bytes nothing is proved."""
    copy, original = followed(tmp_path / "a", mine), followed(tmp_path / "b", theirs, read=read)
    assert kinship.common_length(copy, original) == common
    original.close()
    assert kinship.common_length(copy, original) is None


def test_relatives_are_ordered_by_what_was_read(tmp_path: Path) -> None:
    """Files that were read and begin alike are related, the furthest read first; copies and fresh ones are not."""
    one, two, three = (followed(tmp_path / str(n), DATA, read=n, number=n) for n in (300, 3000, 2000))
    three.state = "copy"
    fresh, other = followed(tmp_path / "f", DATA, number=4), followed(tmp_path / "o", b"x" * 900, read=900, number=5)
    tails = [one, two, three, fresh, other]
    assert kinship.relatives(fresh, DATA[:4096], tails) == [two, one]
    assert kinship.relatives(fresh, DATA[:280], tails) == [two, one]


def test_closest_holds_most(tmp_path: Path) -> None:
    """Of files that begin alike the one comes first that holds most, of equal ones the first."""
    fresh = followed(tmp_path / "f", DATA, number=9)
    known = []
    for number, shared in enumerate((300, 5000, 700, 5000, 2000)):
        data = DATA[:shared] + b"y" * (5200 - shared)
        known.append(followed(tmp_path / str(number), data, read=5100, number=number))
    known.append(followed(tmp_path / "5", DATA[:4500], read=4400, number=5))
    assert [one.id for one in kinship.closest(fresh, DATA[:4096], known)] == [1, 3, 5, 4, 2, 0]
    assert list(kinship.closest(fresh, DATA[:4096], known[:1])) == known[:1]
    overwritten = known[1]  # what was read of it is no more there, nor in the fresh one
    (tmp_path / "1").write_bytes(DATA)
    assert list(kinship.closest(fresh, DATA[:4096], known))[-1] is overwritten


def test_closest_may_be_what_cannot_be_read(tmp_path: Path) -> None:
    """A file that cannot be read comes first, unless it is known to part before another one does."""
    fresh = followed(tmp_path / "f", DATA, number=9)
    far, near = (
        followed(tmp_path / str(shared), DATA[:shared] + b"y" * 5000, read=5000, number=shared)
        for shared in (3000, 700)
    )
    for unreadable, order in ((far, [3000, 700]), (near, [3000, 700])):
        assert unreadable.file is not None
        unreadable.file.close()
        assert [one.id for one in kinship.closest(fresh, DATA[:4096], [near, far])] == order
        unreadable.file = OpenFile(str(tmp_path / str(unreadable.id)))


def test_same_beginning(tmp_path: Path) -> None:
    """A small file may become a copy of one of its log that begins with its bytes, open or not."""
    small, known = followed(tmp_path / "a", DATA[:100]), followed(tmp_path / "b", DATA, read=900, number=2)
    assert kinship.same_beginning(small, DATA[:100], [small, known])
    assert not kinship.same_beginning(small, b"x" * 100, [small, known])
    assert known.file is not None
    known.file.close()
    assert kinship.same_beginning(small, DATA[:100], [small, known])  # by the hashes, as it cannot be read
    known.file = None
    assert kinship.same_beginning(small, DATA[:100], [small, known])
    assert not kinship.same_beginning(small, b"x" * 100, [small, known])
    known.log = "other"
    assert not kinship.same_beginning(small, DATA[:100], [small, known])


def test_reopen(tmp_path: Path) -> None:
    """A closed file is opened again only if it is where and what it was."""
    tail = followed(tmp_path / "a", DATA, read=900)
    tail.close()
    kinship.reopen(tail)
    assert tail.file is not None
    tail.close()
    (tmp_path / "a").write_bytes(b"x" * 900)
    kinship.reopen(tail)
    (tmp_path / "a").unlink()
    kinship.reopen(tail)
    assert tail.file is None


def test_find_heir(tmp_path: Path) -> None:
    """A known file that is not read yet takes over what it holds; below 256 bytes none does."""
    lost = followed(tmp_path / "a", DATA, read=900)
    fresh, other = followed(tmp_path / "b", DATA, number=2), followed(tmp_path / "c", DATA, read=900, number=3)
    assert kinship.find_heir(lost, [lost, other, fresh]) is fresh
    assert kinship.find_heir(lost, [lost, other]) is None
    assert other.file is not None
    assert fresh.file is not None
    fresh.file.close()
    with pytest.raises(Unreadable):
        kinship.find_heir(lost, [fresh, other])
    small = followed(tmp_path / "d", DATA, read=200, number=4)
    assert kinship.find_heir(small, [fresh]) is None


def test_holds_raises_for_a_descriptor_that_fails(tmp_path: Path) -> None:
    """What cannot be compared is an error, not an answer."""
    tail = followed(tmp_path / "a", DATA, read=900)
    assert tail.file is not None
    tail.file.close()
    with pytest.raises(ReadError):
        kinship.holds(tail, tail)
