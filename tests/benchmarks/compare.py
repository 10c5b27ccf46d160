"""Whether two programs counted the same; without that a comparison of their speed is worthless. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.oracle import APP
from tests.support.scrape import parse

if TYPE_CHECKING:
    from tests.support.scrape import Scrape

_OF_MTAIL = re.compile(r'prog="booking\.mtail",|,?prog="booking\.mtail"')


def counters(scrape: Scrape) -> dict[str, float]:
    """Return what both programs count: counters, and the counts and sums of histograms."""
    return {
        _OF_MTAIL.sub("", key).replace("{}", ""): round(value, 3)
        for key, value in scrape.rising.items()
        if key.startswith(APP) and value and "_bucket{" not in key and "_incidents_" not in key
    }


def differing(ours: str, theirs: str, *, name: str = "mtail") -> list[str]:
    """Return one line per series that differs between two expositions, or one that says that nothing was counted."""
    left, right = counters(parse(ours)), counters(parse(theirs))
    if not left:
        return ["the exporter counted nothing"]
    # mtail prints floats of any size with seven digits.
    return [
        f"{key}: exporter {left.get(key, 0):g}, {name} {right.get(key, 0):g}"
        for key in sorted(left.keys() | right.keys())
        if abs(left.get(key, 0) - right.get(key, 0)) > 1e-6 * abs(left.get(key, 0))
    ]
