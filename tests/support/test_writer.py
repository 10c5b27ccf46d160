"""The log writer of the end-to-end tests keeps its own promises."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2025, 10, 6, 22, tzinfo=ZoneInfo("Europe/Berlin"))


def _write(folder: Path, seed: int) -> LogWriter:
    folder.mkdir()
    writer = LogWriter(folder, seed=seed, start=START, styles=("line", "json"))
    for turn in range(12):
        writer.write(100)
        (writer.rotate_by_rename, writer.copytruncate, writer.switch_day)[turn % 3]()
    writer.write(100)
    writer.close()
    return writer


def test_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    """Files and expectation follow from the seed alone."""
    one, two, other = _write(tmp_path / "1", 7), _write(tmp_path / "2", 7), _write(tmp_path / "3", 8)
    contents = [{path.name: path.read_bytes() for path in writer.folder.iterdir()} for writer in (one, two, other)]
    assert contents[0] == contents[1] != contents[2]
    assert one.expected.values == two.expected.values != other.expected.values


def test_rotations_of_the_writer_lose_no_byte(tmp_path: Path) -> None:
    """The files left by rename, copytruncate and daily switch hold every byte that was written, once."""
    writer = _write(tmp_path / "1", 9)
    assert sum(path.stat().st_size for path in writer.folder.iterdir()) == writer.bytes
    assert writer.rotations == {"rename": 4, "copytruncate": 4, "daily": 4}


def test_levels_expected_are_the_records_written(tmp_path: Path) -> None:
    """The expected records per level add up to the number of records."""
    writer = _write(tmp_path / "1", 10)
    levels = [value for key, value in writer.expected.values.items() if "log_records_total" in key]
    assert sum(levels) == writer.records
