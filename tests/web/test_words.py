"""exporter.web.words: how the status page writes numbers, durations and times."""

from __future__ import annotations

import doctest
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from exporter.web import words
from exporter.web.words import Stamp, clock, day, duration, listed, stamp, zone_name

NOW = 1_760_000_000.0
BERLIN = ZoneInfo("Europe/Berlin")


def test_examples() -> None:
    """Every example in the module holds."""
    failed, tried = doctest.testmod(words)
    assert (failed, tried >= 6) == (0, True)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.5, "500 ms"),
        (59.9, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (1e7, "115 d 17 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration has its two largest units, the second only next to the first."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists(names: list[str], text: str) -> None:
    """A few names are a sentence's part."""
    assert listed(names) == text


@pytest.mark.parametrize(
    ("seconds", "form"),
    [
        (NOW - 1, Stamp("2025-10-09T10:53:19+02:00", "10:53:19 CEST", "just now")),
        (NOW - 90, Stamp("2025-10-09T10:51:50+02:00", "10:51:50 CEST", "1 minute ago")),
        (NOW - 86400, Stamp("2025-10-08T10:53:20+02:00", "2025-10-08 10:53 CEST", "1 day ago")),
        (NOW + 7200, Stamp("2025-10-09T12:53:20+02:00", "12:53:20 CEST", "in 2 hours")),
        (1e300, Stamp("", f"{1e300:.0f}", "")),
        (float("inf"), Stamp("", "inf", "")),
    ],
)
def test_stamps(seconds: float, form: Stamp) -> None:
    """A time is absolute with its zone, and relative; today's is without a date, an impossible one does no harm."""
    assert stamp(seconds, NOW, BERLIN) == form


def test_zones() -> None:
    """A zone without letters is called by its distance from UTC."""
    assert (clock(NOW, BERLIN), day(NOW, UTC)) == ("10:53", "2025-10-09 08:53 UTC")
    assert zone_name(NOW, ZoneInfo("America/Sao_Paulo")) == "UTC-03"
