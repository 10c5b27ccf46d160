"""A log in pieces."""

from __future__ import annotations

import pytest

from exporter.commands.splitting import Piece, split
from exporter.records.parse import LIMIT

A = b"[2025-10-06 18:22:12] production.INFO: a \n"
B = b"[2025-10-06T18:22:13.000001+02:00] web.ERROR: b \n"
JSON = b'{"message":"m","context":{},"level":200,"level_name":"INFO","channel":"c","datetime":"x","extra":{}}\n'


def pieces(log: bytes) -> list[tuple[int, bytes, int]]:
    return [(one.line, one.raw, one.lines) for one in split(log.splitlines(keepends=True))]


def test_records_begin_at_their_headers() -> None:
    """Each header or JSON record in column 0 begins a record, which keeps all lines up to the next."""
    log = b"junk\n" + A + b"#0 trace\n  [2025-10-06 18:22:12] web.INFO: no\n" + B + JSON + JSON
    assert pieces(log) == [
        (1, b"junk\n", 1),
        (2, A + b"#0 trace\n  [2025-10-06 18:22:12] web.INFO: no\n", 3),
        (5, B, 1),
        (6, JSON, 1),
        (7, JSON, 1),
    ]


@pytest.mark.parametrize("junk", [b"\0\0\0", b"\xef\xbb\xbf"])
def test_what_truncation_leaves_does_not_hide_a_record(junk: bytes) -> None:
    """NULs and a byte order mark before a header are passed over."""
    (piece,) = split([junk + A])
    assert piece.record is not None
    assert piece.record.message == b"a"


def test_a_header_inside_an_open_string_is_forged() -> None:
    """A logged value with a header in it stays part of its record, as it does for the daemon."""
    forged = b'[2025-10-06 18:22:12] web.INFO: a {"text":"one\n' + A + b'"} \n'
    assert pieces(forged + B) == [(1, forged, 3), (4, B, 1)]
    assert [one.suspects for one in split(forged.splitlines(keepends=True))] == [0]


def test_a_genuine_record_after_a_torn_one_is_none() -> None:
    """Where the JSON breaks at the header's line, the header is genuine."""
    torn = b'[2025-10-06 18:22:12] web.INFO: a {"text":"one\n'
    genuine = b'[2025-10-06 18:22:12] web.INFO: b {"x":"y"} \n'
    assert pieces(torn + genuine) == [(1, torn, 1), (2, genuine, 1)]


def test_long_lines_come_in_parts() -> None:
    """A line in several parts counts once, and a record ends at the limit, which is told."""
    long = b"[2025-10-06 18:22:12] web.INFO: " + b"x" * (LIMIT - 32)
    found = list(split([long, b"y" * 10, b"z\n", A]))
    assert [(one.line, one.lines, one.cut) for one in found] == [(1, 1, True), (2, 1, False)]
    assert len(found[0].raw) == LIMIT


def test_a_long_line_of_no_record_is_one_piece() -> None:
    """Further parts of a line that is in no record are no pieces of their own, nor headers."""
    assert pieces_of([b"junk", A]) == [(1, b"junk")]


def pieces_of(parts: list[bytes]) -> list[tuple[int, bytes]]:
    return [(one.line, one.raw) for one in split(parts)]


def test_suspects_are_counted_within_their_record() -> None:
    """Lines that begin with a bracketed time and are no header are counted in the record that holds them."""
    (piece,) = split([A, b"[2025-10-06 18:22:12] Processed: App\\Job\n", b"other\n"])
    assert piece == Piece(1, A + b"[2025-10-06 18:22:12] Processed: App\\Job\nother\n", lines=3, suspects=1)
