"""promtool accepts the rules without a finding, and the tests beside them pass and are complete."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.alertrules import FILES, RULES, promtool, shipped

if TYPE_CHECKING:
    from pathlib import Path

TESTS = tuple(sorted((RULES / "tests").glob("*.yml")))
ALERTS = sorted({rule.name for rule in shipped() if rule.alert})
KINDS = re.compile(r"^      # (\w+)[^\n]*\n      - alertname: (\w+)$", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_promtool_has_no_finding(path: Path) -> None:
    """`promtool check rules` with all its lints accepts each file."""
    code, text = promtool("check", "rules", "--lint=all", "--lint-fatal", str(path))
    assert (code, "SUCCESS" in text) == (0, True), text


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    """`promtool test rules` passes."""
    code, text = promtool("test", "rules", str(path))
    assert code == 0, text[:5000]


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_fires_and_keeps_silent(name: str) -> None:
    """For each alert there is a case in which it fires, one in which it is silent, and one at its limit."""
    fires: defaultdict[str, set[bool]] = defaultdict(set)
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for path in TESTS:
        text = path.read_text("utf-8")
        document: Any = yaml.safe_load(text)
        for one in (case for test in document["tests"] for case in test.get("alert_rule_test", ())):
            fires[one["alertname"]].add(bool(one["exp_alerts"]))
        for kind, alert in KINDS.findall(text):
            kinds[alert].add(kind)
    if name == "BookingExporterWatchdog":
        assert fires[name] == {True}
        return
    assert fires[name] == {True, False}
    assert "boundary" in kinds[name]


def test_every_expected_alert_states_its_texts() -> None:
    """An expected alert lists all annotations, so that no text can change unseen."""
    for path in TESTS:
        document: Any = yaml.safe_load(path.read_text("utf-8"))
        cases = [case for test in document["tests"] for case in test.get("alert_rule_test", ())]
        for expected in (one for case in cases for one in case["exp_alerts"]):
            assert set(expected["exp_annotations"]) == {
                "summary",
                "description",
                "value",
                "runbook_url",
                "dashboard_url",
            }
