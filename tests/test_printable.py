"""Text made safe for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.printable import cut, printable, size


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße 🚨 例", "Grüße 🚨 例"),
        ("a\nb\r\t\x00\x1b[31m", "a\\nb\\r\\t\\x00\\x1b[31m"),
        ("right\u202eto left", "right\\u202eto left"),
        (b"bad \xff\xc3", "bad \\xff\\xc3"),
    ],
)
def test_what_does_not_print_is_escaped(text: str | bytes, shown: str) -> None:
    """Letters of all scripts stay; what a terminal would obey, and broken UTF-8, is escaped."""
    assert printable(text) == shown


@given(st.text() | st.binary())
def test_any_text_becomes_one_printable_line(text: str | bytes) -> None:
    """Whatever comes in, one line comes out that can be written as UTF-8."""
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode("utf-8").decode() == shown


@pytest.mark.parametrize(("width", "shown"), [(5, "abcde"), (4, "abc…"), (1, "…")])
def test_cut_keeps_the_width(width: int, shown: str) -> None:
    """Text that is too long ends in an ellipsis within the width."""
    assert cut("abcde", width) == shown


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_400_000, "2.4 MB"), (10**10, "10.0 GB"), (10**15, "1000.0 TB")],
)
def test_size_is_readable(count: int, text: str) -> None:
    """Sizes are told in the largest decimal unit that fits."""
    assert size(count) == text
