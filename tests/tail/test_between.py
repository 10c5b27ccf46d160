"""What came to a place and went between two looks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from exporter.tail.between import Between
from exporter.tail.files import OpenFile, look
from exporter.tail.followed import Followed
from exporter.tail.gap import Gap, dump
from exporter.tail.neighbours import PATIENCE, Neighbours
from exporter.tail.trouble import Troubles
from tests.support.stepper import records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.tail.follow import Tail

LOOKED = 1_760_000_000.0
GLOBS = {"app": ("/*/app*.log",)}


class Place:
    """A log `app.log` that was read and looked at last at LOOKED, and what is followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counted: list[str] = []
        rotated: dict[str, tuple[str, ...]] = {"app": ()}
        self.followed = Followed((), rotated, lambda name, labels, _: self.counted.append(f"{name} {labels[1]}"))
        troubles = Troubles(lambda *_: None, lambda *_: None)
        self.between = Between(self.followed, Neighbours(rotated, troubles, {"app": (f"{folder}/app.log",)}))
        self.log = self.follow("app.log", records(0, 10))

    def write(self, name: str, data: bytes, seconds: float) -> str:
        path = self.folder / name
        path.write_bytes(data)
        os.utime(path, (LOOKED + seconds, LOOKED + seconds))
        return str(path)

    def follow(self, name: str, data: bytes) -> Tail:
        path = self.write(name, data, 0)
        stat = look(path)
        assert stat is not None
        return self.followed.add("app", stat, OpenFile(path), LOOKED)

    def names(self) -> list[str]:
        return [os.path.basename(tail.path) for tail in self.followed.tails]  # noqa: PTH119  (a string)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for tail in made.followed.tails:
        tail.close()


def test_generation_written_since(place: Place) -> None:
    """A file named like a generation and written since the last look is followed, an older one is not."""
    place.write("app.log.1", records(20, 30), 1)
    place.write("app.log.2", records(30, 40), -1)
    place.write("other.log", records(40, 50), 1)
    assert place.between.find(Gap(place.log, place.log.path, LOOKED, LOOKED + 2))
    assert place.names() == ["app.log", "app.log.1"]
    assert not place.between.find(Gap(place.log, place.log.path, LOOKED, LOOKED + 2))
    assert not place.between.retry(LOOKED + 3)


def test_unread_file_that_cannot_be_read(place: Place) -> None:
    """A followed file that is not read yet and cannot be read hinders no search."""
    broken = place.follow("app-2.log", records(50, 60))
    assert broken.file is not None
    broken.file.close()
    place.write("app.log.1", records(20, 30), 1)
    assert place.between.find(Gap(place.log, place.log.path, LOOKED, LOOKED + 2))
    assert place.names() == ["app.log", "app-2.log", "app.log.1"]
    broken.file = None


@pytest.mark.parametrize("configured", [True, False])
def test_what_cannot_be_read(place: Place, *, configured: bool) -> None:
    """It is tried for a minute before a loss is told, and sought no more once its log is configured no more."""
    loop = place.folder / "app.log.1"
    loop.symlink_to(loop)
    assert not place.between.find(Gap(place.log, place.log.path, LOOKED, LOOKED + 2))
    assert not place.between.retry(LOOKED + 30)
    assert place.counted == []
    if not configured:
        place.between.follow(())
    place.between.retry(LOOKED + 100)
    assert place.counted[::2] == (["booking_exporter_possible_losses_total deleted"] if configured else [])


@pytest.mark.parametrize(("name", "told"), [("app.log.1", True), ("app-2.log", False), ("app.log", False)])
def test_rotated_behind_what_was_deleted(place: Place, name: str, *, told: bool) -> None:
    """Where a file is deleted and another is a generation after it, one between them may be lost; else none was."""
    place.between = Between(place.followed, Neighbours({"app": ()}, Troubles(lambda *_: None, lambda *_: None), GLOBS))
    place.log.recognise()
    (place.folder / "app.log").unlink()
    place.write(name, records(20, 30), 1)
    assert place.between.find(Gap(place.log, place.log.path, LOOKED, LOOKED + 2, deleted=True))
    assert ("booking_exporter_possible_losses_total deleted" in place.counted) is told


@pytest.mark.parametrize(("age", "sought"), [(100.0, True), (2 * PATIENCE + 100.0, False)])
def test_gap_that_an_older_version_did_not_look_after(place: Place, age: float, *, sought: bool) -> None:
    """A gap that outlasted all patience before the last look is a possible loss, told once, and is not sought."""
    gap = Gap(place.log, place.log.path, LOOKED - 10 * age, LOOKED - age)
    place.write("app.log.1", records(20, 30), -5 * age)
    neighbours = Neighbours({"app": ()}, Troubles(lambda *_: None, lambda *_: None), GLOBS)
    place.between = Between(place.followed, neighbours, dump([gap]))
    assert place.between.retry(LOOKED + 5) is sought
    assert ("booking_exporter_possible_losses_total deleted" in place.counted) is not sought
    assert place.between.gaps == ""
    place.counted.clear()
    place.between.retry(LOOKED + 10)
    assert place.counted == []
