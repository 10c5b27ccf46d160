"""rules/README.md, the limits and the texts of alerts agree with the rules, the catalogue and the event definitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from exporter.events.definitions import load_events
from exporter.events.source import read_sources
from tests.support.alertrules import ROOT, RULES, metrics, promtool, shipped
from tests.support.promql import expression, name_of, selectors

if TYPE_CHECKING:
    from pathlib import Path

README = (RULES / "README.md").read_text("utf-8")
SHIPPED = shipped()
LIMITS = {rule.name: rule.text for rule in SHIPPED if rule.name.startswith("booking:threshold:")}
DOCUMENTS = (RULES / "README.md", ROOT / "alertmanager" / "README.md")
INFO = {
    "appointment_created": "appointments created",
    "booking_validated": "bookings validated and their age",
    "idempotency": "idempotency results",
    "compensation_result": "successful compensations",
    "webhook": "webhooks",
    "webhook_received": "webhooks",
    "duplicate_check": "durations",
    "appointment_creation": "durations",
}
"""What LogLevelTooHigh calls the events that need LOG_LEVEL=info."""


@pytest.mark.parametrize("file", ["alerts.yml", "alerts-exporter.yml", "optional.yml"])
def test_the_readme_lists_each_alert(file: str) -> None:
    """The table of a file has its alerts in order, each linked to its runbook."""
    section = README.split(f"(`{file}`)\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| ([\w, /]+) \|", section, re.MULTILINE)
    alerts = dict.fromkeys(rule.name for rule in SHIPPED if rule.alert and rule.file == file)
    assert [name for name, _, _ in rows] == list(alerts)
    assert [name for name, runbook, _ in rows if name != runbook] == []
    for name, _, severity in rows:
        stated = {rule.labels["severity"] for rule in SHIPPED if rule.name == name}
        assert set(re.split(r" / ", severity.replace(", pages", ""))) == stated


def test_the_readme_lists_each_limit() -> None:
    """The table of limits is that of thresholds.yml."""
    rows = re.findall(r"^\| `(booking:threshold:\w+)` \| ([0-9.]+) \|$", README, re.MULTILINE)
    assert {name: f"vector({value})" for name, value in rows} == LIMITS


def test_every_limit_is_used_and_counted() -> None:
    """Each limit is read, none is read that is not there, and BookingThresholdsMissing knows the number."""
    read = {name_of(one) or "" for rule in SHIPPED for one in selectors(expression(rule.text))}
    assert {name for name in read if name.startswith("booking:threshold:")} == set(LIMITS)
    (rule,) = (rule for rule in SHIPPED if rule.name == "BookingThresholdsMissing")
    assert rule.text.endswith(f"< {len(LIMITS)}")
    assert f" of {len(LIMITS)} limits" in rule.annotations["description"]


def test_a_site_edits_one_file_only() -> None:
    """Limits, links and the selector of targets are recorded in thresholds.yml, and nothing else is."""
    here = {rule.name for rule in SHIPPED if rule.file == "thresholds.yml"}
    assert here == set(LIMITS) | {"booking:target:up", "booking:link:runbooks", "booking:link:grafana"}
    elsewhere = [rule.name for rule in SHIPPED if "up{" in rule.text and rule.file != "thresholds.yml"]
    assert elsewhere == []


def test_the_blind_events_are_those_at_info() -> None:
    """LogLevelTooHigh and its runbook name exactly the events that only LOG_LEVEL=info or lower lets through."""
    events = load_events(read_sources((), builtin=True))
    lost = {one.name for one in events.definitions if one.lowest_level in ("info", "debug")}
    assert lost == set(INFO)
    text = ", ".join(dict.fromkeys(INFO.values()))
    (rule,) = (rule for rule in SHIPPED if rule.name == "LogLevelTooHigh")
    for found in (rule.annotations["description"], (RULES / "runbooks" / "LogLevelTooHigh.md").read_text("utf-8")):
        assert f"Blind there: {text}." in " ".join(found.split())


def test_every_series_in_the_documents_exists() -> None:
    """The two READMEs name only series that are declared or recorded."""
    known = metrics(SHIPPED)
    for path in DOCUMENTS:
        for name in re.findall(r"`((?:[a-z_]+:)+[a-z0-9_]+:?[a-z0-9_]*)`", path.read_text("utf-8")):
            assert name in known, name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parent.name)
def test_links_of_the_documents_lead_somewhere(path: Path) -> None:
    """A relative link names a file that exists."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_promtool_accepts_all_files_together() -> None:
    """Loaded in one go, as Prometheus does, no rule is there twice."""
    code, text = promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, sorted(RULES.glob("*.yml"))))
    assert code == 0, text
