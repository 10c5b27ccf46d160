"""Exactly once through rotations every twentieth of a second: the short form of `make storm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.torture.lives import Nursery
from tests.torture.rotator import Habits
from tests.torture.storm import Storm, Weather

if TYPE_CHECKING:
    from pathlib import Path

HABITS = Habits(("rename", "copytruncate"), compressed=2, late=False, created=False, away=False)


@pytest.mark.slow
def test_no_generation_is_lost_or_counted_twice_in_a_storm(tmp_path: Path) -> None:
    """While the daemon is halted, killed, ended and reloaded, each generation counts once, and no counter falls."""
    weather = Weather(20251006, wide=True, pace=0.05, habits=HABITS, fates=(1, 1, 1, 1))
    with Nursery() as nursery:
        outcome = Storm(tmp_path / "run", weather, nursery).run(rounds=1, length=2.0)
    assert outcome.faults == []
    # The harness did what it is for.
    assert {"rename", "copytruncate"} <= outcome.rotations.keys()
    assert outcome.fates
    assert outcome.records > 100
