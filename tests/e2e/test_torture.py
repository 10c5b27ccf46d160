"""Exactly once at every instruction: the short form of `make torture`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.packages import lacking
from tests.torture.campaign import Campaign
from tests.torture.crash import Site, compiler
from tests.torture.live import Measure

if TYPE_CHECKING:
    from pathlib import Path

MEASURE = Measure(kills=20, records=30_000, rotations=10, seed=20251006)


@pytest.mark.slow
def test_no_record_is_lost_or_counted_twice_wherever_the_daemon_dies(tmp_path: Path) -> None:
    """Through kills inside commits, power losses and rotations each record counts once, and no counter falls."""
    if compiler() is None:
        lacking("needs a C compiler: apt-get install gcc")
    figures = Campaign(tmp_path / "run", MEASURE, lambda _: None).run()
    assert figures.faults == []
    assert figures.kills.total() >= MEASURE.kills
    assert figures.records >= MEASURE.records
    assert figures.rotations.total() == MEASURE.rotations
    # The harness did what it is for: deaths at calls on the parts of the state, and power losses.
    assert {"database", "wal"} & {site.file for site in figures.kills if isinstance(site, Site)}
    assert {("write", "wal"), ("sync", "wal")} <= figures.seen.keys()
    assert figures.power_losses
