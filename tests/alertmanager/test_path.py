"""From log line to Slack message within five minutes: computed from the files, alert by alert."""

from __future__ import annotations

import re
from typing import Any

import yaml

from exporter.config.load import load
from exporter.config.overrides import Overrides
from tests.support.alertrules import FILES, ROOT, Rule, seconds, shipped
from tests.support.promql import expression, name_of, selectors

SCRAPE = 15.0
EVALUATION = 15.0
SLACK = 2.0
"""The request to Slack, generously."""
LIMIT = 300.0
README = (ROOT / "alertmanager" / "README.md").read_text("utf-8")
ROW = re.compile(r"^\| ([A-Za-z]+(?: \(\w+\))?) \|((?: [0-9.]+ \|){7})$", re.MULTILINE)
RULES = shipped()
RECORDED = {rule.name: rule for rule in RULES if not rule.alert}


def daemon() -> float:
    """Return the seconds from a line to its commit: the silence that ends a record, and a commit's interval."""
    (log,) = load(None, {}, Overrides(logs=("/x",))).logs
    return log.quiet_after + 0.1


def interval(rule: Rule) -> float:
    """Return how often a rule's group is evaluated."""
    document: Any = yaml.safe_load(next(path for path in FILES if path.name == rule.file).read_text("utf-8"))
    (group,) = (one for one in document["groups"] if one["name"] == rule.group)
    return seconds(group.get("interval", "")) or EVALUATION


def recording(rule: Rule) -> float:
    """Return the longest wait for recorded series that `rule` reads; within a group they are made in one go."""
    names = [name_of(one) or "" for one in selectors(expression(rule.text))]
    waits = [
        recording(RECORDED[name]) + (interval(RECORDED[name]) if RECORDED[name].group != rule.group else 0)
        for name in names
        if name in RECORDED and not name.startswith("booking:")
    ]
    return max(waits, default=0)


def about_events(rule: Rule) -> bool:
    """Tell whether an alert follows from lines in the log at once, rather than from a state that must last."""
    counted = "increase(api_gateway_" in rule.text or ":increase1h" in rule.text
    return rule.alert and rule.file != "optional.yml" and counted and rule.wait <= 60 and "== 0" not in rule.text


def group_wait() -> float:
    """Return how long Alertmanager waits for more of the same before the first message."""
    child: Any = yaml.safe_load((ROOT / "alertmanager" / "child-route.yml").read_text("utf-8"))
    return seconds(child["routes"][0]["group_wait"])


def test_the_table_is_what_the_files_say() -> None:
    """The README's table has a row for each alert about events, with these parts, and each sum is under 5 minutes."""
    wanted = {}
    for rule in filter(about_events, RULES):
        parts = (daemon(), SCRAPE, recording(rule), EVALUATION, rule.wait, group_wait())
        assert sum(parts) + SLACK < LIMIT
        suffix = f" ({rule.labels['window']})" if "window" in rule.labels else ""
        wanted[rule.name + suffix] = [*(f"{one:g}" for one in parts), f"{sum(parts) + SLACK:.0f}"]
    assert {name: re.findall(r"[0-9.]+", cells) for name, cells in ROW.findall(README)} == wanted
    assert len(wanted) >= 10


def test_the_constant_part_is_that_of_the_thresholds() -> None:
    """booking:threshold:alert_path_seconds is a scrape, a recording, an evaluation, and group_wait."""
    (rule,) = (rule for rule in RULES if rule.name == "booking:threshold:alert_path_seconds")
    assert rule.text == f"vector({SCRAPE + EVALUATION + EVALUATION + group_wait():g})"
