"""A Prometheus that knows a day of a small fleet: simulated hours of the real daemon, then live scrapes of it.

Windows of 24 h cannot be waited for, so the day is made in two parts:

1. For each of two servers, the simulated app writes its logs (and its database) at simulated times,
   and the real daemon, stepped by the same clock, follows them. What its `/metrics` shows at each
   simulated scrape is written down with that time: every four minutes at first, every minute in
   the last two hours. `promtool tsdb create-blocks-from openmetrics` makes blocks of it.
2. The daemons are started as processes on the states and logs that part 1 left, and a Prometheus
   that holds the blocks scrapes them and evaluates the shipped rules. Only the rule groups' own
   intervals are left out, so that none is first evaluated after minutes.

So every sample was exposed by the daemon, and recorded series and alerts come from Prometheus'
own rule engine.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import yaml

from exporter import __version__
from exporter.checkpoint.store import Store
from exporter.config.database import DatabaseSettings
from exporter.config.database_url import Secret
from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.database.sampler import Sampler
from exporter.demo.app import App
from exporter.service.daemon import Daemon as Stepped
from exporter.web.health import Identity
from tests.support.alertrules import FILES
from tests.support.daemon import Daemon
from tests.support.packages import need_program
from tests.support.prometheus import Prometheus
from tests.support.scrape import fetch
from tests.support.stepper import events
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.model import DatabaseSnapshot

JOB = "booking-exporter"
ENVIRONMENT = "production"
ZONE = "Europe/Berlin"
DAY = 25 * 3600.0
FINE = 2 * 3600.0
"""The last part of the day, which is scraped every minute."""
_COARSE_STEP, _FINE_STEP = 240.0, 60.0
_ROTATE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """One server of the fleet: its name, how many records it writes at each scrape, whether it samples a database."""

    name: str
    records: int
    database: bool

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its target."""
        return {"environment": ENVIRONMENT, "instance": f"{self.name}:10877"}


FLEET = (Plan("web-1", 14, database=True), Plan("web-2", 8, database=False))


class Server:
    """A simulated app and the daemon that follows it, both on a clock that is moved by hand."""

    def __init__(self, plan: Plan, folder: Path, now: float) -> None:
        folder.mkdir(parents=True)
        self.plan = plan
        self.folder = folder
        self.now = now
        zone = ZoneInfo(ZONE)
        self._app = App(folder, Random(plan.name), lambda: datetime.fromtimestamp(self.now, zone), _ROTATE_BYTES)
        settings = self._settings()
        self._store = Store.open(folder / "state.sqlite", now=now, mountinfo="")
        self._daemon = Stepped(
            settings,
            events(),
            self._store,
            identity=Identity(__version__, 1 + plan.database, events().hash),
            clock=lambda: self.now,
            stopping=lambda: False,
            boot="",
        )
        self._sampler = None
        if settings.database is not None:
            self._sampler = Sampler(settings.database, self._sampled, lambda: self.now, lambda: self.now)

    def scrape(self) -> list[str]:
        """Let the app write, the daemon follow and sample; return the samples' lines at the present time.

        Series of the process are left out: it is the test's.
        """
        self._app.write(self.plan.records)
        for _ in range(2):
            self._daemon.loop.cycle(moved=True)
            self.now += 1.0  # silence, after which the last record is complete
        if self._sampler is not None:
            self._sampler.round()
        text = self._daemon.exposition.render().body.decode()
        return [
            f"{_labelled(line, self.plan)} {self.now:.3f}"
            for line in text.splitlines()
            if not line.startswith(("#", "process_"))
        ]

    def close(self) -> Path:
        """End in order; write the configuration for the real daemon and return its path."""
        self._daemon.loop.commit(forced=True)
        self._daemon.close()
        if self._sampler is not None:
            self._sampler.stop()
        self._store.close()
        self._app.close()
        log = self._settings().logs[0]
        config: dict[str, Any] = {"logs": [{"name": log.name, "paths": list(log.paths), "timezone": ZONE}]}
        if self.plan.database:
            config["database"] = {"url": self._url, "interval": "1s"}
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(config), "utf-8")
        return path

    @property
    def _url(self) -> str:
        return f"sqlite:///{self.folder / 'database.sqlite'}"

    def _settings(self) -> Settings:
        logs = self.folder / "storage" / "logs"
        log = LogSettings("app", (f"{logs}/laravel*.log", f"{logs}/calcom*.log"), timezone=ZONE)
        database = DatabaseSettings(url=Secret(self._url), timezone=ZONE) if self.plan.database else None
        state = StateSettings(self.folder / "state.sqlite")
        return Settings(Listen(), (log,), EventSettings(), state, JournalSettings(), database)

    def _sampled(self, snapshot: DatabaseSnapshot) -> None:
        self._daemon.view.database = snapshot


def _labelled(line: str, plan: Plan) -> str:
    """Return a sample's line with the labels of its target, as Prometheus adds them."""
    labels = ",".join(f'{name}="{value}"' for name, value in {"job": JOB, **plan.labels}.items())
    name, _, value = line.rpartition(" ")
    bare, brace, inside = name.partition("{")
    return f"{bare}{{{labels}{',' + inside[:-1] if brace else ''}}} {value}"


def _up(plan: Plan, at: float) -> str:
    """Return the sample that Prometheus makes by itself for a target that answers."""
    return f"{_labelled('up 1', plan)} {at:.3f}"


class Stretch(Prometheus):
    """The server as a context manager, with all of the day in it; files are below `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1)
        self.end = time.time()
        self.start = self.end - DAY
        self._daemons = ExitStack()
        self._targets: list[tuple[Plan, int]] = []

    def __enter__(self) -> Self:
        """Simulate the day, start everything, and wait until scrapes and rules have begun."""
        configs = self._simulate()
        for plan, config in configs.items():
            daemon = Daemon(self._folder / plan.name, "--config", str(config))
            self._targets.append((plan, self._daemons.enter_context(daemon).port))
        self._configure()
        super().__enter__()
        wait_until(self._recorded, deadline=60, what="a recorded series and the second live scrape")
        return self

    def __exit__(self, *error: object) -> None:
        """Kill everything."""
        super().__exit__(*error)
        self._daemons.close()

    def instant(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query now."""
        return self._get("query", {"query": expression, "time": int(time.time())})

    def over_time(self, expression: str, *, seconds: float, step: float) -> list[dict[str, Any]]:
        """Return the result of a range query that ends now."""
        end = int(time.time())
        return self._get("query_range", {"query": expression, "start": end - seconds, "end": end, "step": step})

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values of a label among the series that `selector` finds, as a variable of Grafana asks."""
        found: Any = self._get(f"label/{label}/values", {"match[]": selector})
        return list(found)

    def _simulate(self) -> dict[Plan, Path]:
        """Live through the day; leave the blocks and return each server's configuration."""
        samples = self._folder / "day.om"
        configs = {}
        with samples.open("w", encoding="utf-8") as out:
            for plan in FLEET:
                server = Server(plan, self._folder / "servers" / plan.name, self.start)
                while server.now < self.end - _FINE_STEP:
                    out.write("\n".join([*server.scrape(), _up(plan, server.now), ""]))
                    server.now += (_FINE_STEP if self.end - server.now < FINE else _COARSE_STEP) - 2
                configs[plan] = server.close()
            out.write("# EOF\n")
        promtool = need_program("promtool", "prometheus")
        done = subprocess.run(
            [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", str(samples), str(self._folder / "data")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return configs

    def _configure(self) -> None:
        rules = self._folder / "rules"
        rules.mkdir()
        for path in FILES:
            text = re.sub(r"^ +interval: .*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
            (rules / path.name).write_text(text, "utf-8")
        targets = [{"targets": [f"127.0.0.1:{port}"], "labels": plan.labels} for plan, port in self._targets]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": JOB, "static_configs": targets}],
            "rule_files": [f"{rules}/*.yml"],
        }
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")

    def _recorded(self) -> bool:
        """Tell whether rules that read rules have results, and counters of the processes a rate."""
        late = "job_environment:booking_alert_path_seconds:max5m", "job_environment:booking_exporter_fresh:ratio_avg30d"
        rates = (
            f"count(rate(process_cpu_seconds_total[1m])) == {len(FLEET)}",
            'ALERTS{alertname="BookingExporterWatchdog"}',
        )
        return all(self.instant(one) for one in (*late, *rates))

    def _get(self, path: str, parameters: dict[str, Any]) -> list[Any]:
        status, body = fetch(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(parameters)}", timeout=30)
        assert status == 200, body
        data = json.loads(body)["data"]
        return list(data["result"] if isinstance(data, dict) else data)
