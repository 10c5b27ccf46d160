"""The exposition of a living daemon passes the strict parsers."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.daemon import Daemon
from tests.support.oracle import APP
from tests.support.packages import need_program
from tests.support.scrape import fetch
from tests.support.writer import LogWriter

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def test_promtool_finds_nothing_to_complain_about(tmp_path: Path, logs: Path, pattern: str, start: datetime) -> None:
    """`promtool check metrics` accepts a scrape with events in it, without a warning."""
    promtool = need_program("promtool", "prometheus")
    writer = LogWriter(logs, seed=3, start=start)
    writer.write(500)
    writer.close()
    with Daemon(tmp_path / "daemon", "--log", pattern) as daemon:
        status, body = fetch(daemon.url + "/metrics")
    assert status == 200
    check = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, text=True, timeout=30, check=False
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, "")


def test_openmetrics_parser_reads_the_same_values(tmp_path: Path, logs: Path, pattern: str, start: datetime) -> None:
    """The strict OpenMetrics parser accepts the exposition, and its values about the app equal the text format's."""
    writer = LogWriter(logs, seed=4, start=start)
    writer.write(500)
    writer.close()
    with Daemon(tmp_path / "daemon", "--log", pattern) as daemon:
        text, strict = daemon.scrape(), daemon.scrape_openmetrics()
    about_app = {key: value for key, value in text.samples.items() if key.startswith(APP)}
    assert about_app
    assert about_app == {key: value for key, value in strict.samples.items() if key.startswith(APP)}
    assert not [key for key in strict.samples if key.partition("{")[0].endswith("_created")]
