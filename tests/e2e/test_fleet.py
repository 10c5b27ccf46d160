"""A fleet: several real daemons, found by files, under one real Prometheus with the shipped configuration and rules."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.alertrules import promtool
from tests.support.built import ROOT
from tests.support.daemon import Daemon
from tests.support.packages import need_program
from tests.support.prometheus import Queried
from tests.support.served import Served
from tests.support.shortened import write_rules
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = ROOT / "deploy" / "prometheus"
PRODUCTION, STAGING = '{environment="production"}', '{environment="staging"}'
CREATED = "sum by (environment) (api_gateway_appointments_created_total)"
FRESH = "job_environment:booking_exporter_fresh:ratio"
RATE = "job_environment:api_gateway_appointments_created:rate5m"
DRIFT = "count by (environment) (count_values by (environment) ('hash', booking_exporter_events_hash))"
DOWN = "sum by (environment, severity) (ALERTS{alertname='BookingExporterDown', alertstate='firing'})"
RECORD = '[2026-01-31 12:00:00] production.INFO: Appointment created from booking {"id":1}  \n'


def shipped(name: str, folder: Path) -> dict[str, Any]:
    """Return a shipped configuration with a scrape each second, and make the folder of its targets."""
    config: dict[str, Any] = yaml.safe_load((SHIPPED / name).read_text("utf-8"))
    config["global"] |= {"scrape_interval": "1s"}
    (job,) = config["scrape_configs"]
    job |= {"scrape_timeout": "900ms"}
    # Files are watched; where a watch is missed, they are read again after this time.
    job["file_sd_configs"][0] |= {"refresh_interval": "1s"}
    (folder / "targets").mkdir(parents=True)
    return config


def list_targets(folder: Path, environment: str, *daemons: Daemon) -> None:
    """Write the targets of an environment, by a rename, as an editor or Ansible does."""
    group = {"targets": [f"127.0.0.1:{one.port}" for one in daemons], "labels": {"environment": environment}}
    new = folder / "targets" / f"{environment}.new"
    new.write_text(yaml.safe_dump([group]), "utf-8")
    new.rename(folder / "targets" / f"{environment}.yml")


class Agent(Served):
    """A Prometheus in agent mode with the shipped configuration, sending to `receiver` instead of Mimir."""

    def __init__(self, folder: Path, receiver: int) -> None:
        config = shipped("agent.yml", folder)
        config["remote_write"] = [{"url": f"http://127.0.0.1:{receiver}/api/v1/write"}]
        (folder / "agent.yml").write_text(yaml.safe_dump(config), "utf-8")
        arguments = (
            "--enable-feature=agent",
            f"--config.file={folder}/agent.yml",
            f"--storage.agent.path={folder}/data",
        )
        super().__init__(folder, need_program("prometheus", "prometheus"), arguments)


class Fleet(Queried):
    """Prometheus with the shipped configuration and shortened rules; `receives` what agents send, scraping nothing."""

    def __init__(self, folder: Path, *, receives: bool = False) -> None:
        config = shipped("prometheus.yml", folder)
        config["global"] |= {"evaluation_interval": "1s"}
        if receives:
            del config["scrape_configs"]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
        write_rules(folder / "booking", short=True)
        arguments = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
        more = ("--web.enable-remote-write-receiver",) if receives else ()
        super().__init__(folder, need_program("prometheus", "prometheus"), (*arguments, *more))

    def wait(self, expression: str, expected: dict[str, float], *, any_value: bool = False) -> None:
        """Wait until a query returns exactly these series, with these values unless any will do."""
        seen: list[dict[str, float]] = []

        def equal() -> bool:
            seen[:] = [self.query(expression)]
            return seen[0].keys() == expected.keys() if any_value else seen[0] == expected

        wait_until(equal, deadline=60, what=lambda: f"{expression} is {seen}; {self.journal()}", step=0.2)


OWN = """\
version: 1
series: [{name: own_total, kind: counter, help: Seen.}]
events:
  - name: own
    match: {message: {contains: "Our own event"}}
    count: {metric: own_total}
    examples: [{record: "[2026-01-31 12:00:00] production.INFO: Our own event", expect: {own_total: 1}}]
"""


def start(folder: Path, number: int, *, own: bool) -> Daemon:
    """Return the daemon of an app server that has created `number` appointments; perhaps with events of its own."""
    folder.mkdir()
    (folder / "laravel.log").write_text(RECORD * number)
    (folder / "own.yaml").write_text(OWN)
    document: dict[str, object] = {"logs": [{"name": "app", "paths": [f"{folder}/laravel*.log"]}]}
    if own:
        document["events"] = {"files": [f"{folder}/own.yaml"]}
    (folder / "config.yaml").write_text(yaml.safe_dump(document))
    return Daemon(folder / "daemon", "--config", str(folder / "config.yaml"))


@pytest.mark.slow
def test_a_fleet_is_counted_as_one(tmp_path: Path) -> None:
    """Sums per environment without instance; a server that comes is found; drift and a server that is down are seen."""
    with ExitStack() as stack:
        servers = [start(tmp_path / f"app{number}", number, own=number == 3) for number in (1, 2, 3, 4)]
        first, second, third, staging = [stack.enter_context(one) for one in servers]
        targets = tmp_path / "prometheus"
        prometheus = stack.enter_context(Fleet(targets))
        list_targets(targets, "production", first, second)
        list_targets(targets, "staging", staging)
        prometheus.wait(CREATED, {PRODUCTION: 3, STAGING: 4})
        prometheus.wait(f"{FRESH} == 1", {FRESH + PRODUCTION: 1, FRESH + STAGING: 1})
        prometheus.wait(DRIFT, {PRODUCTION: 1, STAGING: 1})

        list_targets(targets, "production", first, second, third)
        prometheus.wait(CREATED, {PRODUCTION: 6, STAGING: 4})
        prometheus.wait(DRIFT, {PRODUCTION: 2, STAGING: 1})

        with (tmp_path / "app1" / "laravel.log").open("a") as file:
            file.write(RECORD)
        prometheus.wait(CREATED, {PRODUCTION: 7, STAGING: 4})
        prometheus.wait(f"{RATE} > 0", {RATE + PRODUCTION: 1}, any_value=True)
        second.kill()
        prometheus.wait(DOWN, {'{environment="production",severity="critical"}': 1,
                               '{environment="production",severity="warning"}': 1})  # fmt: skip


@pytest.mark.slow
def test_agents_send_to_where_the_rules_run(tmp_path: Path) -> None:
    """Two agents, each near one server: the rules see one fleet where both arrive, and nothing runs at the agents."""
    with ExitStack() as stack:
        central = stack.enter_context(Fleet(tmp_path / "central", receives=True))
        for number in (1, 2):
            server = stack.enter_context(start(tmp_path / f"app{number}", number, own=False))
            folder = tmp_path / f"agent{number}"
            agent = Agent(folder, central.port)
            list_targets(folder, "production", server)
            stack.enter_context(agent)
        central.wait(CREATED, {PRODUCTION: 3})
        central.wait(f"{FRESH} == 1", {FRESH + PRODUCTION: 1})
        central.wait("count(booking:target:up)", {"": 2})


def test_the_shipped_configuration_is_accepted(tmp_path: Path) -> None:
    """Promtool accepts configuration and target files as they are shipped, with the rules in their place."""
    write_rules(tmp_path / "booking", short=False)
    (tmp_path / "mimir-password").touch()
    for path in SHIPPED.rglob("*.yml"):
        target = tmp_path / path.relative_to(SHIPPED)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text("utf-8"), "utf-8")
    code, text = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert code == 0, text
    code, text = promtool("check", "config", "--lint=all", "--lint-fatal", str(tmp_path / "prometheus.yml"))
    assert code == 0, text
    code, text = promtool("check", "config", "--agent", str(tmp_path / "agent.yml"))
    assert code == 0, text
    (job,), (sent,) = (
        yaml.safe_load((SHIPPED / name).read_text("utf-8"))["scrape_configs"]
        for name in ("prometheus.yml", "agent.yml")
    )
    assert job == sent
    assert job["job_name"] == "booking-exporter"
