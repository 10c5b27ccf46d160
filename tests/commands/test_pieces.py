"""A log record by record, as the daemon cuts it."""

from __future__ import annotations

import io
from collections import Counter
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exporter.catalogue import APP, OWN
from exporter.commands.pieces import Piece, Utf16Error, pieces
from exporter.config.schema import LogSettings
from exporter.model import LEVELS
from exporter.pipeline import BLOCK, judge_by
from exporter.records.block import Ending
from exporter.records.cut import Cutter
from exporter.records.parse import LIMIT
from exporter.records.scan import Scanner
from exporter.records.time import Times
from exporter.tail.files import UTF16_MARKS
from tests.golden.shapes.table import SHAPES, Shape
from tests.support.counting import NOW, Reader, empty_ledger
from tests.support.cutting import TOKENS
from tests.support.monolog import Style, render
from tests.support.noise import noise
from tests.support.stepper import START, events

if TYPE_CHECKING:
    from exporter.model import LedgerState

A = b"[2025-10-06 18:22:12] production.INFO: a \n"
B = b"[2025-10-06T18:22:13.000001+02:00] web.ERROR: b \n"
JSON = b'{"message":"m","context":{},"level":200,"level_name":"INFO","channel":"c","datetime":"x","extra":{}}\n'
NO_LEVEL = b'{"message":"m","context":{},"level":200}\n'
SUSPECT = b"[2025-10-06 18:22:12] Processed: App\\Job\n"
BERLIN = LogSettings("app", (), timezone="Europe/Berlin", ignore_channels=frozenset({"testing"}))
ZONE = ZoneInfo(BERLIN.timezone)
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.log"))


class Slow(io.BytesIO):
    """A stream that gives no more than `most` bytes at a time, as a pipe does."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most

    def readinto1(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # as it is called here
        return super().readinto1(buffer[: self.most])


@cache
def cutter() -> Cutter:
    return Cutter(Scanner(events().triggers), judge_by(events(), BERLIN.ignore_channels))


def found(log: bytes, most: int = 1 << 30) -> list[Piece]:
    return list(pieces(Slow(log, most), cutter(), ZONE))


def places(log: bytes) -> list[tuple[int, bytes, int]]:
    return [(one.line, one.raw, one.lines) for one in found(log)]


def test_records_begin_at_their_headers() -> None:
    """Each header or JSON record in column 0 begins a record, which keeps all lines up to the next."""
    log = b"junk\n\n" + A + b"#0 trace\n  [2025-10-06 18:22:12] web.INFO: no\n" + B + JSON + JSON
    assert places(log) == [
        (1, b"junk\n", 1),
        (2, b"\n", 1),
        (3, A + b"#0 trace\n  [2025-10-06 18:22:12] web.INFO: no\n", 3),
        (6, B, 1),
        (7, JSON, 1),
        (8, JSON, 1),
    ]
    assert [one.level for one in found(log)] == [None, None, "info", "error", "info", "info"]
    assert [one.unparsed for one in found(log)] == [1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("junk", [b"\0\0\0", b"\xef\xbb\xbf"])
def test_what_truncation_leaves_does_not_hide_a_record(junk: bytes) -> None:
    """NULs and a byte order mark before a header are passed over."""
    (piece,) = found(junk + A)
    assert piece.record is not None
    assert (piece.line, piece.record.message) == (1, b"a")
    assert [(one.line, one.lines) for one in found(A + b"\0\0" + A)] == [(1, 1), (2, 1)]
    assert [(one.line, one.lines) for one in found(A[:-1] + b"\0" + A)] == [(1, 1), (1, 1)]


@pytest.mark.parametrize("most", [50, 1 << 30])
def test_each_record_has_its_pass_of_a_repeated_hour(most: int) -> None:
    """From a step back inside the hour that the clock shows twice, records stand in its second pass."""
    minutes = (b"02:50", b"02:10", b"02:20", b"03:10")
    log = b"".join(A.replace(b"10-06 18:22", b"10-26 " + minute) for minute in minutes)
    assert [one.fold for one in found(log, most)] == [0, 1, 1, 0]


def test_a_header_inside_an_open_string_is_forged() -> None:
    """A logged value with a header in it stays part of its record; where its line breaks the JSON it is genuine."""
    forged = b'[2025-10-06 18:22:12] web.INFO: a {"text":"one\n' + A + b'"} \n'
    assert places(forged + B) == [(1, forged, 3), (4, B, 1)]
    torn = b'[2025-10-06 18:22:12] web.INFO: a {"text":"one\n'
    genuine = b'[2025-10-06 18:22:12] web.INFO: b {"x":"y"} \n'
    assert places(torn + genuine) == [(1, torn, 1), (2, genuine, 1)]


def test_the_body_of_a_response_is_part_of_its_record() -> None:
    """What begins as a JSON record does, behind a message that quotes a response, begins none."""
    record = b'[2025-10-06 18:22:12] web.INFO: status 400:\n{"message":"Unauthenticated."}\n {"a":1} \n'
    assert places(record + JSON) == [(1, record, 3), (4, JSON, 1)]


def test_suspects_are_counted_within_their_record() -> None:
    """Lines that begin with a bracketed time and are no header are counted in the record that holds them."""
    (piece,) = found(A + SUSPECT + b"other\n")
    assert piece == Piece(1, A + SUSPECT + b"other\n", lines=3, level="info", unparsed=1, suspects=1)
    (piece,) = found(NO_LEVEL + SUSPECT)
    assert piece == Piece(1, NO_LEVEL + SUSPECT, lines=2, unparsed=2, suspects=1)


@pytest.mark.parametrize("most", [1000, 1 << 30])
def test_a_record_ends_at_the_limit(most: int) -> None:
    """Beyond the limit nothing of a record is kept but the number of its lines, wherever blocks end."""
    long = b"[2025-10-06 18:22:12] web.INFO: " + b"x" * LIMIT + b"\n" + b"y\n" * LIMIT
    first, second = found(long + A, most)
    assert (first.line, first.lines, first.cut) == (1, LIMIT + 1, True)
    assert first.raw == long[:LIMIT]
    assert (second.line, second.raw, second.cut) == (LIMIT + 2, A, False)
    (only,) = found(long, most)
    assert only == first


def test_the_last_line_may_be_unfinished() -> None:
    """At the end a record is shown as it is; a line of no record without its line feed is shown and not counted."""
    assert places(A + b"trace") == [(1, A + b"trace", 2)]
    assert found(b"one\ntwo") == [Piece(1, b"one\n", unparsed=1), Piece(2, b"two")]
    assert found(b"") == []


def test_long_lines_before_the_first_record() -> None:
    """A line of no record that spans blocks is one piece, of which the beginning is kept."""
    first, second = found(b"j" * (3 * LIMIT) + b"\n" + A)
    assert (first.line, first.raw[:2], second.line) == (1, b"jj", 2)
    assert len(first.raw) <= LIMIT + BLOCK


def test_utf16_is_refused() -> None:
    """A stream that begins with the mark of UTF-16 is no log."""
    with pytest.raises(Utf16Error):
        found("x\n".encode("utf-16"))


def test_a_piece_comes_when_the_next_begins() -> None:
    """A record is handed out as soon as the next one is there, so that a pipe can be watched."""
    stream = Slow(A + B + JSON, len(A) + len(B) - 3)
    assert next(pieces(stream, cutter(), ZONE)).raw == A
    assert stream.tell() == len(A) + len(B) - 3


def daemon(folder: Path, log: bytes) -> LedgerState:
    """Return what the daemon counts."""
    reader = Reader(folder / "a", log, timezone=BERLIN.timezone, ignore_channels=BERLIN.ignore_channels)
    while reader.read():
        pass
    reader.read(ending=Ending.FINAL)
    return reader.ledger.state()


def explained(log: bytes, most: int) -> LedgerState:
    """Return what the pieces add up to."""
    ledger = empty_ledger()
    times = Times(ZONE)
    if log:
        ledger.add(OWN + "read_bytes_total", ("app",), len(log))
    for piece in found(log, most):
        if piece.level is not None:
            ledger.add(APP + "log_records_total", (piece.level,))
        if piece.unparsed:
            ledger.add(OWN + "unparsed_lines_total", ("app",), piece.unparsed)
        if piece.cut:
            ledger.add(OWN + "oversized_records_total", ("app",))
        for match in piece.matches:
            assert piece.record is not None
            time = times.resolve(piece.record.time_text, fold=piece.fold)
            ledger.apply("app", NOW if time is None else time, match, NOW)
    return ledger.state()


@pytest.mark.parametrize("log", GOLDEN, ids=lambda log: log.stem)
def test_golden_logs_add_up_to_what_the_daemon_counts(tmp_path: Path, log: Path) -> None:
    """For every golden log, the pieces hold exactly what the daemon counts: levels, events, all series."""
    data = log.read_bytes()
    counted = daemon(tmp_path, data)
    assert counted.counters
    assert explained(data, 1 << 30) == explained(data, 700) == counted


@pytest.mark.parametrize("shape", [one for one in SHAPES if "UTF-16" not in one.name], ids=lambda shape: shape.name)
def test_shapes_add_up_to_what_the_daemon_counts(tmp_path: Path, shape: Shape) -> None:
    """So they do for every shape of record that real logs hold."""
    assert explained(shape.data, 1 << 30) == daemon(tmp_path, shape.data)


@pytest.mark.parametrize("style", ["line", "json"])
def test_blocks_of_noise_add_up_to_what_the_daemon_counts(tmp_path: Path, style: Style) -> None:
    """So they do over many blocks of records with traces, and no line is lost."""
    rng = Random(7)
    start = datetime.fromtimestamp(START, ZONE)
    data = b"".join(render(noise(rng), start, style) for _ in range(4000))
    assert len(data) > 3 * BLOCK
    assert explained(data, 1 << 16) == daemon(tmp_path, data)
    shown = found(data)
    assert b"".join(one.raw for one in shown) == data
    assert [one.line for one in shown[1:]] == [one.line + one.lines for one in shown[:-1]]
    assert Counter(one.level for one in shown).keys() <= set(LEVELS)


PHRASES = (
    b"Stale booking detected",
    b'[2025-10-26 02:50:00] production.ERROR: PREVENTION: Stale booking detected {"age_seconds":1} \n',
    b'[2025-10-26 02:10:00] testing.INFO: Public booking created {"a":"b"} \n',
    b'[2025-10-26 02:10:00] production.INFO: Public booking created {"a":"b"} \n',
    b"[2025-10-06 18:22:12] production.INFO: DUPLICATE BOOKING PREVENTION: unknown  \n",
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from((*TOKENS, *PHRASES)), max_size=40).map(b"".join), st.integers(1, 3000))
def test_generated_logs_add_up_to_what_the_daemon_counts(log: bytes, most: int) -> None:
    """So they do for any mixture of what makes logs hard to cut, read in pieces of any size."""
    assume(not log.startswith(UTF16_MARKS))
    with TemporaryDirectory() as folder:
        assert explained(log, most) == daemon(Path(folder), log)
