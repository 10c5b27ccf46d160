"""Everything that is measured: `python -m tests.benchmarks [--quick|--full] [--only PART] [--json FILE] [--growth]`.

`make bench` runs it. At the end it prints one table and writes the same as JSON. The exit code is 1
if two programs counted differently or something was counted twice, which makes the figures
worthless; goals that were missed are only shown. The goals of catch-up are set for the 1 GB of
`--full`: the smaller the log, the more the start of the process weighs. Run it on an idle machine;
it needs mtail, and free space of three times the sparse log's size.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import exporter
from tests.benchmarks import catch_up, growth, latency, load, mtail, restart, scrapes
from tests.benchmarks.figures import Findings, document, table
from tests.benchmarks.generate import SEED
from tests.benchmarks.sizes import DEFAULT, FULL, QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.sizes import Sizes

    Part = Callable[[Sizes, Path, Findings], None]

PARTS: dict[str, Part] = {
    "catch-up": catch_up.measure,
    "files": catch_up.measure_files,
    "latency": latency.measure,
    "load": load.measure,
    "scrape": scrapes.measure,
    "restart": restart.measure,
}
JSON = Path("var/bench.json")
GROWTH_JSON = Path("var/bench-growth.json")


def machine() -> dict[str, object]:
    """Return what the figures depend on besides the code."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "mtail": mtail.version(),
        "load_average_at_start": os.getloadavg()[0],
    }


def measure(sizes: Sizes, parts: list[str], folder: Path, findings: Findings) -> None:
    """Measure `parts` in turn, each in a folder of its own."""
    for name in parts:
        begin = time.monotonic()
        own = folder / name
        own.mkdir()
        PARTS[name](sizes, own, findings)
        shutil.rmtree(own)
        sys.stderr.write(f"measured {name} in {time.monotonic() - begin:.0f} s\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure booking-exporter.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_const", dest="sizes", const=QUICK, help="logs of 50 MB, two minutes")
    size.add_argument("--full", action="store_const", dest="sizes", const=FULL, help="logs of 1 GB, half an hour")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part; may be repeated")
    parser.add_argument("--growth", action="store_true", help="print how cost grows, as Markdown, and nothing else")
    parser.add_argument("--json", type=Path, help=f"where to write the figures (default {JSON}, {GROWTH_JSON})")
    parser.add_argument(
        "--folder", type=Path, help="where the generated logs go (default: the system's temporary folder)"
    )
    parser.set_defaults(sizes=DEFAULT)
    return parser.parse_args()


def main() -> None:
    """Measure as the command line says."""
    chosen = _parse()
    mtail.need()
    # As pip leaves what it installs: else each start in this tree would compile every module.
    compileall.compile_dir(Path(exporter.__file__).parent, quiet=1)
    findings, facts = Findings(), machine()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        if chosen.growth:
            sys.stdout.write(growth.measure(chosen.sizes, Path(name), findings))
        else:
            measure(chosen.sizes, chosen.only or list(PARTS), Path(name), findings)
            sys.stdout.write(table(findings.ordered()))
    target: Path = chosen.json or (GROWTH_JSON if chosen.growth else JSON)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document(findings, chosen.sizes.name, SEED, facts), indent=1) + "\n")
    sys.stdout.write(f"\nwritten to {target}\n")
    for line in findings.differences:
        sys.stdout.write(f"counted differently: {line}\n")
    sys.exit(1 if findings.differences else 0)


if __name__ == "__main__":
    main()
