"""The Ansible example: the list of targets that it writes. `make machine` runs the role."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import yaml

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
