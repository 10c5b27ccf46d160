"""What panels ask: PromQL, of series and labels that exist, narrowed by the dashboard's variables."""

from __future__ import annotations

import pytest
from promql_parser import MatchOp

from tests.support.dashboards import Target, filled, known, load, marks, targets
from tests.support.promql import expression, labels_of, name_of, selectors

ALERT_LABELS = {"alertname", "alertstate", "severity", "component", "layer", "window", "job", "environment", "instance"}
PROCESS = {
    *("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"),
    "process_start_time_seconds",
}
"""Those of METRICS.md that every client library has, which the catalogue does not declare."""
VARIABLES = ("$job", "$environment", "$instance")


def every() -> list[Target]:
    """Return the queries of all panels and annotations."""
    return [one for board in load().values() for one in (*targets(board), *marks(board))]


@pytest.mark.parametrize("target", every(), ids=lambda target: target.name[:90])
def test_a_query_is_sound(target: Target) -> None:
    """It parses, uses all variables, and names only series, labels and values that exist."""
    assert problems(target.expr) == []


def problems(text: str) -> list[str]:
    """Return what is wrong with the PromQL of a panel."""
    try:
        tree = expression(filled(text))
    except ValueError as error:
        return [str(error)]
    found = [f"{one} is not used" for one in VARIABLES if one not in text]
    for selector in selectors(tree):
        name = name_of(selector) or ""
        matchers = [one for one in selector.matchers.matchers if one.name != "__name__"]
        if name == "ALERTS":
            found += [f"alerts have no {one.name}" for one in matchers if one.name not in ALERT_LABELS]
            continue
        if name not in known() and name not in PROCESS:
            found.append(f"{name} is unknown")
            continue
        series = known()[name]
        found += [f"{name} has no label {one.name}" for one in matchers if one.name not in series.labels]
        found += [
            f"{name} has no {one.name} {one.value}"
            for one in matchers
            if one.op in (MatchOp.Equal, MatchOp.NotEqual) and one.value not in series.values.get(one.name, {one.value})
        ]
    return found


CHOSEN = 'job=~"$job", environment=~"$environment", instance=~"$instance"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"up{{{CHOSEN}}} +", "invalid promql query"),
        ('up{job=~"$job", environment=~"$environment"}', "$instance is not used"),
        (f"api_gateway_appointment{{{CHOSEN}}}", "api_gateway_appointment is unknown"),
        (f'up{{{CHOSEN}, log="app"}}', "up has no label log"),
        (
            f'api_gateway_booking_age_seconds_bucket{{{CHOSEN}, le="30"}}',
            "api_gateway_booking_age_seconds_bucket has no le 30",
        ),
        (f'ALERTS{{{CHOSEN}, layers="x"}}', "alerts have no layers"),
    ],
)
def test_what_is_wrong_is_found(text: str, problem: str) -> None:
    """Each kind of mistake is named."""
    (found,) = problems(text)
    assert problem in found


@pytest.mark.parametrize("target", every(), ids=lambda target: target.name[:90])
def test_a_legend_names_labels_that_the_result_has(target: Target) -> None:
    """A legend of a label that was aggregated away would be empty."""
    names = set(_placeholders(target.legend))
    if names and "ALERTS" not in target.expr:
        assert names <= labels_of(target.parsed(), known())


def _placeholders(legend: str) -> list[str]:
    return [one.split("}}")[0] for one in legend.split("{{")[1:]]
