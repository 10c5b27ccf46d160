"""Every query of the dashboards, executed against a real Prometheus that knows a day of the real daemon."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.dashboards import ALL, NOTHING_TO_SHOW, Target, filled, load, marks, targets
from tests.support.stretch import ENVIRONMENT, FLEET, JOB, Stretch

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACTLY_ALL = "|".join(plan.labels["instance"] for plan in FLEET)
ONE_SERVER = ALL | {"$job": JOB, "$environment": ENVIRONMENT, "$instance": FLEET[0].labels["instance"]}
ALL_BY_NAME = ONE_SERVER | {"$instance": f"({EXACTLY_ALL})"}


def points(result: list[dict[str, Any]]) -> int:
    """Return the number of samples that are numbers."""
    samples = [one for each in result for one in (each.get("values") or [each["value"]])]
    return sum(not math.isnan(float(value)) for _, value in samples)


def asked(prometheus: Stretch, target: Target, values: dict[str, str]) -> list[dict[str, Any]]:
    """Return what Grafana would get for a query: of the moment, or over the last hour and a half."""
    text = filled(target.expr, values)
    if target.instant:
        return prometheus.instant(text)
    return prometheus.over_time(text, seconds=5400, step=60)


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a folder in memory where there is one: thousands of commits need no disk here."""
    shared = Path("/dev/shm")  # noqa: S108  # Linux' memory file system; the folder inside gets a name of its own
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.mark.slow
def test_every_panel_has_data(memory: Path) -> None:
    """With all servers, with all by name and with one server; variables offer exactly what there is.

    One test, because the day takes seconds to make.
    """
    boards = load()
    queries = [one for board in boards.values() for one in targets(board)]
    with Stretch(memory / "prometheus") as prometheus:
        empty = {
            (target.panel, target.expr)
            for target in queries
            for values in (ALL, ALL_BY_NAME, ONE_SERVER)
            if not points(asked(prometheus, target, values))
        }
        offered = variables(prometheus, boards["booking-exporter.json"])
        marked = [asked(prometheus, one, ALL) for board in boards.values() for one in marks(board)]
    assert {panel: expr for panel, expr in empty if panel not in NOTHING_TO_SHOW} == {}
    assert {panel for panel, _ in empty} == set(NOTHING_TO_SHOW)
    assert offered == {
        "job": [JOB],
        "environment": [ENVIRONMENT],
        "instance": sorted(plan.labels["instance"] for plan in FLEET),
    }
    assert sum(points(one) for one in marked) > 0


def variables(prometheus: Stretch, board: Any) -> dict[str, list[str]]:  # noqa: ANN401  # a JSON document
    """Return what the variables offer while all is chosen."""
    found = {}
    for one in board["templating"]["list"]:
        if one["type"] == "query":
            selector, _, label = one["query"]["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
            found[one["name"]] = sorted(prometheus.label_values(label, filled(selector)))
    return found
