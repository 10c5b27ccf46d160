"""Records that name their generation and their number in it, and what of each generation is counted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.scrape import Scrape

MOST = 400
"""Generations of one storm."""
COUNT = "storm_records_total"
SUM = "storm_numbers_sum"


@dataclass(slots=True)
class Written:
    """What was written of one generation: how many records, and the sum of their numbers."""

    count: int = 0
    total: int = 0

    def record(self, generation: int, size: int) -> bytes:
        """Return the next record of a generation, with `size` bytes more than it needs."""
        self.count += 1
        self.total += self.count
        text = f'"generation":{generation},"number":{self.count},"note":"{"x" * size}"'
        return f"[{datetime.now(UTC):%Y-%m-%d %H:%M:%S}] production.INFO: Storm {{{text}}} \n".encode()


def differing(written: Sequence[Written], shown: Scrape) -> Iterator[tuple[int, str]]:
    """Yield each generation that is not counted as it was written, and both."""
    for generation, want in enumerate(written):
        count, total = (shown.get(name, generation=str(generation)) or 0 for name in (COUNT, SUM))
        if (count, total) != (want.count, want.total):
            yield generation, f"wrote {want.count} records with sum {want.total}, counted {count:g} with sum {total:g}"


def definitions() -> str:
    """Return event definitions that count records by generation, and add up their numbers."""
    numbers = [str(number) for number in range(MOST)]
    example = '[2026-01-31 12:00:00] production.INFO: Storm {"generation":0,"number":5}'
    labels = {"generation": {"path": "context.generation", "one_of": numbers}}
    event = {
        "name": "storm",
        "match": {"message": {"contains": "Storm"}},
        "count": {"metric": COUNT, "labels": labels},
        "observe": [{"metric": SUM.removesuffix("_sum"), "value": "context.number", "labels": labels}],
        "examples": [
            {"record": example, "expect": {COUNT: 1}},
            {"record": example.replace("Storm", "S"), "expect": "none"},
        ],
    }
    closed = {"generation": [*numbers, "other"]}
    series = [
        {"name": COUNT, "kind": "counter", "help": "Records.", "labels": closed},
        {"name": SUM.removesuffix("_sum"), "kind": "histogram", "help": "Numbers.", "labels": closed, "buckets": [1]},
    ]
    return json.dumps({"version": 1, "series": series, "events": [event]})  # JSON is YAML
