"""Reading the log inside a gzip file."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

import pytest

from exporter.tail.files import ReadError, Vanished
from exporter.tail.inflate import KEPT, InflatedFile, open_content

if TYPE_CHECKING:
    from pathlib import Path


def lines(size: int) -> bytes:
    source = random.Random(1)
    data = bytearray()
    while len(data) < size:
        data += b"%d %s\n" % (source.randrange(10**9), b"x" * source.randrange(200))
    return bytes(data[:size])


def test_only_gzip_is_inflated(tmp_path: Path) -> None:
    """A plain file is opened as it is, a gzip file as its content, and what is gone is said to be gone."""
    (tmp_path / "a").write_bytes(b"plain")
    (tmp_path / "b").write_bytes(gzip.compress(b"packed"))
    for name, data in (("a", b"plain"), ("b", b"packed")):
        file = open_content(str(tmp_path / name))
        assert (file.read(10, 0), file.stat().size, file.inflated) == (data, len(data), name == "b")
        file.close()
    with pytest.raises(Vanished):
        open_content(str(tmp_path / "c"))


def test_reading_on_and_back(tmp_path: Path) -> None:
    """Any part is read as from the plain file, forward and backward, over members and padding."""
    data = lines(3 * KEPT)
    half = len(data) // 2
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(data[:half], 1) + gzip.compress(data[half:], 1) + bytes(100))
    file = InflatedFile(str(path))
    assert file.stat().size > 0
    for offset in (0, 100, half - 10, len(data) - 1000, 5000, len(data) - 20):
        buffer = bytearray(1000)
        length = file.read_into(memoryview(buffer), offset)
        assert bytes(buffer[:length]) == data[offset : offset + 1000]
    assert file.stat().size == len(data)
    assert file.complete
    assert file.head() == data[:4096]
    assert file.read(10, len(data) + KEPT) == b""
    file.close()


def test_size_is_ahead_of_what_was_read(tmp_path: Path) -> None:
    """As long as there is more, the size is beyond what was read, and little is kept in memory."""
    data = bytes(20 << 20)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(data))
    file = InflatedFile(str(path))
    position = 0
    while file.stat().size > position:
        assert file.stat().size - position <= 1 << 19
        position += len(file.read(1 << 16, position))
        assert len(file._window) <= KEPT
    assert position == len(data)
    file.close()


def test_long_work_is_told(tmp_path: Path) -> None:
    """Whoever watches hears of it again and again while content is restored, be it read or only sought."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(20 << 20)))
    told: list[int] = []
    file = open_content(str(path), lambda: told.append(1))
    assert file.extent() == 20 << 20
    assert 40 <= len(told) <= 200
    file.close()


def test_damaged_data(tmp_path: Path) -> None:
    """Damaged data is a ReadError, data that ends early is all there is yet."""
    packed = bytearray(gzip.compress(lines(100_000)))
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    file = InflatedFile(str(tmp_path / "a.gz"))
    known = file.stat().size
    assert 0 < known < 100_000
    assert file.read(10, 99_000) == b""
    assert not file.complete
    file.close()
    packed[len(packed) // 2 : len(packed) // 2 + 50] = bytes(50)
    (tmp_path / "a.gz").write_bytes(packed)
    file = InflatedFile(str(tmp_path / "a.gz"))
    with pytest.raises(ReadError):
        file.read(10, 99_990)
    file.close()


def test_a_bomb_is_looked_at_only_so_far(tmp_path: Path) -> None:
    """Of a file that holds a thousand times its size no more is inflated to compare sizes than the bound ahead."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20), 9))
    assert path.stat().st_size < 100_000
    file = InflatedFile(str(path), ahead=4 << 20)
    assert 4 << 20 <= file.extent() < 6 << 20
    file.read(10, 20 << 20)
    assert 24 << 20 <= file.extent() < 26 << 20
    assert not file.complete
    file.close()
