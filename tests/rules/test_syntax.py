"""The shipped rules pass our own checks, and each check refuses a rule that is wrong in its way."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.alertrules import ROOT, RULES, RUNBOOKS, Rule, metrics, rules, shipped
from tests.support.rulechecks import CHECKS, World, findings

if TYPE_CHECKING:
    from tests.support.rulechecks import Check

RULES_SHIPPED = shipped()


@pytest.fixture(scope="module")
def world() -> World:
    """Return what rules may refer to."""
    dashboards = [json.loads(path.read_text("utf-8"))["uid"] for path in (ROOT / "grafana").glob("*.json")]
    return World(
        metrics=metrics(RULES_SHIPPED),
        runbooks=frozenset(path.stem for path in RUNBOOKS.glob("*.md")),
        dashboards=frozenset(dashboards),
    )


@pytest.mark.parametrize("rule", RULES_SHIPPED, ids=lambda rule: f"{rule.file}:{rule.name}")
def test_a_shipped_rule_passes_every_check(rule: Rule, world: World) -> None:
    """No check finds anything."""
    assert findings(rule, world) == []


def alert(expr: str, **changed: object) -> str:
    """Return a file with one alert that is right but for `expr` and what is changed."""
    link = '{{ with query "booking:link:grafana" }}{{ . | first | label "url" }}{{ end }}'
    one: dict[str, object] = {
        "alert": "StaleBookingSpike",
        "expr": expr,
        "keep_firing_for": "10m",
        "labels": {"severity": "warning", "component": "booking"},
        "annotations": {
            "summary": "Something happens.",
            "description": "{{ $value }} in {{ $labels.environment }}",
            "value": "{{ $value }}",
            "runbook_url": "https://x/StaleBookingSpike.md",
            "dashboard_url": f"{link}/d/booking-duplicates?var-job={{{{ $labels.job }}}}",
        },
    }
    return yaml.safe_dump({"groups": [{"name": "bad", "rules": [one | changed]}]})


REJECTED = "api_gateway_duplicate_booking_rejections_total"
GOOD = f"round(sum by (job, environment) (increase({REJECTED}[10m]))) > scalar(booking:threshold:stale_burst)"
FIVE = "scalar(booking:threshold:stale_burst)"
GOOD_LABELS = {"severity": "warning", "component": "booking"}
OWN = {"severity": "warning", "component": "booking-exporter"}

BAD = {
    "known_series": alert(GOOD.replace("rejections_total", "rejected_total")),
    "known_labels": alert(GOOD.replace("[10m]", '{layer="layer5"}[10m]')),
    "no_integer_bound": alert(
        'round(sum by (job, environment) (increase(api_gateway_booking_age_seconds_bucket{le="30"}[10m]))) > 0'
    ),
    "wide_windows": alert(GOOD.replace("[10m]", "[45s]")),
    "counters_by_rate": alert(f"sum by (job, environment) ({REJECTED}) > {FIVE}"),
    "possible_matches": alert(
        f"sum by (job, environment, layer) (rate({REJECTED}[1h])) == 0"
        " and sum by (job, environment) (rate(api_gateway_appointments_created_total[1h])) == 0"
    ),
    "comparison_present": alert(f"round(sum by (job, environment) (increase({REJECTED}[10m])))"),
    "limits_by_name": alert(GOOD.replace(FIVE, "5")),
    "rounded_counts": alert(GOOD.replace("round(", "(")),
    "survives": alert(GOOD, **{"for": "6m"}),
    "read_over_time": alert("max by (job, environment) (api_gateway_duplicate_appointment_groups) > 0"),
    "no_single_server_rate": alert(
        f"max by (job, environment) (max_over_time(api_gateway_duplicate_prevention_rate[5m])) > {FIVE}"
    ),
    "volume_guard": alert(
        "job_environment:api_gateway_duplicate_booking_rejections:ratio_increase1h"
        " > scalar(booking:threshold:rejection_ratio)"
    ),
    "fleet_wide": alert(GOOD.replace("(job, environment)", "(job, environment, instance)")),
    "complete": alert(GOOD, labels={"severity": "page", "component": "booking"}),
    "templates_known": alert(GOOD, annotations={"description": "{{ $labels.layer }}"}),
    "recorded_names": yaml.safe_dump(
        {
            "groups": [
                {
                    "name": "bad",
                    "rules": [
                        {
                            "record": "job:api_gateway_duplicate_booking_rejections:rate5m",
                            "expr": f"sum by (job, environment, layer) (rate({REJECTED}[5m]))",
                        }
                    ],
                }
            ]
        }
    ),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_each_check_refuses_a_bad_rule(check: Check, world: World) -> None:
    """There is a rule that this check finds fault with."""
    (bad,) = rules(BAD[check.__name__])
    assert list(check(bad, world)) != []


def test_the_model_of_the_bad_rules_is_good(world: World) -> None:
    """The rule from which the bad ones are made passes, so that each is refused for its one fault."""
    (good,) = rules(alert(GOOD))
    assert findings(good, world) == []


# Label sets of expressions, by hand: the checks rest on them.
ODD = {
    "one side has more labels": f"rate({REJECTED}[5m]) / rate(api_gateway_appointments_created_total[5m]) > 0",
    "on() names what one side lacks": (
        f"sum by (job) (rate({REJECTED}[5m])) > on (job, environment) sum by (job, environment) (rate({REJECTED}[5m]))"
    ),
    "several samples on one side": (
        f"sum by (job, environment, layer) (rate({REJECTED}[5m]))"
        f" / on (job, environment) sum by (job, environment) (rate({REJECTED}[5m])) > 0"
    ),
    "without() that leaves a label on one side": (
        f"sum without (instance, layer) (rate({REJECTED}[5m])) > sum by (job, environment) (rate({REJECTED}[5m]))"
    ),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_impossible_matches_are_found(text: str, world: World) -> None:
    """What Prometheus would answer with nothing, or with an error, is refused before it gets there."""
    (bad,) = rules(alert(text))
    assert [one for one in findings(bad, world) if one.startswith("possible_matches")]


ROADMAP = Path(__file__).parent / "roadmap"
TABLE = re.compile(r"^\| `([a-z_]+)\.yml` \| .* \| (`[a-z_`, ]+`) \|$", re.MULTILINE)


@pytest.mark.parametrize("path", sorted(ROADMAP.glob("*.yml")), ids=lambda path: path.stem)
def test_the_roadmaps_errors_are_caught(path: Path, world: World) -> None:
    """Each of the roadmap's rules is refused, by the checks that the table in rules/README.md names."""
    stated = {name: set(re.findall(r"[a-z_]+", checks)) for name, checks in TABLE.findall(readme())}
    (bad,) = rules(path.read_text("utf-8"))
    assert {one.split(":")[0] for one in findings(bad, world)} == stated[path.stem]


def test_alertmanagers_folder_holds_no_rules() -> None:
    """The roadmap kept Prometheus' rules in a file of Alertmanager's folder; each program reads its own."""
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "alertmanager").glob("*.yml")]
    assert len(documents) == 2
    assert [one for one in documents if "groups" in one] == []


def readme() -> str:
    """Return rules/README.md."""
    return (RULES / "README.md").read_text("utf-8")
