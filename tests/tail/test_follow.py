"""One followed file: its place, its row and its growth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from exporter.records.carry import Carry
from exporter.tail import fingerprint
from exporter.tail.files import OpenFile
from exporter.tail.follow import Tail

if TYPE_CHECKING:
    from pathlib import Path

DATA = bytes(range(32, 127)) * 60


def opened(path: Path, **fields: Any) -> Tail:  # noqa: ANN401 - any field
    file = OpenFile(str(path))
    stat = file.stat()
    return Tail(1, "app", str(path), stat.device, stat.inode, file=file, **fields)


def test_row_and_back(tmp_path: Path) -> None:
    """What the checkpoint remembers is the file's place and identity."""
    (tmp_path / "a").write_bytes(DATA)
    tail = opened(tmp_path / "a", fresh=False)
    tail.probe(bytearray(DATA), 3000)
    tail.advance(3000, 2900, Carry(kind="line", level=True))
    back = Tail.from_row(tail.row())
    assert back.row() == tail.row()
    assert (back.position, back.start, back.carry.kind, back.fresh, back.dirty) == (3000, 2900, "line", False, False)
    tail.close()
    tail.close()


@pytest.mark.parametrize(
    ("position", "state", "fresh"), [(0, "active", True), (0, "refused", False), (9, "active", False)]
)
def test_a_file_of_which_nothing_was_read_is_fresh(position: int, state: str, *, fresh: bool) -> None:
    """Only a file that is to be read and was not yet is told apart from others again."""
    tail = Tail(1, "app", "/a", 1, 1, position=position, state=state)  # type: ignore[arg-type]
    assert Tail.from_row(tail.row()).fresh is fresh


@pytest.mark.parametrize("steps", [(100, 150, 700, 5000), (5000,), (300, 310, 320), (10, 4096, 4100)])
def test_fingerprint_does_not_depend_on_the_blocks(tmp_path: Path, steps: tuple[int, ...]) -> None:
    """Head and tail are those of the bytes up to the position, however they were read."""
    (tmp_path / "a").write_bytes(DATA)
    tail = opened(tmp_path / "a")
    for end in steps:
        block = bytearray(DATA[tail.start : end])
        tail.probe(block, len(block))
        tail.advance(len(block), max(0, len(block) - 20), Carry())
    assert tail.position == steps[-1]
    assert tail.head == fingerprint.head(DATA[: min(steps[-1], 4096)])
    assert tail.tail == fingerprint.tail(DATA[max(0, steps[-1] - 256) : steps[-1]])
    tail.close()


def test_unread(tmp_path: Path) -> None:
    """Bytes count as unread only in a file that is to be read, and never below none."""
    assert Tail(1, "app", "/a", 1, 1, position=5, size=9).unread == 4
    assert Tail(1, "app", "/a", 1, 1, position=9, size=5).unread == 0
    assert Tail(1, "app", "/a", 1, 1, size=9, state="copy").unread == 0
    assert Tail(1, "app", "/a", 1, 1, size=9, state="compressed").unread == 0
    assert not (tmp_path / "a").exists()


def test_measure_believes_growth_of_the_same_content_only(tmp_path: Path) -> None:
    """What other content has grown to is nothing that waits here."""
    path = tmp_path / "a"
    path.write_bytes(DATA[:1000])
    tail = opened(path)
    tail.probe(bytearray(DATA[:1000]), 1000)
    tail.advance(1000, 900, Carry())
    tail.size = 1000
    path.write_bytes(DATA[:1200])
    tail.measure(5.0)
    assert (tail.size, tail.since, tail.grown) == (1200, 5.0, 5.0)
    tail.measure(6.0)
    assert (tail.since, tail.grown) == (5.0, 5.0)
    path.write_bytes(b"x" * 2000)
    tail.measure(7.0)
    assert tail.size == 1200
    tail.close()
    tail.measure(8.0)
    assert tail.size == 1200


def test_recognise_takes_the_head_of_what_is_not_read(tmp_path: Path) -> None:
    """An unread file is known by its head, which grows with it; other content in its place does not become its own."""
    path = tmp_path / "a"
    path.write_bytes(DATA[:300])
    tail = Tail(1, "app", str(path), 1, 1, file=OpenFile(str(path)), dirty=False)
    tail.recognise()
    assert (tail.certain, tail.dirty, tail.fresh, tail.position) == (True, True, True, 0)
    path.write_bytes(DATA[:1100])
    tail.recognise()
    assert tail.head == fingerprint.head(DATA[:1100])
    path.write_bytes(b"x" * 2000)
    tail.recognise()
    assert tail.head == fingerprint.head(DATA[:1100])
    assert tail.file is not None
    assert not tail.intact(tail.file.stat())
    tail.close()
    tail.recognise()
    assert tail.head == fingerprint.head(DATA[:1100])


def test_intact_compares_the_head_too(tmp_path: Path) -> None:
    """A file that holds the same bytes before the position behind another beginning is another content."""
    data = b"a" * 1000 + b"end" * 300
    (tmp_path / "a").write_bytes(data)
    tail = Tail(1, "app", str(tmp_path / "a"), 1, 1, file=OpenFile(str(tmp_path / "a")))
    tail.probe(bytearray(data), len(data))
    tail.advance(len(data), len(data), Carry())
    assert tail.file is not None
    assert tail.intact(tail.file.stat())
    (tmp_path / "a").write_bytes(b"b" + data[1:] + b"more")
    assert not tail.intact(tail.file.stat())
    tail.close()
