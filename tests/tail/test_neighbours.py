"""Files beside a log: found by content, and told apart from what cannot be read at present."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from exporter.tail.neighbours import Neighbours, Unreadable, generation
from exporter.tail.trouble import Troubles
from tests.tail.test_kinship import DATA, followed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.tail.files import FileStat, OpenFile
    from exporter.tail.follow import Tail


class Place:
    """A folder in which `a` was read up to byte 900 and is held no more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lost: Tail = followed(folder / "a", DATA, read=900)
        self.lost.close()
        self.counted: list[tuple[str, ...]] = []
        troubles = Troubles(lambda _, labels, __: self.counted.append(labels), lambda *_: None)
        self.neighbours = Neighbours({"app": (f"{folder}/x/*",)}, troubles)
        (folder / "x").mkdir()

    def found(self, *, held: bool = True, now: float = 0.0) -> str | None:
        """Return the name of the file that is found, which is closed again."""
        found = self.neighbours.copy_of(self.lost, frozenset({self.lost.key} if held else ()), now)
        if found is None:
            return None
        found[1].close()
        return os.path.relpath(found[0].path, self.folder)

    def written(self, since: float, *, now: float = 0.0) -> Iterator[str]:
        """Yield the names of the files written since a time."""
        found = self.neighbours.written_since("app", self.lost.path, since, lambda *_: True, now, but=lambda _: False)
        for stat, file in found:
            file.close()
            yield os.path.relpath(stat.path, self.folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a folder."""
    return Place(tmp_path)


def test_copy_of(place: Place) -> None:
    """The file itself is found by its inode, a copy by its content, in any place that is named."""
    (place.folder / "b").write_bytes(b"other" * 900)
    (place.folder / "x" / "c").write_bytes(DATA)
    assert place.found(held=False) == "a"
    assert place.found() == "x/c"


def test_small_content(place: Place) -> None:
    """Below 256 bytes only the inode identifies."""
    (place.folder / "a.1").write_bytes(DATA)
    place.lost = followed(place.folder / "a", DATA, read=200)
    place.lost.close()
    assert (place.found(), place.found(held=False)) == (None, "a")


def test_damaged_candidate_is_none(place: Place) -> None:
    """A compressed file that is damaged is no candidate, and nothing to wait for."""
    (place.folder / "a.gz").write_bytes(b"\x1f\x8b\x08" + b"x" * 100)
    assert (place.found(), place.counted) == (None, [])


@pytest.mark.parametrize("name", ["a.1", "x"])
def test_what_cannot_be_read_is_not_absent(place: Place, name: str) -> None:
    """A candidate, or a folder of them, that cannot be read is told, tried at rising intervals, and found at last."""
    path = place.folder / name
    if name == "x":
        path.rmdir()
    path.symlink_to(name)
    for now in (0.0, 0.5, 1.5, 2.5):
        with pytest.raises(Unreadable) as raised:
            place.found(now=now)
        assert not raised.value.there
    assert place.counted == [("app", "other")] * 2
    path.unlink()
    (place.folder / "a.2").write_bytes(DATA)
    assert place.found(now=3.0) == "a.2"


def test_file_of_another_program(place: Place) -> None:
    """A file that has nothing to do with the log by its name may be unreadable for ever."""
    (place.folder / "other").symlink_to("other")
    assert (place.found(), place.counted) == (None, [])


def test_written_since(place: Place) -> None:
    """Files named like generations and written since a time are opened, whatever of them cannot be read."""
    for name, time in (("a.1", 50), ("a.2", 150), ("b", 150)):
        (place.folder / name).write_bytes(DATA)
        os.utime(place.folder / name, (time, time))
    os.utime(place.folder / "a", (0, 0))
    assert list(place.written(100.0)) == ["a.2"]
    search = place.neighbours.written_since
    assert not list(search("app", place.lost.path, 100.0, lambda *_: True, 0.0, but=lambda path: path.endswith("2")))
    (place.folder / "a.3").symlink_to("a.3")
    names = place.written(100.0)
    assert next(names) == "a.2"
    with pytest.raises(Unreadable):
        next(names)


@pytest.mark.parametrize("times", [1, 1000])
def test_copy_renamed_during_the_search(place: Place, times: int) -> None:
    """A copy that moves up by one after it was listed is sought anew; if again and again, it is not told to be lost."""
    (place.folder / "a").unlink()
    here, there, moves = place.folder / "a.1", place.folder / "a.2", times
    here.write_bytes(DATA)

    class Held(frozenset[tuple[int, int]]):
        """No file is held; each question whether one is gives the copy another name."""

        def __contains__(self, _: object) -> bool:
            nonlocal here, there, moves
            if moves:
                moves -= 1
                here.rename(there)
                here, there = there, here
            return False

    with pytest.raises(Unreadable) if times > 1 else nullcontext():
        found = place.neighbours.copy_of(place.lost, Held(), 0.0)
        assert found is not None
        found[1].close()
        assert found[0].path == str(here)


@pytest.mark.parametrize("times", [1, 1000])
def test_renamed_during_the_search(place: Place, times: int) -> None:
    """A generation that moves up by one while another is looked at is sought anew; if again and again, that is told."""
    names = ["a.1", "a.2", "a.3"]
    for name in names:
        (place.folder / name).write_bytes(name.encode())
        os.utime(place.folder / name, (150, 150))
    os.utime(place.folder / "a", (0, 0))
    third, moves, found = [place.folder / "a.3", place.folder / "a.4"], times, list[str]()

    def wanted(_: FileStat, file: OpenFile) -> bool:
        nonlocal moves
        name = file.read(3, 0).decode()
        if name == "a.1" and moves:
            moves -= 1
            third[0].rename(third[1])
            third.reverse()
        return name not in found

    search = place.neighbours.written_since("app", place.lost.path, 100.0, wanted, 0.0, but=lambda _: False)
    with pytest.raises(Unreadable) if times > 1 else nullcontext():
        for _, file in search:
            found.append(file.read(3, 0).decode())
            file.close()
    assert found == names[: 2 if times > 1 else 3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.log.1", True),
        ("app.log-20251006.gz", True),
        ("app.12.log", True),
        ("app.2.log.gz", True),
        ("app-2025-10-06.log", False),
        ("app.20251006.log", False),
        ("app.queue.log", False),
        ("app.1.txt", False),
        ("app.1", False),
    ],
)
def test_generation(name: str, *, expected: bool) -> None:
    """A generation has a number or more behind the log's name, or a number before its ending."""
    assert generation(f"/old/{name}", "/logs/app.log") is expected
    assert not generation(f"/old/{name}", "/logs/other")


@pytest.mark.parametrize(
    ("left", "now", "found"),
    [
        ("laravel.log", "laravel.log", True),
        ("laravel.log", "laravel.log.1", True),
        ("laravel.log.1", "laravel.log.2", True),
        ("laravel.log.2", "laravel.log.3.gz", True),
        ("laravel.log.1", "laravel.log-20251006", True),
        ("laravel.1.log", "laravel.12.log", True),
        ("laravel.log", "x/laravel.log.1", True),
        ("laravel.log", "notes.txt", False),
        ("laravel.log.1", "calcom.log.1", False),
    ],
)
def test_itself(place: Place, left: str, now: str, *, found: bool) -> None:
    """A file is found by its inode, whatever it holds, where it was left or by the name of a generation."""
    file = followed(place.folder / left, DATA, read=900)
    (place.folder / left).write_bytes(b"other")
    (place.folder / left).rename(place.folder / now)
    stat = place.neighbours.itself(file, 0.0)
    assert (stat is not None and stat.path.endswith(now)) is found
