"""Deaths while the state is made: the daemon's first start, killed at each of its calls in turn.

Each birth begins without a state beside a small log that is complete. The first life dies as
planned, the second must count all of the log once, whatever the first had left.
"""

from __future__ import annotations

import shutil
from random import Random
from typing import TYPE_CHECKING

from tests.support.oracle import differences
from tests.torture.crash import DURABLE, FILES, HOWS, Plan
from tests.torture.lives import ForkedDaemon, Nursery
from tests.torture.power import lose_power
from tests.torture.writer import BulkWriter

if TYPE_CHECKING:
    from collections import Counter
    from datetime import datetime
    from pathlib import Path

    from tests.torture.crash import Site

RECORDS = 300
LIFE = 5.0
SETTLE = 10.0


class Births:
    """First starts in `folder`, over the log that is written into it."""

    def __init__(self, folder: Path, library: Path, *, seed: int, start: datetime) -> None:
        self._rng = Random(seed)
        self._library = library
        self._folder = folder
        self._logs = folder / "logs"
        self._logs.mkdir(parents=True)
        writer = BulkWriter(self._logs, seed=seed, start=start, styles=("line", "json"))
        writer.write(RECORDS)
        writer.close()
        self._expected = writer.expected.values

    def run(self, number: int, kills: Counter[Site | str]) -> list[str]:
        """Go through `number` births, counting the deaths in `kills`; return the differences found, at most one's."""
        plan_file = self._folder / "plan"
        state, undo = self._folder / "state" / "state.sqlite", self._folder / "undo"
        plan = Plan(plan_file, state=state, logs=self._logs, undo=undo)
        with Nursery(self._library, plan) as nursery:
            for turn in range(number):
                shutil.rmtree(state.parent, ignore_errors=True)
                daemon = ForkedDaemon(
                    state.parent, nursery, "--log", f"{self._logs}/laravel*.log", "--log", f"{self._logs}/calcom*.log"
                )
                found = self._birth(daemon, plan, undo, turn, kills)
                if found:
                    return [f"birth {turn}: {one}" for one in found]
        return []

    def _birth(self, daemon: ForkedDaemon, plan: Plan, undo: Path, turn: int, kills: Counter[Site | str]) -> list[str]:
        power = self._rng.random() < 0.5
        how = HOWS[1 + turn % 4]
        undo.unlink(missing_ok=True)
        plan.disarm()
        plan.arm(None, how, 1 + turn // 4, self._rng.randrange(1000), files=FILES[:DURABLE])
        daemon.start()
        daemon.wait_dead(LIFE)
        if plan.struck is None:
            daemon.kill()
            return []
        kills[plan.struck] += 1
        if power:
            lose_power(daemon.state, undo, self._rng)
        plan.disarm()
        with daemon:
            shown = daemon.settle(self._expected, deadline=SETTLE)
        return differences(self._expected, shown.samples)
