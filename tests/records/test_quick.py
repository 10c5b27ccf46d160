"""The native scan finds what hyperscan's patterns find, in any bytes."""

from __future__ import annotations

import ctypes
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Trigger
from exporter.native import library as native
from exporter.records.hits import SUSPECT, Hits
from exporter.records.quick import QuickScanner, best_scanner
from exporter.records.scan import Scanner
from hatch_build import compile_library
from tests.benchmarks.generate import generate
from tests.support.cutting import TOKENS
from tests.support.native import library
from tests.support.stepper import events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEXTS = (
    b"Stale booking",
    b"FAMILY",
    b"Lock->block",
    b"booking-channel",
    b"king",
    b"aaaa",
    b"aaaaaaaab",
    b"xxxxxxxxxxxxxxxxx",
)
REGEXES = (b"[xy]{3}z", b"Stale b")
TRIGGERS = [
    *(Trigger(text, regex=False, definitions=()) for text in TEXTS[:3]),
    *(Trigger(text, regex=True, definitions=()) for text in REGEXES),
    *(Trigger(text, regex=False, definitions=()) for text in (*TEXTS[3:], b"abc")),
]
SLOW = Scanner(TRIGGERS)
PIECES = (
    *TOKENS,
    *TEXTS,
    b"xyxz",
    b"aaa",
    b"[2025-10-06 18:22:12",
    b"\n[2025-10-06T18:22:12",
    b"].ERROR: ",
    b"] ",
    b".",
    b".12",
    b"123456789",
    b"+02:00]",
    b"-0130]",
    b"Z]",
    b" app",
    b".ERROR: ",
    b".EMERGENCY: ",
    b".EMERGENC: ",
    b".DEBUG:",
    b"c" * 64,
    b"\xbf",
    b"\xef\xbb",
    b"\n[20",
    b'\n{"mess',
    b'"level_name":"EMERGENCY","channel":"',
    b"\n" + b"c." * 37,
)
blocks = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=9)), max_size=40).map(b"".join)


def found(hits: Hits, block: bytes) -> tuple[object, ...]:
    """Return the findings in a form that compares; of a line that is no record only its first hit means something."""
    suspects: set[int] = set()
    others = []
    for end, code in hits.others:
        line = block.rfind(b"\n", 0, end - 1)
        if code != SUSPECT or line not in suspects:
            others.append((end, code))
        if code == SUSPECT:
            suspects.add(line)
    assert hits.ends == sorted(hits.ends)
    return hits.headers, bytes(hits.levels), sorted(zip(hits.ends, hits.triggers, strict=True)), others


def quick(triggers: Sequence[Trigger] = TRIGGERS, room: int = 1) -> QuickScanner:
    return QuickScanner(triggers, library(), room)


@settings(max_examples=500, deadline=None)
@given(blocks)
def test_the_same_is_found(block: bytes) -> None:
    """Whatever a block holds, both scans find the same in it."""
    assert found(quick().scan(memoryview(block)), block) == found(SLOW.scan(memoryview(block)), block)


@pytest.mark.parametrize("form", ["line", "json"])
def test_generated_logs(tmp_path: Path, form: str) -> None:
    """Both find the same in the logs that speed is measured with, with the shipped definitions."""
    path = tmp_path / "log"
    generate("sparse", 2_000_000, path, form=form)
    generate("dense", 1_000_000, tmp_path / "more", form=form)
    block = path.read_bytes() + (tmp_path / "more").read_bytes()
    slow = found(Scanner(events().triggers).scan(memoryview(block)), block)
    assert found(quick(events().triggers).scan(memoryview(block)), block) == slow


def test_texts_alone() -> None:
    """Without regular expressions, texts at every distance from each other are found, overlapping ones too."""
    triggers = [Trigger(text, regex=False, definitions=()) for text in (b"a" * 17, b"a" * 18, b"b" + b"a" * 16)]
    scanner = quick(triggers)
    for gap in range(40):
        block = b"x" * gap + b"a" * 18 + b"." * gap + b"b" + b"a" * 17
        assert found(scanner.scan(memoryview(block)), block) == found(Scanner(triggers).scan(memoryview(block)), block)


def test_nothing_to_look_for() -> None:
    """Without triggers, and in an empty block, there is nothing to find but headers."""
    scanner = quick([])
    assert scanner.scan(memoryview(b"")) == Hits()
    assert scanner.scan(memoryview(b"[2025-10-06 18:22:12] a.INFO: x")).headers == [30]


def test_many_findings() -> None:
    """There is room for as many findings as a block holds, and the next block needs no more than it holds."""
    scanner = quick()
    assert len(scanner.scan(memoryview(b"aaaa" * 10_000)).ends) == 39_997
    assert scanner.scan(memoryview(b"aaaa")).ends == [4]


def test_scanners_of_several_threads() -> None:
    """A scanner per thread, all of one library, do not disturb each other."""
    rng = random.Random(7)
    parts = [b"".join(rng.choices(PIECES, k=3000)) for _ in range(4)]
    with ThreadPoolExecutor(len(parts)) as threads:
        at_once = list(threads.map(lambda block: found(quick().scan(memoryview(block)), block), parts))
    assert at_once == [found(SLOW.scan(memoryview(block)), block) for block in parts]


def test_what_is_too_short_for_the_library_is_found_by_hyperscan() -> None:
    """A text of three bytes is found all the same."""
    assert found(quick().scan(memoryview(b"abcabc")), b"")[2] == [(3, 10), (6, 10)]


def test_without_memory() -> None:
    """Where the library cannot prepare the texts, that is said at once."""

    class Exhausted(ctypes.CDLL):
        def __init__(self) -> None:
            self.native_matcher_new = lambda *_: None

    with pytest.raises(MemoryError, match="no memory for the texts of events"):
        QuickScanner(TRIGGERS, Exhausted())


def test_a_text_that_is_too_short_for_the_library() -> None:
    """The library refuses what it could not find."""
    assert library().native_matcher_new(b"abc", (ctypes.c_uint32 * 1)(3), 1) is None


@pytest.mark.parametrize("content", [None, b"", b"not a library"])
def test_no_usable_library(tmp_path: Path, content: bytes | None) -> None:
    """Where the library is missing or broken, there is none, and hyperscan serves."""
    path = tmp_path / "native.so"
    if content is not None:
        path.write_bytes(content)
    assert native.load(path) is None
    assert isinstance(best_scanner(TRIGGERS, native.load(path)), Scanner)


def test_library_of_another_version(tmp_path: Path) -> None:
    """A library that another version's sources made is left alone."""
    source = tmp_path / "other.c"
    source.write_text(f"int native_version(void) {{ return {native.VERSION + 1}; }}\n")
    assert compile_library([source], tmp_path / "native.so") is None
    assert native.load(tmp_path / "native.so") is None


def test_the_library_serves_where_it_is() -> None:
    """The library that was built is used."""
    assert isinstance(best_scanner(TRIGGERS, library()), QuickScanner)
