"""The progress bar of a catch-up."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from exporter.commands.catch_up import WORTH_A_BAR, CatchUp


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


def catch_up(screen: io.StringIO) -> CatchUp:
    return CatchUp(Console(file=screen, force_terminal=True, width=120))


def test_a_long_catch_up_shows_a_bar_until_it_ends(screen: io.StringIO) -> None:
    """The bar appears while much is left, goes when all is read, and may come back."""
    with catch_up(screen) as progress:
        progress(0, WORTH_A_BAR)
        assert "catching up" in screen.getvalue()
        progress(WORTH_A_BAR, WORTH_A_BAR)
        length = len(screen.getvalue())
        progress(WORTH_A_BAR, WORTH_A_BAR)
        assert len(screen.getvalue()) == length
        progress(WORTH_A_BAR, 3 * WORTH_A_BAR)
        assert len(screen.getvalue()) > length


def test_a_short_catch_up_shows_nothing(screen: io.StringIO) -> None:
    """Little to read is read without a word."""
    with catch_up(screen) as progress:
        progress(0, WORTH_A_BAR - 1)
        progress(WORTH_A_BAR - 1, WORTH_A_BAR - 1)
    assert screen.getvalue() == ""
