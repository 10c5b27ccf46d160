"""The Ansible example: the list of targets that it writes. `make machine` runs the role."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from exporter.config.load import load
from exporter.config.overrides import Overrides
from tests.support.alertrules import promtool
from tests.support.built import ROOT, uv

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "deploy" / "ansible"
ANSIBLE = "ansible-core>=2.19,<2.20"


def playbook(folder: Path, *arguments: str) -> str:
    """Run ansible-playbook on the example's inventory, with this machine in the place of every host."""
    command = ("tool", "run", "--from", ANSIBLE, "ansible-playbook", "-i", str(FOLDER / "inventory.example.yml"))
    return uv(
        *command, str(FOLDER / "site.yml"), *arguments,
        ANSIBLE_HOME=str(folder / "home"), ANSIBLE_LOCAL_TEMP=str(folder / "temp"), ANSIBLE_RETRY_FILES_ENABLED="0",
    )  # fmt: skip


def test_the_targets_are_those_of_the_inventory(tmp_path: Path) -> None:
    """Ansible reads playbook and role; every exporter is listed, under its environment; Prometheus accepts the file."""
    target = tmp_path / "targets" / "booking.yml"
    target.parent.mkdir()
    local = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "booking_prometheus_targets": str(target),
    }
    playbook(tmp_path, "--limit", "booking_prometheus", "--extra-vars", json.dumps(local))
    inventory = yaml.safe_load((FOLDER / "inventory.example.yml").read_text("utf-8"))["booking_exporters"]
    groups = yaml.safe_load(target.read_text("utf-8"))
    listed = {(one, group["labels"]["environment"]) for group in groups for one in group["targets"]}
    usual = inventory["vars"]["booking_environment"]
    assert listed == {
        (f"{host}:10877", (settings or {}).get("booking_environment", usual))
        for host, settings in inventory["hosts"].items()
    }
    config = tmp_path / "prometheus.yml"
    job = {"job_name": "booking-exporter", "file_sd_configs": [{"files": ["targets/*.yml"]}]}
    config.write_text(yaml.safe_dump({"scrape_configs": [job]}), "utf-8")
    code, text = promtool("check", "config", "--lint=all", "--lint-fatal", str(config))
    assert code == 0, text


def test_the_configurations_of_the_inventory_are_valid(tmp_path: Path) -> None:
    """What the role would write for each host loads."""
    inventory = yaml.safe_load((FOLDER / "inventory.example.yml").read_text("utf-8"))["booking_exporters"]
    found = [inventory["vars"], *(host for host in inventory["hosts"].values() if host)]
    documents = [one["booking_exporter_config"] for one in found if "booking_exporter_config" in one]
    assert len(documents) == 2
    for document in documents:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(document), "utf-8")
        assert load(path, {}, Overrides()).listen.port == 10877


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        (None, "127.0.0.1:10877"),
        ({"address": "0.0.0.0", "port": 9000}, "127.0.0.1:9000"),  # noqa: S104  # only read
        ({"address": "::"}, "127.0.0.1:10877"),
        ({"address": "10.1.2.3"}, "10.1.2.3:10877"),
        ({"address": "fd00::1"}, "[fd00::1]:10877"),
        ({"address": "[fd00::1]"}, "[fd00::1]:10877"),
        ({"address": "app1.internal"}, "app1.internal:10877"),
    ],
)
def test_readiness_is_asked_where_the_exporter_listens(listen: dict[str, object] | None, url: str) -> None:
    """The address that the role asks is that of the configuration."""
    defaults = yaml.safe_load((FOLDER / "roles/booking_exporter/defaults/main.yml").read_text("utf-8"))
    known: dict[str, object] = {"booking_exporter_config": {"logs": []} | ({"listen": listen} if listen else {})}
    environment = NativeEnvironment(autoescape=False)
    for name in ("listen", "address", "host", "ready_url"):
        text = defaults.get(f"booking_exporter_{name}")
        if text is not None:
            known[f"booking_exporter_{name}"] = environment.from_string(text).render(known)
    assert known["booking_exporter_ready_url"] == f"http://{url}/-/ready"
