"""How much each size of the benchmark measures, in MB, seconds and runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The amounts of one size. A dense log is half as large as a sparse one."""

    name: str
    sparse_mb: int
    pairs: int
    """Paired runs of each comparison."""
    slow_seconds: float
    """Length of the live run at 1 record/s."""
    fast_seconds: float
    """Length of each live run at 1,000 records/s."""
    idle_seconds: float
    scrapes: int
    restarts: int
    growth_mb: tuple[int, ...]
    """File sizes of the growth table; the smallest serves the other tables."""


QUICK = Sizes("quick", 50, 2, 8, 8, 10, 200, 2, (10, 40))
DEFAULT = Sizes("default", 200, 3, 30, 20, 30, 500, 5, (50, 200, 800))
FULL = Sizes("full", 1000, 5, 120, 60, 60, 2000, 7, (50, 200, 800))
