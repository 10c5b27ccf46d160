"""Catch-up: how fast a log that is there already is read, against mtail and against `grep -c`."""

from __future__ import annotations

import shutil
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks import mtail, programs
from tests.benchmarks.compare import differing
from tests.benchmarks.figures import at_least, at_most
from tests.benchmarks.generate import FORMATS, SEED, generate
from tests.support.peak import peak_kib

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.figures import Findings
    from tests.benchmarks.programs import Run
    from tests.benchmarks.sizes import Sizes

GOALS = {"sparse": (at_least(25), at_least(0.25)), "dense": (at_least(5), None)}
"""For each kind of log: times mtail's throughput, and times that of grep."""
FILES = 50


def measure(sizes: Sizes, folder: Path, findings: Findings) -> None:
    """Measure both kinds of log in both formats; the times include the start of each process unless it is said."""
    starts = _starts(sizes, folder)
    for name, runs in starts.items():
        findings.runs(f"catch_up.start.{name}", f"an empty log: {name}", "s", [run.seconds for run in runs])
    own, other = (median(run.seconds for run in runs) for runs in starts.values())
    for kind in GOALS:
        for form in sorted(FORMATS, reverse=True):
            _one_log(kind, form, (own, other), sizes, folder, findings)


def _starts(sizes: Sizes, folder: Path) -> dict[str, list[Run]]:
    """Run both programs on an empty log."""
    empty = folder / "empty.log"
    empty.touch()
    program = mtail.program("line", folder / "programs")
    runs = programs.in_turn([programs.exporter("--log", str(empty)), mtail.one_shot(program, empty)], sizes.pairs)
    return dict(zip(("exporter", "mtail"), runs, strict=True))


def megabytes(kind: str, sizes: Sizes) -> int:
    """Return the size of a log of this kind."""
    return sizes.sparse_mb if kind == "sparse" else sizes.sparse_mb // 2


def _one_log(kind: str, form: str, starts: tuple[float, float], sizes: Sizes, folder: Path, findings: Findings) -> None:
    log = folder / f"{kind}.log"
    generate(kind, megabytes(kind, sizes) * 1_000_000, log, form=form)
    size = log.stat().st_size / 1e6
    commands = [
        programs.exporter("--log", str(log)),
        mtail.one_shot(mtail.program(form, folder / "programs"), log),
        programs.grep(log),
    ]
    ours, theirs, grep = programs.in_turn(commands, sizes.pairs)
    log.unlink()
    key, what = f"catch_up.{kind}.{form}", f"{kind} log of {size:,.0f} MB, {form} format"
    for name, runs in (("exporter", ours), ("mtail", theirs), ("grep", grep)):
        findings.runs(f"{key}.{name}", f"{what}: {name}", "MB/s", [size / run.seconds for run in runs])
    to_mtail, to_grep = GOALS[kind]
    findings.runs(f"{key}.to_mtail", f"{what}: exporter to mtail", "x", programs.ratios(theirs, ours), to_mtail)
    reading = programs.ratios(theirs, ours, starts=(starts[1], starts[0]))
    findings.runs(f"{key}.to_mtail.reading", f"{what}: exporter to mtail, less their starts", "x", reading)
    # Neighbours on the machine change this one least.
    work = [their.processor / our.processor for their, our in zip(theirs, ours, strict=True)]
    findings.runs(f"{key}.to_mtail.processor", f"{what}: exporter to mtail, by processor time", "x", work)
    findings.runs(f"{key}.to_grep", f"{what}: exporter to grep", "x", programs.ratios(grep, ours), to_grep)
    _peak(f"{key}.exporter", f"after catch-up, {kind}, {form} format", ours, findings)
    findings.differences += [f"{what}: {line}" for line in differing(ours[0].output, theirs[0].output)]


def measure_files(sizes: Sizes, folder: Path, findings: Findings) -> None:
    """Compare 50 files with one that holds the same bytes."""
    parts = folder / "parts"
    parts.mkdir()
    whole = folder / "whole.log"
    with whole.open("wb") as file:
        for number in range(FILES):
            part = parts / f"laravel-{number:02}.log"
            generate("sparse", sizes.sparse_mb * 1_000_000 // FILES, part, seed=SEED + number)
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)
    size = whole.stat().st_size / 1e6
    commands = [programs.exporter("--log", f"{parts}/*.log"), programs.exporter("--log", str(whole))]
    many, one = programs.in_turn(commands, max(5, sizes.pairs))
    shutil.rmtree(parts)
    whole.unlink()
    for key, what, runs in (("many", f"{FILES} files", many), ("one", "one file", one)):
        findings.runs(f"files.{key}", f"{what} of {size:,.0f} MB, sparse", "MB/s", [size / run.seconds for run in runs])
    what = f"seconds for {FILES} files to one file"
    findings.runs("files.ratio", what, "x", programs.ratios(many, one))
    start = median(run.seconds for run in _starts(sizes, folder)["exporter"])
    reading = programs.ratios(many, one, starts=(start, start))
    findings.runs("files.ratio.reading", f"{what}, less the start", "x", reading, at_most(1.15))
    _peak("files", f"after catch-up of {FILES} files", many, findings)
    findings.differences += differing(many[0].output, one[0].output, name="with one file")


def _peak(key: str, what: str, runs: list[Run], findings: Findings) -> None:
    peaks = [peak_kib(run.errors) * 1024 / 1e6 for run in runs]
    findings.runs(f"memory.{key}.peak", f"peak of resident memory {what}", "MB", peaks, at_most(90))
