"""What the scan reports: headers, lines that look like one, JSON records, triggers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.model import LEVELS, Trigger
from exporter.native.library import load
from exporter.records.hits import ENCLOSED, HEADERS, JSON_LEVELS, JSON_OPEN, SUSPECT, Hits
from exporter.records.parse import HEADER
from exporter.records.quick import best_scanner
from exporter.records.scan import Scanner

TIME = b"[2025-10-06 18:22:12]"
TRIGGERS = [Trigger(b"a.b(c", regex=False, definitions=()), Trigger(rb"[xy]{3}z", regex=True, definitions=())]
SCANNER = Scanner(TRIGGERS)
BEST = best_scanner(TRIGGERS, load())


def scan(text: bytes) -> Hits:
    """Return what the patterns find; the native scan finds the same."""
    hits = SCANNER.scan(memoryview(text))
    best = BEST.scan(memoryview(text))
    assert (best.headers, best.levels) == (hits.headers, hits.levels)
    assert (best.ends, best.triggers) == (hits.ends, hits.triggers)
    assert {code for _, code in best.others} == {code for _, code in hits.others}
    return hits


def codes(text: bytes) -> list[int]:
    """Return the codes of all that is no trigger: headers first."""
    hits = scan(text)
    return [*hits.levels, *(code for _, code in hits.others)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("channel", [b"", b"production", b"my-app.queue worker", b"INFO", b"a.ERROR", b"c" * 64])
def test_headers(level: str, channel: bytes) -> None:
    """A header is reported once, by its level, at its end; and `HEADER` sees the same."""
    text = TIME + b" " + channel + b"." + level.upper().encode() + b": "
    hits = scan(b"x\n" + text + b"m")
    assert (hits.headers, list(hits.levels)) == ([len(text) + 2], [HEADERS[LEVELS.index(level)]])
    assert HEADER.match(text)


@pytest.mark.parametrize(
    "time", [b"2023-08-11T09:21:45.704004+02:00", b"2023-08-11T09:21:45+0200", b"2023-08-11 09:21:45Z"]
)
def test_time_formats(time: bytes) -> None:
    """Monolog's own date format begins a record, too."""
    assert codes(b"[" + time + b"] app.INFO: x") == [HEADERS[1]]


@pytest.mark.parametrize("before", [b"", b"\n", b"\r\n", b"\0", b"x\0\0", b"\xef\xbb\xbf"])
def test_beginnings(before: bytes) -> None:
    """A record begins at column 0, also behind NULs or a byte order mark."""
    assert codes(before + TIME + b" app.INFO: x") == [HEADERS[1]]
    assert codes(before + b'{"message":"x"') == [JSON_OPEN]


@pytest.mark.parametrize("before", [b" ", b"x", b"x\r", b"\t", b"x\xef\xbb\xbf"])
def test_no_beginnings(before: bytes) -> None:
    """Elsewhere on a line nothing begins."""
    assert codes(before + TIME + b" app.INFO: x") == []
    assert codes(before + b'{"message":"x"') == []


@pytest.mark.parametrize(
    "line",
    [
        b" Processed: App\\Jobs\\Sync",
        b"[14] Processing: x",
        b' {"message":"x"}',
        b"",
        b" ",
        b" nothing",
        b" app.info: x",
        b" app.EXAMPLE: x",
        b" app.ERR: x",
        b" app.ERRORS: x",
        b" app.: x",
        b" app.Error: x",
        b" app.ERROR:x",
        b" app.ERROR:",
        b" a[b].ERROR: x",
        b' a"b.ERROR: x',
        b" a\x01b.ERROR: x",
        b" " + b"c" * 65 + b".ERROR: x",
        b" " + b"c" * 300,
        b" " + b"c." * 60 + b"ERROR: x",
    ],
)
def test_suspects(line: bytes) -> None:
    """Any other line that begins with a bracketed time is reported as such, and never as a header."""
    assert set(codes(b"x\n" + TIME + line + b"\n")) == {SUSPECT}


@pytest.mark.parametrize("line", [b"[2025-10-06]", b"[2025-10-06 18:22]", b"[stacktrace]", b"{}", b"#0 {main}"])
def test_plain_lines(line: bytes) -> None:
    """Lines without a whole bracketed time are not reported."""
    assert codes(line + b" app.ERROR: x\n") == []


def test_json_levels() -> None:
    """The level in a JSON record's tail is reported, inside a string it is not."""
    assert codes(b'"level":400,"level_name":"ERROR","channel":"x"') == [JSON_LEVELS[4]]
    assert codes(b'\\"level_name\\":\\"ERROR\\",\\"channel\\":\\"x\\"') == []


def test_triggers() -> None:
    """Literal triggers are taken literally, others as patterns; the number tells which it was."""
    hits = scan(b"a.b(c axb(c xyxz")
    assert (hits.ends, hits.triggers) == ([5, 16], [0, 1])


@pytest.mark.parametrize(
    ("before", "enclosed"),
    [
        (b'x {"a":"\n', True),
        (b'x {"a":"b"} \n', False),
        (b'x {"a":"b\nc\nd\n', True),
        (b'x {"a":"b\\"c\n', True),
        (b'x {"a":["\0', True),
        (b'x {"a":"\n\xef\xbb\xbf', True),
        (b'x {"a":1,"\n', True),
        (b'x {"a":"b"} \ny\n', False),
        (b"x\n", False),
        (b'say "hi"\n', False),
        (b'x {"a":"', False),
    ],
)
@pytest.mark.parametrize("line", [TIME + b" app.INFO: y", TIME + b" Processed"])
def test_enclosed(before: bytes, enclosed: bool, line: bytes) -> None:  # noqa: FBT001  (an expectation)
    """A bracketed time is reported at a line's beginning whose last quote before may open a string."""
    assert (ENCLOSED in codes(before + line)) is enclosed


def test_scanners_of_the_same_patterns_scan_at_once() -> None:
    """What is compiled once for the same patterns serves a scanner per thread."""
    block = memoryview(b"a.b(c" * 200_000)
    scanners = [Scanner(TRIGGERS) for _ in range(4)]
    with ThreadPoolExecutor(len(scanners)) as threads:
        found = list(threads.map(lambda one: len(one.scan(block).ends), scanners))
    assert found == [200_000] * len(scanners)


def test_scanners_of_other_patterns() -> None:
    """Patterns that were compiled before do not stand in for others."""
    other = Scanner(
        [Trigger(rb"a.b(c", regex=False, definitions=()), Trigger(rb"[xy]{4}z", regex=True, definitions=())]
    )
    hits = other.scan(memoryview(b"xyxz xyxyz"))
    assert (hits.ends, hits.triggers) == ([10], [1])
