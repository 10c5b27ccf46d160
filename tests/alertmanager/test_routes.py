"""Who gets what: label sets and their receivers, in the complete configuration and merged into another one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.alertmanager import amtool
from tests.support.alertrules import ROOT, Rule, metrics, shipped
from tests.support.promql import expression, labels_of

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "alertmanager"
README = (FOLDER / "README.md").read_text("utf-8")
COMPLETE: Any = yaml.safe_load((FOLDER / "alertmanager.yml").read_text("utf-8"))
CHILD: Any = yaml.safe_load((FOLDER / "child-route.yml").read_text("utf-8"))
FOREIGN = """
route:
  receiver: everybody
  routes: [{matchers: ['team="web"'], receiver: web}]
receivers: [{name: everybody}, {name: web}]
global: {slack_api_url_file: /etc/alertmanager/slack, smtp_smarthost: "mail:25", smtp_from: a@example.com}
"""
ROUTED = {
    "severity=info component=booking-exporter alertname=BookingExporterWatchdog": "booking-watchdog",
    "severity=critical component=booking page=true alertname=LiveBookingCancelled": "booking-page",
    "severity=critical component=booking page=true alertname=UniqueConstraintMissing environment=test": "booking-page",
    "severity=critical component=booking alertname=DatabaseConstraintViolation": "booking-critical",
    "severity=critical component=booking-exporter alertname=BookingExporterDown": "booking-exporter-critical",
    "severity=critical component=booking-exporter alertname=BookingExporterAbsent": "booking-exporter-critical",
    "severity=warning component=booking alertname=StaleBookingSpike": "booking-warning",
    "severity=warning component=booking alertname=NoBookingsProcessed": "booking-warning",
    "severity=warning component=booking alertname=NoBookingsLogged": "booking-warning",
    "severity=warning component=booking-exporter alertname=BookingExporterDown instance=app1:1": (
        "booking-exporter-warning"
    ),
    "severity=info component=booking alertname=CallIdMismatchSeen": "booking-info",
    "severity=info component=booking-exporter alertname=BookingExporterVersionSkew": "booking-info",
}
RULES = [rule for rule in shipped() if rule.alert]
KNOWN = metrics(shipped())


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """Return another site's configuration after child-route.yml was merged into it, as README.md says."""
    config: Any = yaml.safe_load(FOREIGN)
    config["route"]["routes"] = CHILD["routes"] + config["route"]["routes"]
    for key in ("receivers", "inhibit_rules", "time_intervals", "templates"):
        config[key] = config.get(key, []) + CHILD[key]
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def routed(config: Path, labels: str, receiver: str) -> tuple[int, str]:
    """Ask amtool whether alerts with these labels go to that receiver and no other."""
    return amtool(
        "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", *labels.split()
    )


@pytest.mark.parametrize("labels", ROUTED)
def test_each_alert_goes_to_one_receiver(labels: str, merged: Path) -> None:
    """The complete configuration and the merged one agree with the table; a wrong receiver is refused."""
    for config in (FOLDER / "alertmanager.yml", merged):
        code, text = routed(config, labels, ROUTED[labels])
        assert code == 0, text
    assert routed(merged, labels, "everybody")[0] != 0


@pytest.mark.parametrize(("labels", "receiver"), [("team=web", "web"), ("severity=critical", "everybody")])
def test_other_alerts_go_where_they_went(labels: str, receiver: str, merged: Path) -> None:
    """Merging changes nothing for alerts of others."""
    code, text = routed(merged, labels, receiver)
    assert code == 0, text


def test_alertmanager_accepts_both(merged: Path) -> None:
    """`amtool check-config` accepts the complete configuration and the merged one."""
    for config in (FOLDER / "alertmanager.yml", merged):
        code, text = amtool("check-config", str(config))
        assert code == 0, text


def test_the_child_is_a_part_of_the_complete_configuration() -> None:
    """Route, receivers, inhibition and times are the same in both files."""
    assert COMPLETE["route"]["routes"] == CHILD["routes"]
    for key in ("receivers", "inhibit_rules", "time_intervals", "templates"):
        assert COMPLETE[key] == CHILD[key], key


def test_nothing_of_the_child_touches_others() -> None:
    """All names have our prefix, and every route and inhibition is limited to our components."""
    (route,) = CHILD["routes"]
    assert route["matchers"] == ['component=~"booking|booking-exporter"']
    names = [one["name"] for key in ("receivers", "time_intervals") for one in CHILD[key]]
    assert [name for name in names if not name.startswith("booking-")] == []
    for rule in CHILD["inhibit_rules"]:
        for side in ("source_matchers", "target_matchers"):
            assert any(one.startswith("component=") for one in rule[side]), rule


def matches(rule: Rule, matchers: list[str]) -> bool:
    """Tell whether alerts of `rule` fit the matchers."""
    labels = {"alertname": rule.name, **rule.labels}
    for one in matchers:
        found = re.fullmatch(r'(\w+)(=~|=)"(.*)"', one)
        assert found, one
        name, operator, value = found.groups()
        pattern = value if operator == "=~" else re.escape(value)
        if not re.fullmatch(pattern, labels.get(name, "")):
            return False
    return True


@pytest.mark.parametrize("inhibition", CHILD["inhibit_rules"], ids=lambda one: str(one["source_matchers"][-1]))
def test_an_inhibition_can_work(inhibition: Any) -> None:  # noqa: ANN401  # a part of a YAML document
    """The source fires sooner than what it silences (its `for` is shorter), and both have the labels in `equal`."""
    sources = [rule for rule in RULES if matches(rule, inhibition["source_matchers"])]
    targets = [rule for rule in RULES if matches(rule, inhibition["target_matchers"])]
    assert sources
    assert targets
    equal = set(inhibition.get("equal", ()))
    pairs = [(one, other) for one in sources for other in targets if one != other]
    if "alertname" in equal:
        pairs = [(one, other) for one, other in pairs if one.name == other.name]
    for source, target in pairs:
        assert source.wait < target.wait, (source.name, target.name)
    for rule in {rule.name: rule for pair in pairs for rule in pair}.values():
        have = labels_of(expression(rule.text), KNOWN) | set(rule.labels) | {"alertname"}
        assert equal - {"instance"} <= have, rule.name


def test_alerts_named_in_the_configuration_exist() -> None:
    """No matcher names an alert that is gone."""
    text = (FOLDER / "child-route.yml").read_text("utf-8")
    named = {name for one in re.findall(r'alertname=~?"([^"]+)"', text) for name in one.split("|")}
    assert named <= {rule.name for rule in RULES}


def test_every_receiver_is_used_and_told_of() -> None:
    """No receiver is without a route, and the table in README.md lists each."""
    text = str(CHILD["routes"])
    names = [one["name"] for one in CHILD["receivers"]]
    assert [name for name in names if f"'receiver': '{name}'" not in text] == []
    assert re.findall(r"^\| `(booking-[a-z-]+)` \|", README, re.MULTILINE) == names


def test_messages_are_complete() -> None:
    """Every message tells its end, has our own text and colour, and three buttons; only information waits for hours."""
    for receiver in CHILD["receivers"]:
        for slack in receiver.get("slack_configs", ()):
            assert slack["send_resolved"] is True
            assert len(slack["actions"]) == 3
            assert all(slack[key] for key in ("color", "title", "text", "fallback"))
        for mail in receiver.get("email_configs", ()):
            assert (mail["send_resolved"], bool(mail["html"]), bool(mail["text"])) == (True, True, True)
    (route,) = CHILD["routes"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("30s", "5m", "4h")
    assert route["group_by"] == ["alertname", "job", "environment", "severity"]
    first, *others = route["routes"]
    assert first["receiver"] == "booking-watchdog"
    timed = {one["receiver"]: one["active_time_intervals"] for one in others if "active_time_intervals" in one}
    assert timed == {"booking-warning": ["booking-open"], "booking-info": ["booking-office-hours"]}


def test_what_a_site_fills_in_is_listed() -> None:
    """Two secret files, and the lines marked "site" are those that README.md counts."""
    text = (FOLDER / "alertmanager.yml").read_text("utf-8")
    assert set(re.findall(r"^  \w+_file: (\S+)$", text, re.MULTILINE)) == {
        "/etc/alertmanager/booking/slack-url",
        "/etc/alertmanager/booking/smtp-password",
    }
    stated = re.search(r"(\d+) lines marked `# site`", README)
    assert stated
    assert int(stated[1]) == len(re.findall(r"# site$", text, re.MULTILINE))
