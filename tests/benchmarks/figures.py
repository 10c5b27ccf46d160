"""What was measured: figures with median and spread, their goals, one table and one JSON document; pure.

Ratios are of two programs that ran in turn on the same bytes, because machines vary; a figure's
spread is that of its runs (or samples), lowest and highest.

The JSON document: `size` (quick, default or full), `seed`, `machine` (facts), `figures` (a list of
objects with the keys `key`, `what`, `unit`, `value`, `low`, `high`, `count`, `goal`, `met`; goal and
met are null where none is set) and `counted_differently` (lines; empty, or the figures are worthless).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import ceil, inf
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit in the figure's own unit, from above or from below."""

    limit: float
    at_most: bool

    def met(self, value: float) -> bool:
        """Tell whether `value` keeps it."""
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        """Return it as the table shows it."""
        return f"{'<=' if self.at_most else '>='} {self.limit:g}"


def at_most(limit: float) -> Goal:
    """Return the goal of a value no higher than `limit`."""
    return Goal(limit, at_most=True)


def at_least(limit: float) -> Goal:
    """Return the goal of a value no lower than `limit`."""
    return Goal(limit, at_most=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: a value of `count` runs or samples that lie between `low` and `high`."""

    key: str
    what: str
    unit: str
    value: float
    low: float
    high: float
    count: int
    goal: Goal | None = None


@dataclass(slots=True)
class Findings:
    """Everything that one benchmark run found."""

    figures: list[Figure] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def runs(self, key: str, what: str, unit: str, values: Sequence[float], goal: Goal | None = None) -> None:
        """Add the median of `values`, one per run."""
        self.figures.append(Figure(key, what, unit, median(values), min(values), max(values), len(values), goal))

    def samples(
        self, key: str, what: str, unit: str, values: Sequence[float], share: float, goal: Goal | None = None
    ) -> None:
        """Add the quantile at `share` (0 to 1) of `values`."""
        at = quantile(values, share)
        self.figures.append(
            Figure(key, f"{what}, p{share * 100:g}", unit, at, min(values), max(values), len(values), goal)
        )

    def memory(self, key: str, what: str, resident: float, peak: float) -> None:
        """Add resident memory in MB, at present and at its peak."""
        self.runs(f"memory.{key}.resident", f"resident memory {what}", "MB", [resident])
        self.runs(f"memory.{key}.peak", f"peak of resident memory {what}", "MB", [peak], at_most(90))

    def ordered(self) -> list[Figure]:
        """Return all figures, those of memory last."""
        return sorted(self.figures, key=lambda one: one.key.startswith("memory."))

    def commits(self, key: str, what: str, buckets: Mapping[float, float], seconds: float) -> None:
        """Add rate and duration of the commits within `seconds`, given as cumulative buckets of seconds."""
        count = max(buckets.values())
        # The first falls at the beginning, so that between them lies one interval less.
        self.runs(f"commit.{key}.rate", f"commits {what}", "1/s", [max(0, count - 1) / seconds], at_most(10))
        p95 = 1000 * histogram_quantile(buckets, 0.95)
        self.runs(f"commit.{key}.p95", f"commit {what}, p95 of {count:g}", "ms", [p95], at_most(5))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of `values` that at least `share` of them do not exceed (nearest rank)."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def histogram_quantile(buckets: Mapping[float, float], share: float) -> float:
    """Return a quantile of cumulative `buckets` (upper bound to count), as Prometheus's function of this name does.

    That is interpolated inside the bucket, from 0 in the lowest; the highest finite bound where it
    lies beyond; 0 where nothing was observed.
    """
    bounds = sorted(buckets)
    rank = share * buckets[bounds[-1]]
    below, count_below = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank and count > count_below:
            return below if bound == inf else below + (bound - below) * (rank - count_below) / (count - count_below)
        below, count_below = (bound if bound != inf else below), count
    return 0.0


def document(findings: Findings, size: str, seed: int, machine: Mapping[str, object]) -> dict[str, Any]:
    """Return what is written as JSON; its keys are explained at the top of this module."""
    figures = []
    for one in findings.ordered():
        goal = None if one.goal is None else str(one.goal)
        met = None if one.goal is None else one.goal.met(one.value)
        figures.append(asdict(one) | {"goal": goal, "met": met})
    return {
        "size": size,
        "seed": seed,
        "machine": dict(machine),
        "figures": figures,
        "counted_differently": findings.differences,
    }


_HEADER = ("measurement", "value", "unit", "lowest .. highest", "runs", "goal", "")


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as one table, a line each."""
    rows = [_HEADER]
    for one in figures:
        spread = f"{_short(one.low)} .. {_short(one.high)}" if one.count > 1 else ""
        verdict = "" if one.goal is None else "met" if one.goal.met(one.value) else "MISSED"
        goal = "" if one.goal is None else str(one.goal)
        rows.append((one.what, _short(one.value), one.unit, spread, str(one.count), goal, verdict))
    return columns(rows, right={1, 4})


def columns(rows: Sequence[Sequence[str]], *, right: set[int]) -> str:
    """Return `rows` with aligned columns, those in `right` at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; the first column is text, the others are numbers."""
    rule = "|---|" + "---:|" * (len(header) - 1)
    return "".join(f"{line}\n" for line in (_line(header), rule, *map(_line, rows)))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _short(value: float) -> str:
    """Return three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
