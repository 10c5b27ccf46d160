"""From bytes of a file to the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import APP, OWN
from exporter.pipeline import BLOCK
from exporter.records.block import Ending
from exporter.tail.files import OpenFile
from exporter.tail.follow import Tail
from tests.support.counting import NOW, Reader
from tests.support.stepper import record, records

if TYPE_CHECKING:
    from pathlib import Path

CREATED = (APP + "appointments_created_total", ("public",))


def header(time: str, number: int) -> bytes:
    """Return a record of another time."""
    return b"[" + time.encode() + record(number)[len("[2025-10-09 10:53:20") :]


def test_reads_block_by_block(tmp_path: Path) -> None:
    """A file is read in blocks that begin at the open record; each byte counts as read once."""
    data = records(0, 3000, pad=900)
    reader = Reader(tmp_path / "a", data)
    read = []
    while new := reader.read():
        read.append(new)
    assert len(read) > 2
    assert sum(read) == len(data) == reader.counter(OWN + "read_bytes_total", "app")
    assert max(read) <= BLOCK
    assert reader.counter(*CREATED[:1], "public") == 3000
    assert reader.tail.uncommitted == len(data)
    assert reader.read() == 0


def test_oversized_and_unparsed(tmp_path: Path) -> None:
    """A record beyond 1 MiB is cut and counted, and so are lines outside any record."""
    data = b"stray\nlines\n" + record(1, pad=3 << 20) + records(2, 4)
    reader = Reader(tmp_path / "a", data)
    while reader.read():
        pass
    assert reader.counter(OWN + "oversized_records_total", "app") == 1
    assert reader.counter(OWN + "unparsed_lines_total", "app") == 2
    assert reader.counter(APP + "log_records_total", "info") == 3


def test_ignored_channels_count_by_level_only(tmp_path: Path) -> None:
    """Records of ignored channels are counted by level, and are no events."""
    data = records(0, 2).replace(b"production", b"testing") + record(2)
    reader = Reader(tmp_path / "a", data, ignore_channels=frozenset({"testing"}))
    reader.read()
    assert reader.counter(APP + "log_records_total", "info") == 3
    assert reader.counter(*CREATED[:1], "public") == 1


@pytest.mark.parametrize(
    ("live", "hour"), [(True, 1), (False, 0)], ids=["live: nearer to now", "history: file order, first pass"]
)
def test_repeated_hour(tmp_path: Path, *, live: bool, hour: int) -> None:
    """A local time that the clock shows twice is resolved live by nearness to now, else by file order."""
    reader = Reader(tmp_path / "a", header("2025-10-26 02:20:00", 1), timezone="Europe/Berlin")
    reader.read(live=live)
    expected = datetime(2025, 10, 26, hour, 20, tzinfo=UTC).timestamp()
    assert reader.ledger.state().last_events["appointment_created"] == expected


def test_second_pass_of_a_repeated_hour_is_remembered(tmp_path: Path) -> None:
    """Once the times of a file stepped back inside the hour, the rest is the second pass, also in later blocks."""
    data = b"".join(header(f"2025-10-26 02:{minute}:00", number) for number, minute in enumerate(("50", "10")))
    reader = Reader(tmp_path / "a", data, timezone="Europe/Berlin")
    reader.read(now=NOW + 86400)
    with (tmp_path / "a").open("ab") as file:
        file.write(header("2025-10-26 02:40:00", 3))
    reader.tail = Tail.from_row(reader.tail.row())
    reader.tail.file = OpenFile(str(tmp_path / "a"))
    reader.read(now=NOW + 86400)
    last = datetime(2025, 10, 26, 1, 40, tzinfo=UTC).timestamp()
    assert reader.ledger.state().last_events["appointment_created"] == last


def test_history_over_years(tmp_path: Path) -> None:
    """A block whose times span a change of the clocks, or years, is resolved in file order."""
    data = header("2023-10-29 02:30:00", 1) + header("2025-01-01 00:00:00", 2)
    reader = Reader(tmp_path / "a", data, timezone="Europe/Berlin")
    reader.read()
    last = datetime(2024, 12, 31, 23, tzinfo=UTC).timestamp()
    assert reader.ledger.state().last_events["appointment_created"] == last


@pytest.mark.parametrize("first", ["2026-01-01 00:00:00", "2025-12-31 00:00:00"], ids=["year", "month"])
def test_times_that_step_back(tmp_path: Path, first: str) -> None:
    """A block that begins with a later time than it ends with is watched for an hour that comes twice, too."""
    times = (first, "2025-10-26 02:50:00", "2025-10-26 02:10:00")
    reader = Reader(tmp_path / "a", b"".join(map(header, times, range(3))), timezone="Europe/Berlin")
    reader.read(now=NOW + 365 * 86400)
    assert reader.tail.carry.fold == 1


def test_clock_offset(tmp_path: Path) -> None:
    """The newest live record's time is compared with its arrival, so that a wrong zone shows as hours."""
    reader = Reader(tmp_path / "a", header("2025-10-26 03:30:00", 1), timezone="UTC")
    assert reader.pipeline.clock_offset("app") is None
    reader.read(live=True)
    assert reader.pipeline.clock_offset("app") == 7200.0


def test_last_record(tmp_path: Path) -> None:
    """The time of the record read last is known, of history too; one without a possible time changes nothing."""
    log = [header(time, 1) for time in ("2025-10-09 10:00:00", "2025-10-09 10:00:09", "2025-13-45 99:99:99")]
    reader = Reader(tmp_path / "a", b"".join(log[:2]))
    assert reader.pipeline.last_record("app") is None
    reader.read()
    assert reader.pipeline.last_record("app") == datetime(2025, 10, 9, 10, 0, 9, tzinfo=UTC).timestamp()
    assert reader.pipeline.clock_offset("app") is None
    with (tmp_path / "a").open("ab") as file:
        file.write(log[2])
    reader.read()
    assert reader.pipeline.last_record("app") == datetime(2025, 10, 9, 10, 0, 9, tzinfo=UTC).timestamp()


def test_impossible_time_is_now(tmp_path: Path) -> None:
    """A record with a time that does not exist counts as of now."""
    reader = Reader(tmp_path / "a", header("2025-13-45 99:99:99", 1))
    reader.read(live=True)
    assert reader.ledger.state().last_events["appointment_created"] == NOW
    assert reader.pipeline.clock_offset("app") is None


def test_text_without_records(tmp_path: Path) -> None:
    """A file that holds no record, and one that is shorter than what was read, count no record."""
    reader = Reader(tmp_path / "a", b"[x] no header\n" * 5000)
    reader.read()
    assert reader.counter(OWN + "unparsed_lines_total", "app") == 5000
    reader.tail.position += 10**6
    assert reader.read() == 0
    reader.tail.close()
    assert reader.pipeline.fill(reader.tail) == 0


def test_silence_ends_a_record(tmp_path: Path) -> None:
    """An event without an end waits for silence, and is then counted."""
    reader = Reader(tmp_path / "a", b"[2025-10-09 10:53:20] production.INFO: Public booking created")
    seen = []
    for ending in (Ending.MORE, Ending.QUIET):
        reader.read(ending=ending)
        seen.append((reader.tail.judged, reader.counter(*CREATED[:1], "public")))
    assert seen == [(False, 0), (True, 1)]
