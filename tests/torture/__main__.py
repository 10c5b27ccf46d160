"""`python -m tests.torture`: one campaign, its figures, and exit code 1 where anything differs."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.campaign import Campaign
from tests.torture.crash import compiler
from tests.torture.live import Measure

if TYPE_CHECKING:
    from tests.torture.campaign import Figures


def report(figures: Figures, measure: Measure) -> str:
    """Return the figures of a campaign as text."""
    kills = figures.kills
    rotations = ", ".join(f"{kind} {number}" for kind, number in sorted(figures.rotations.items()))
    planned = sum(number for site, number in kills.items() if not isinstance(site, str))
    lines = [
        f"kills        {kills.total()}: {planned} inside calls, {kills.total() - planned} by the clock",
        *_sites(figures),
        f"power losses {figures.power_losses}, with {figures.taken_back} unsynced changes taken back",
        f"restarts     {figures.restarts}, clean stops {figures.clean_stops}",
        f"records      {figures.records}",
        f"rotations    {figures.rotations.total()}: {rotations}",
        f"comparisons  {figures.comparisons}, scrapes {figures.scrapes}",
        f"differences  {len(figures.differences)}",
        f"falls        {len(figures.falls)}",
        f"time         {figures.seconds:.0f} s, peak memory of the daemon {figures.peak / 1024:.0f} MiB",
        f"seed         {measure.seed}",
    ]
    return "\n".join(lines)


def _sites(figures: Figures) -> list[str]:
    hows = ("before", "torn", "after", "later")
    lines = [f"  {'call':10}{'file':12}" + "".join(f"{how:>8}" for how in hows) + f"{'calls':>10}"]
    for (call, file), number in figures.seen.items():
        struck = {
            site.how: count
            for site, count in figures.kills.items()
            if not isinstance(site, str) and (site.call, site.file) == (call, file)
        }
        lines.append(f"  {call:10}{file:12}" + "".join(f"{struck.get(how, 0):8}" for how in hows) + f"{number:10}")
    return lines


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run a campaign as the options say; return the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    options.add_argument("--kills", type=int, default=1000)
    options.add_argument("--records", type=int, default=5_000_000)
    options.add_argument("--rotations", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    if compiler() is None:
        sys.stderr.write("needs a C compiler: apt-get install gcc\n")
        return 2
    measure = Measure(chosen.kills, chosen.records, chosen.rotations, chosen.seed)
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    campaign = Campaign(folder / "run", measure, _tell)
    figures = campaign.run()
    _tell(report(figures, measure))
    if figures.faults:
        _tell("\n".join((f"state, logs and journal are kept in {folder}/run", *figures.faults[:20])))
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
