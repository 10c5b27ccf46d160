"""What the bytes of a log tell."""

from __future__ import annotations

import zlib
from zoneinfo import ZoneInfo

import pytest

from exporter.checks.content import clock_offset, compressed, has_record, newest_record, unreadable
from exporter.records.parse import Record, parse
from exporter.records.time import Times

LINE = b"[2025-10-06 18:22:12] production.INFO: Gr\xc3\xbc\xc3\x9fe \n"
BERLIN = 1_759_767_732.0
"""The time of LINE in Berlin."""


def record(raw: bytes = LINE) -> Record:
    found = parse(raw)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("head", "wrong"),
    [
        (LINE, None),
        (b"", None),
        (b"\0" * 4096 + LINE, None),
        (b"\xef\xbb\xbf" + LINE, None),
        (b"caf\xe9 \x1b[31m" + LINE, None),
        (LINE.decode().encode("utf-16"), "is UTF-16"),
        (LINE.decode().encode("utf-16-le"), "is UTF-16"),
        (LINE.decode().encode("utf-16-be"), "is UTF-16"),
        (bytes(range(256)) * 4, "is binary"),
        (zlib.compress(LINE * 100), "is binary"),
    ],
)
def test_what_is_no_text_is_recognised(head: bytes, wrong: str | None) -> None:
    """UTF-16 and binary files are told from logs, also from such with NULs, BOM or bad UTF-8."""
    told = unreadable(head)
    assert told is None if wrong is None else told is not None and told.startswith(wrong)


def test_compressed_files_are_recognised() -> None:
    """Compressed copies, which may lie inside the glob, are told by their first bytes."""
    assert compressed(b"\x1f\x8b\x08")
    assert not compressed(LINE)


def test_records_are_found_in_any_line() -> None:
    """A record in some line is enough; other lines are none."""
    assert has_record(b"junk\n" + LINE)
    assert not has_record(b"junk\n[2025-10-06 18:22:12] Processed: x\n")


def test_the_newest_record_is_the_last() -> None:
    """The last line that begins a record counts, whatever follows it."""
    found = newest_record(LINE + LINE.replace(b"18:", b"19:") + b"#0 trace\n")
    assert found is not None
    assert found.time_text == b"2025-10-06 19:22:12"
    assert newest_record(b"#0 trace\n") is None


@pytest.mark.parametrize(
    ("zone", "modified", "offset"),
    [
        ("Europe/Berlin", BERLIN + 1, None),
        ("UTC", BERLIN + 1, 7200.0),
        ("America/New_York", BERLIN, 21600.0),
        ("Asia/Kolkata", BERLIN - 30, -12600.0),
        ("UTC", BERLIN + 100, None),
        ("Europe/Berlin", BERLIN + 86_400, None),
    ],
)
def test_a_wrong_zone_shows_as_whole_half_hours(zone: str, modified: float, offset: float | None) -> None:
    """Times that differ from the file's last change by half hours tell of a zone, others tell nothing."""
    assert clock_offset(record(), modified, Times(ZoneInfo(zone))) == offset


def test_the_repeated_hour_is_read_as_it_fits() -> None:
    """In the night when the clock is set back, either reading of the hour is right."""
    times = Times(ZoneInfo("Europe/Berlin"))
    night = record(LINE.replace(b"2025-10-06 18:22:12", b"2025-10-26 02:30:00"))
    first = 1_761_438_600.0
    assert [clock_offset(night, modified, times) for modified in (first, first + 3600)] == [None, None]


def test_times_that_tell_nothing() -> None:
    """JSON records carry their offset, and an impossible time is none."""
    json = record(
        b'{"message":"m","context":{},"level":200,"level_name":"INFO","channel":"c",'
        b'"datetime":"2025-10-06T18:22:12+00:00","extra":{}}\n'
    )
    times = Times(ZoneInfo("UTC"))
    assert clock_offset(json, BERLIN, times) is None
    assert clock_offset(record(LINE.replace(b"10-06", b"13-06")), BERLIN, times) is None
