"""Opening and reading log files."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from exporter.tail.files import OpenFile, ReadError, Vanished, cause_of, look

if TYPE_CHECKING:
    from pathlib import Path


def test_look_follows_symbolic_links(tmp_path: Path) -> None:
    """What a link leads to is what is there; where nothing is, there is nothing."""
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").symlink_to("a")
    first, second = look(str(tmp_path / "a")), look(str(tmp_path / "b"))
    assert first is not None
    assert second is not None
    assert (first.inode, first.size) == (second.inode, 5)
    assert look(str(tmp_path / "c")) is None
    assert look(str(tmp_path / "a" / "b")) is None


def test_look_names_the_cause(tmp_path: Path) -> None:
    """A directory is no file, and a path that cannot be looked at has a cause."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ReadError, match="not_a_file"):
        look(str(tmp_path))
    with pytest.raises(ReadError, match="other"):
        look(str(tmp_path / "loop"))


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.EACCES, "permission"),
        (errno.EIO, "io"),
        (errno.ESTALE, "stale"),
        (errno.EMFILE, "descriptors"),
        (errno.EINVAL, "other"),
    ],
)
def test_causes_are_a_closed_set(number: int, cause: str) -> None:
    """Each error of the system has a value of the series' label."""
    assert cause_of(OSError(number, "")) == cause


def test_open_never_waits(tmp_path: Path) -> None:
    """FIFOs, sockets, devices and directories are refused at once; what is gone is said to be gone."""
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "socket", 0o140600)
    for path in (tmp_path / "fifo", tmp_path, tmp_path / "socket", "/dev/null"):
        with pytest.raises(ReadError, match="not_a_file"):
            OpenFile(str(path))
    with pytest.raises(Vanished):
        OpenFile(str(tmp_path / "none"))
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ReadError, match="other"):
        OpenFile(str(tmp_path / "loop"))


def test_reading(tmp_path: Path) -> None:
    """Bytes come from any offset, fewer at the end; a renamed and unlinked file stays readable."""
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    file = OpenFile(str(path))
    path.unlink()
    buffer = bytearray(6)
    assert file.read_into(memoryview(buffer), 7) == 3
    assert bytes(buffer[:3]) == b"789"
    assert file.read(3, 2) == b"234"
    assert (file.stat().size, file.stat().links) == (10, 0)
    assert file.holds(b"", file.tail(5), 5)
    assert not file.holds(b"", file.tail(5), 6)
    assert file.tail(11) == b""
    file.close()


def test_a_descriptor_that_fails(tmp_path: Path) -> None:
    """An error of the system while reading is a ReadError with its cause."""
    (tmp_path / "a").write_bytes(b"0")
    file = OpenFile(str(tmp_path / "a"))
    file.close()
    for call in (file.stat, file.head, lambda: file.read_into(memoryview(bytearray(2)), 0)):
        with pytest.raises(ReadError, match="other"):
            call()
