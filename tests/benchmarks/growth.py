"""How the time of a catch-up grows with file size, patterns, event share and files, as Markdown tables."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks import programs
from tests.benchmarks.figures import markdown
from tests.benchmarks.generate import SEED, generate, generate_share

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.benchmarks.figures import Figure, Findings
    from tests.benchmarks.sizes import Sizes

PATTERNS = (10, 100, 1000)
SHARES = (0.0, 0.02, 0.1, 0.5, 1.0)
FILES = (1, 10, 50, 100)
SMALL = (100, 300, 900)
SMALL_BYTES = 3000
CONFIG = 'logs: [{{name: app, paths: ["{log}"]}}]\nevents: {{files: ["{events}"]}}\n'
EVENTS = """\
version: 1
series:
  - {name: generated_events_total, kind: counter, help: Records that match a generated definition.}
events:
"""
EVENT = """\
  - name: generated_{number}
    match: {{message: {{contains: "{phrase}"}}, levels: [notice]}}
    lowest_level: notice
    count: {{metric: generated_events_total}}
    examples:
      - record: '[2026-01-31 12:00:00] production.NOTICE: {phrase}'
        expect: {{generated_events_total: 1}}
      - record: '[2026-01-31 12:00:00] production.INFO: {phrase}'
        expect: none
"""
WORDS = ("Invoice", "Reminder", "Customer import", "Calendar sync", "Voice agent", "Payment", "Branch", "Export")
STEPS = ("queued", "refused by the provider", "finished late", "started again", "skipped")


def events_file(count: int, path: Path) -> None:
    """Write definitions of `count` events, each with a phrase of its own of 20 to 40 bytes."""
    events = []
    for number in range(count):
        phrase = f"{WORDS[number % len(WORDS)]} {STEPS[number % len(STEPS)]} in step {number}."
        events.append(EVENT.format(number=number, phrase=phrase))
    path.write_text(EVENTS + "".join(events))


def measure(sizes: Sizes, folder: Path, findings: Findings) -> str:
    """Measure everything that grows; return the tables."""
    tables = [
        _table("File size (sparse log)", "MB", _by_size(sizes, folder, findings)),
        _table(
            "Definitions besides the shipped ones (sparse log)", "definitions", _by_patterns(sizes, folder, findings)
        ),
        _table("Share of events among the records", "share", _by_share(sizes, folder, findings)),
        _table("Files (same bytes in all, sparse)", "files", _by_files(sizes, folder, findings)),
        *(
            _table(f"Small files that {what}", "files", _by_small_files(sizes, folder, findings, alike=alike))
            for alike, what in ((False, "appear at once"), (True, "appear at once and begin alike"))
        ),
    ]
    return "\n".join(tables)


@dataclass(frozen=True, slots=True)
class Row:
    """What was varied, the MB read, the seconds, and those that the same takes on an empty log (median)."""

    label: str
    megabytes: int
    figure: Figure
    start: float


def _row(
    key: str, label: str, megabytes: int, commands: tuple[list[str], list[str]], sizes: Sizes, findings: Findings
) -> Row:
    """Time two commands in turn: one on the log, and the same on an empty one."""
    runs, starts = programs.in_turn(commands, sizes.pairs)
    what = f"growth by {key.partition('.')[0]}, {label}: {megabytes:,} MB"
    findings.runs(f"growth.{key}", what, "s", [run.seconds for run in runs])
    figure = findings.figures[-1]
    findings.runs(f"growth.{key}.start", f"{what}, the start alone", "s", [run.seconds for run in starts])
    return Row(label, megabytes, figure, findings.figures[-1].value)


def _on(log: str, folder: Path) -> tuple[list[str], list[str]]:
    """Return the commands for `log` and for an empty one."""
    empty = folder / "empty.log"
    empty.touch()
    return programs.exporter("--log", log), programs.exporter("--log", str(empty))


def _by_size(sizes: Sizes, folder: Path, findings: Findings) -> list[Row]:
    rows = []
    for megabytes in sizes.growth_mb:
        log = folder / "size.log"
        generate("sparse", megabytes * 1_000_000, log)
        rows.append(_row(f"size.{megabytes}", str(megabytes), megabytes, _on(str(log), folder), sizes, findings))
        log.unlink()
    return rows


def _by_patterns(sizes: Sizes, folder: Path, findings: Findings) -> list[Row]:
    """Vary definitions that match nothing in the log: what they cost by being there."""
    log, events = folder / "patterns.log", folder / "events.yaml"
    megabytes = sizes.growth_mb[0]
    generate("sparse", megabytes * 1_000_000, log)
    configs = {folder / "config.yaml": log, folder / "empty.yaml": folder / "empty.log"}
    for config, read in configs.items():
        config.write_text(CONFIG.format(log=read, events=events))
    rows = [_row("definitions.0", "0", megabytes, _on(str(log), folder), sizes, findings)]
    full, empty = (programs.exporter("--config", str(config)) for config in configs)
    for count in PATTERNS:
        events_file(count, events)
        rows.append(_row(f"definitions.{count}", f"{count:,}", megabytes, (full, empty), sizes, findings))
    log.unlink()
    return rows


def _by_share(sizes: Sizes, folder: Path, findings: Findings) -> list[Row]:
    rows = []
    megabytes = sizes.growth_mb[0]
    for share in SHARES:
        log = folder / "share.log"
        generate_share(share, megabytes * 1_000_000, log)
        label = f"{share * 100:g} %"
        rows.append(_row(f"share.{share * 100:g}", label, megabytes, _on(str(log), folder), sizes, findings))
        log.unlink()
    return rows


def _by_files(sizes: Sizes, folder: Path, findings: Findings) -> list[Row]:
    rows = []
    megabytes = sizes.growth_mb[0]
    for count in FILES:
        logs = folder / "files"
        logs.mkdir()
        for number in range(count):
            generate("sparse", megabytes * 1_000_000 // count, logs / f"laravel-{number:03}.log", seed=SEED + number)
        rows.append(_row(f"files.{count}", str(count), megabytes, _on(f"{logs}/*.log", folder), sizes, findings))
        shutil.rmtree(logs)
    return rows


def _by_small_files(sizes: Sizes, folder: Path, findings: Findings, *, alike: bool) -> list[Row]:
    """Vary how many files there are to be told from each other; those that begin alike share two thirds."""
    key = "alike" if alike else "small"
    rows = []
    for count in SMALL:
        logs = folder / "small"
        logs.mkdir()
        for number in range(count):
            one = logs / f"laravel-{number:03}.log"
            generate("dense", SMALL_BYTES, one, seed=SEED + number)
            if alike:
                data = one.read_bytes()
                first = (logs / "laravel-000.log").read_bytes()
                one.write_bytes(first[: 1 + first.rfind(b"\n", 0, SMALL_BYTES * 2 // 3)] + data)
        rows.append(_row(f"{key}.{count}", str(count), 0, _on(f"{logs}/*.log", folder), sizes, findings))
        shutil.rmtree(logs)
    return rows


def _table(title: str, varied: str, rows: Sequence[Row]) -> str:
    header = (varied, "seconds", "lowest", "highest", "of that start", "MB/s behind the start")
    cells = []
    for row in rows:
        one = row.figure
        seconds = [f"{value:.2f}" for value in (one.value, one.low, one.high, row.start)]
        reading = one.value - row.start
        cells.append((row.label, *seconds, f"{row.megabytes / reading:,.0f}" if row.megabytes and reading > 0 else ""))
    return f"**{title}**\n\n{markdown(header, cells)}"
