"""A private Prometheus server (Debian package `prometheus`) that scrapes one target every second, or by its `config`.

With `rules` it evaluates them every second, and with `alertmanager` it sends what fires there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.support.oracle import sample
from tests.support.packages import need_program
from tests.support.scrape import fetch
from tests.support.served import Served

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - job_name: booking-exporter
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
EVALUATION = """\
rule_files: ["{folder}/*.yml"]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]}}
"""


class Queried(Served):
    """A Prometheus that can be asked."""

    def query(self, expression: str, *, at: float | None = None) -> dict[str, float]:
        """Return an instant query's vector by canonical sample name (labels of the scrape left out)."""
        return {key: float(one["value"][1]) for key, one in self._ask(expression, at)}

    def raw(self, selector: str) -> dict[str, list[tuple[float, float]]]:
        """Return the stored samples, as (time, value), that a range selector such as `x[5m]` selects."""
        return {key: [(time, float(text)) for time, text in one["values"]] for key, one in self._ask(selector, None)}

    def _ask(self, expression: str, at: float | None) -> list[tuple[str, dict[str, Any]]]:
        parameters = {"query": expression} | ({} if at is None else {"time": f"{at:.3f}"})
        status, body = fetch(f"http://127.0.0.1:{self.port}/api/v1/query?{urlencode(parameters)}")
        assert status == 200, body
        result = json.loads(body)["data"]["result"]
        return [(_key(one["metric"]), one) for one in result]


class Prometheus(Queried):
    """The server as a context manager: started and awaited, killed at the end; all files in `folder`."""

    def __init__(
        self,
        folder: Path,
        target_port: int = 1,
        *,
        rules: Path | None = None,
        alertmanager: int = 1,
        config: str | None = None,
    ) -> None:
        program = need_program("prometheus", "prometheus")
        folder.mkdir()
        config = CONFIG.format(port=target_port) if config is None else config
        if rules is not None:
            config = config.replace("900ms}", "900ms, evaluation_interval: 1s}", 1)
            config = config.replace('"]}]', '"], labels: {environment: production}}]', 1)
            config += EVALUATION.format(folder=rules, port=alertmanager)
        (folder / "prometheus.yml").write_text(config)
        # Without the delay, what fired before Alertmanager was found is sent again a minute later only.
        arguments = (
            "--rules.alert.resend-delay=1s",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
        )
        super().__init__(folder, program, arguments)


def _key(metric: dict[str, str]) -> str:
    labels = {name: value for name, value in metric.items() if name not in ("__name__", "job", "instance")}
    return sample(metric.get("__name__", ""), labels)
