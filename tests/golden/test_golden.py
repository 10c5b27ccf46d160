"""Golden pairs: each `*.log` beside this file, read by `run --once`, gives exactly the lines of its `.prom`.

A `.prom` file holds the sample lines that begin with `api_gateway_` and whose value is not 0,
in the order of the exposition, without the records per level, the prevention rate and the times
of the last events, which depend on the log's noise or on the clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.oneshot import exposition
from tests.support.oracle import APP, UNCOUNTED

FOLDER = Path(__file__).parent
LEFT_OUT = (APP + "log_records_total", *UNCOUNTED)
LOGS = sorted(FOLDER.glob("*.log"))


def golden_lines(text: str) -> list[str]:
    """Return the lines of an exposition that a `.prom` file holds."""
    return [
        line
        for line in text.splitlines()
        if line.startswith(APP) and not line.startswith(LEFT_OUT) and float(line.rpartition(" ")[2]) != 0
    ]


def test_golden_pairs_are_complete() -> None:
    """There are golden logs in both formats, and each has its expectation and the other way round."""
    assert [log for log in LOGS if log.name.endswith(".json.log")]
    assert {log.with_suffix(".prom") for log in LOGS} == set(FOLDER.glob("*.prom"))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_golden_pair(log: Path) -> None:
    """The golden log gives the golden samples, no more and no fewer."""
    assert golden_lines(exposition(log)) == log.with_suffix(".prom").read_text().splitlines()
