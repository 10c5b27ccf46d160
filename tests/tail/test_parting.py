"""How far two files are one, and where each is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.records.parse import LIMIT
from exporter.tail import parting
from exporter.tail.files import OpenFile, ReadError
from tests.support.stepper import record, records

if TYPE_CHECKING:
    from pathlib import Path

SHARED = records(0, 4000)


class Pair:
    """Two open files."""

    def __init__(self, folder: Path, one: bytes, other: bytes) -> None:
        self.files = []
        for name, data in (("one", one), ("other", other)):
            (folder / name).write_bytes(data)
            self.files.append(OpenFile(str(folder / name)))

    def __enter__(self) -> tuple[OpenFile, OpenFile]:
        one, other = self.files
        return one, other

    def __exit__(self, *_: object) -> None:
        for file in self.files:
            file.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for all examples."""
    return tmp_path_factory.mktemp("parting")


@given(at=st.integers(1, len(SHARED)), mine=st.integers(1, 200_000), theirs=st.integers(1, 200_000))
def test_parting(folder: Path, at: int, mine: int, theirs: int) -> None:
    """The first byte that differs is found at any place, whatever the sizes of what follows."""
    with Pair(folder, SHARED[:at] + b"x" * mine, SHARED[:at] + b"y" * theirs) as (one, other):
        assert parting.parting(one, other, at + min(mine, theirs)) == at


def test_traces_that_are_alike(folder: Path) -> None:
    """Two files that part in one record and go on with the same trace part there, though they agree behind it."""
    trace = b"#0 /app/Http/Kernel.php(12): handle()\n" * 100
    with Pair(folder, SHARED + b"1\n" + trace, SHARED + b"2\n" + trace) as (one, other):
        assert parting.parting(one, other, len(SHARED) + 2 + len(trace)) == len(SHARED)


def test_shorter_than_said(folder: Path) -> None:
    """A file that became shorter meanwhile agrees nowhere behind its end."""
    with Pair(folder, SHARED, SHARED[:1000]) as (one, other):
        assert parting.parting(one, other, len(SHARED)) == 1000


A, B = record(17, pad=90), record(18, pad=90)
CONTINUED = b"[2025-10-09 10:53:20] production.ERROR: went wrong\n#0 one.php\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (A, B, 0),
        (A[:40] + b"\n", A, 0),
        (A[:70] + B, A, 70),
        (A, A[:70] + B, 70),
        (CONTINUED + b"#1 two.php\n", CONTINUED + b"#1 ten.php\n", len(CONTINUED) + 4),
        (b"torn\n" + A, b"tone\n" + B, 2),
        (b'{"message":"a"}\n', b'{"message":"b"}\n', 0),
        (b'{"message":"a', b'{"message":"a{"message":"b"}\n', 13),
    ],
    ids=["time alike", "line alike", "torn here", "torn there", "trace", "no record", "json", "json torn"],
)
def test_own_part(folder: Path, mine: bytes, theirs: bytes, expected: int) -> None:
    """A record that only begins alike is read in both; one of which the first line is shared, or half written, once."""
    with Pair(folder, SHARED + mine, SHARED + theirs) as (one, other):
        shared = parting.parting(one, other, len(SHARED) + min(len(mine), len(theirs)))
        assert parting.own_part(one, other, shared) - len(SHARED) == expected


def test_own_part_of_a_long_line(folder: Path) -> None:
    """A line's beginning is sought no further back than a record may be long; a file's beginning is one, too."""
    line = b"x" * (LIMIT + 10)
    with Pair(folder, line + b"1", line + b"2") as (one, other):
        assert parting.own_part(one, other, len(line)) == len(line)
    with Pair(folder, A, B) as (one, other):
        assert parting.own_part(one, other, 60) == 0


def test_nothing_shared(folder: Path) -> None:
    """Two files that begin differently share nothing, and no file agrees with another at its beginning."""
    with Pair(folder, A, b"x" + A) as (one, other):
        assert parting.parting(one, other, len(A)) == 0
        assert not parting.agree(one, other, 0)


def test_what_cannot_be_read(folder: Path) -> None:
    """A file that cannot be read is an error, not an answer."""
    with Pair(folder, A, A) as (one, other):
        pass
    with pytest.raises(ReadError):
        parting.parting(one, other, len(A))


LINE = b"[2025-10-09 10:53:20] production.INFO: Public booking created  \n"
LATER = LINE.replace(b":20]", b":21]")
FINE = b"[2025-10-09T10:53:20.704004+02:00] production.INFO: Public booking created  \n"
JSON = b'{"message":"Public booking created","context":{},"level":200,"datetime":"2025-10-09T10:53:20%s+02:00"}\n'


@pytest.mark.parametrize(
    ("data", "proved"),
    [
        (LINE * 3000, False),
        (LINE * 3000 + LATER, True),
        (LINE + LATER + LATER * 3000, True),
        (LINE * 3 + b"#0 [2025-10-09 10:53:21] in a trace\n", False),
        (FINE, True),
        (JSON % b"" * 3, False),
        (JSON % b".704004", True),
        (b"no record\n" * 100, False),
    ],
    ids=["one second", "last later", "first earlier", "inside a line", "fine", "JSON", "fine JSON", "none"],
)
def test_what_proves_a_copy(tmp_path: Path, data: bytes, *, proved: bool) -> None:
    """Records of two seconds, or of one finer time, were copied; those of one second may have been written twice."""
    with Pair(tmp_path, data + LATER, b"") as (one, _):
        assert parting.proves_copy(one, len(data)) is proved
