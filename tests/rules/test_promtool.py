"""promtool accepts the rules without a finding, and the tests beside them pass and are complete."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.alertrules import FILES, RULES, document, promtool, shipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TESTS = tuple(sorted((RULES / "tests").glob("*.yml")))
ALERTS = sorted({rule.name for rule in shipped() if rule.alert})
KINDS = re.compile(r"^      # (\w+)[^\n]*\n      - alertname: (\w+)$", re.MULTILINE)


@cache
def cases() -> tuple[Mapping[str, Any], ...]:
    """Return the cases of all tests of alerts."""
    tests = [one for path in TESTS for one in document(path.read_text("utf-8"))["tests"]]
    return tuple(case for one in tests for case in one.get("alert_rule_test", ()))


@cache
def kinds() -> Mapping[str, set[str]]:
    """Return what kinds of cases stand in the comments above each alert's."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in TESTS:
        for kind, alert in KINDS.findall(path.read_text("utf-8")):
            found[alert].add(kind)
    return found


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
    fires = {bool(case["exp_alerts"]) for case in cases() if case["alertname"] == name}
    if name == "BookingExporterWatchdog":
        assert fires == {True}
        return
    assert fires == {True, False}
    assert "boundary" in kinds()[name]


def test_every_expected_alert_states_its_texts() -> None:
    """An expected alert lists all annotations, so that no text can change unseen."""
    for expected in (one for case in cases() for one in case["exp_alerts"]):
        assert set(expected["exp_annotations"]) == {"summary", "description", "value", "runbook_url", "dashboard_url"}
