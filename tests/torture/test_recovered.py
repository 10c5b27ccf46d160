"""A commit that was written and not synced when its process was killed is either gone, or stays."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import Store
from tests.support.daemon import environment
from tests.support.packages import lacking
from tests.torture.crash import VARIABLE, Plan, build, compiler
from tests.torture.power import lose_power

if TYPE_CHECKING:
    from pathlib import Path

LIFE = """
import dataclasses, os, signal, sys
from pathlib import Path
from exporter.checkpoint.store import Store
from exporter.model import Changes
store = Store.open(Path(sys.argv[1]), now=0.0, mountinfo="")
for value in map(float, sys.argv[2:]):
    changes = Changes({("c_total", ()): value}, {}, {}, {}, None, None)
    store.commit(changes, [], [], {})
print(dict(store.load().ledger.counters if store.load().ledger else {}), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return a plan over a state in an empty folder; skipped without a compiler."""
    if compiler() is None:
        lacking("needs a C compiler: apt-get install gcc")
    build(tmp_path)
    (tmp_path / "state").mkdir()
    return Plan(
        tmp_path / "plan",
        state=tmp_path / "state" / "state.sqlite",
        logs=tmp_path / "logs",
        undo=tmp_path / "undo",
    )


def live(folder: Path, *values: str) -> str:
    """Open the state in a process that the plan may kill, commit `values` in turn, and return what it then showed."""
    surroundings = {key: value for key, value in environment().items() if not key.startswith("COVERAGE_")}
    preload = {"LD_PRELOAD": str(folder / "crash.so"), VARIABLE: str(folder / "plan")}
    done = subprocess.run(
        [sys.executable, "-c", LIFE, str(folder / "state" / "state.sqlite"), *values],
        capture_output=True,
        text=True,
        env=surroundings | preload,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", range(4))
def test_recovered_commit_survives_a_power_loss_once_it_was_shown(plan: Plan, tmp_path: Path, seed: int) -> None:
    """What a start recovers from the WAL and publishes is synced first: no loss of power takes it back."""
    live(tmp_path, "1")
    plan.disarm()
    plan.arm("sync", "before", 2, 0, files=("wal",))  # the first sync is that of the start
    assert live(tmp_path, "2", "3") == ""
    assert plan.struck
    plan.disarm()
    shown = live(tmp_path)
    assert "2.0" in shown
    lose_power(tmp_path / "state" / "state.sqlite", tmp_path / "undo", Random(seed))
    with Store.open(tmp_path / "state" / "state.sqlite", now=0.0, mountinfo="") as store:
        ledger = store.load().ledger
        assert ledger is not None
        assert f"{dict(ledger.counters)}" == shown.strip()
