"""The rules of grafana's dashboard-linter, ported; each is also seen to refuse what is wrong.

Source: https://github.com/grafana/dashboard-linter, folder docs/rules. Exceptions, with their
reasons, are those that grafana/README.md lists. The two rules about LogQL find no Loki here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from promql_parser import Call, MatchOp, MatrixSelector, VectorSelector

from tests.support.dashboards import FOLDER, load, panels, targets
from tests.support.promql import children, expression, name_of, selectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promql_parser import Expr

    from tests.support.dashboards import Target

    Rule = Callable[[Any], Iterator[str]]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {
    *("short", "percent", "percentunit", "s", "bytes", "binBps", "cps", "dtdurations", "bool_yes_no"),
}
"""Those of Grafana's unit IDs (packages/grafana-data/src/valueFormats/categories.ts) that are used here."""
RECORDED = re.compile(r"(job_environment\w*:|booking:threshold:).+")


def variables(dashboard: Any) -> dict[str, Any]:  # noqa: ANN401  # a JSON document
    """Return the variables by name."""
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def template_datasource(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """One variable of type datasource, named `datasource`, labelled `Data source`."""
    found = [one for one in dashboard["templating"]["list"] if one["type"] == "datasource"]
    if [(one["name"], one["label"]) for one in found] != [("datasource", "Data source")]:
        yield "the data source is no variable"


def template_variable(name: str, dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Ask for a variable of type query on the data source, multi, with allValue `.+`, labelled by its name."""
    one = variables(dashboard).get(name)
    wanted = {"type": "query", "datasource": SOURCE, "multi": True, "allValue": ".+", "label": name.capitalize()}
    if one is None or any(one.get(key) != value for key, value in wanted.items()):
        yield f"the variable {name} is not as it should be"


def template_job(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Ask for the variable job."""
    yield from template_variable("job", dashboard)


def template_instance(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Ask for the variable instance."""
    yield from template_variable("instance", dashboard)


def template_label_promql(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Variables ask label_values(selector, label) with a valid selector."""
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), \w+\)", one["query"]["query"])
            if found is None or broken(found[1]):
                yield f"the variable {one['name']} has no valid query"


def template_on_time_change_reload(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Variables are asked again when the time range changes."""
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query" and one["refresh"] != 2:
            yield f"the variable {one['name']} is not refreshed"


def panel_datasource(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Panels, and their targets, use the data source variable."""
    for panel in panels(dashboard):
        if any(one.get("datasource") != SOURCE for one in (panel, *panel["targets"])):
            yield f"{panel['title']} uses another data source"


def panel_title_description(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Panels have a title and a description."""
    for panel in panels(dashboard):
        if not (panel.get("title") and panel.get("description")):
            yield f"{panel['id']} has no title or no description"


def panel_units(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Panels have a valid unit."""
    for panel in panels(dashboard):
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield f"{panel['title']} has no valid unit"


def panel_no_targets(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Panels have a query."""
    for panel in panels(dashboard):
        if not panel.get("targets"):
            yield f"{panel['title']} has no query"


def target_promql(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Ask that queries are PromQL."""
    yield from (f"{one.name} is no PromQL" for one in targets(dashboard) if broken(one.expr))


def target_logql(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Ask that queries of Loki are LogQL: there is no Loki, so no query may go to another kind of source."""
    for panel in panels(dashboard):
        if any(one["datasource"]["type"] == "loki" for one in panel["targets"]):
            yield f"{panel['title']} asks Loki"


def target_logql_auto(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Ask that queries of Loki use $__auto as their range, which means nothing to Prometheus."""
    yield from (f"{one.name} uses $__auto" for one in targets(dashboard) if "$__auto" in one.expr)


def target_rate_interval(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """rate() and irate() use $__rate_interval; stated windows are for increase() alone."""
    for one in valid(dashboard):
        ranges = re.findall(r"\bi?rate\([^()\[]*\[([^\]]+)\]", one.expr)
        if any(found != "$__rate_interval" for found in ranges):
            yield f"{one.name} uses another range"


def target_matcher(label: str, dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Each selector has the matcher `label=~"$label"`.

    Exceptions: recorded series have no instance and limits no job, so the query joins them with
    `up`, which has both; ALERTS may lack the label, so that the empty value matches, too.
    """
    for one in valid(dashboard):
        found = selectors(tree(one.expr))
        direct = [each for each in found if _matches(each, label, f"${label}")]
        for each in found:
            name = name_of(each) or ""
            excepted = (RECORDED.fullmatch(name) and direct) or (
                name == "ALERTS" and _matches(each, label, f"${label}|")
            )
            if each not in direct and not excepted:
                yield f"{one.name}: {name} has no matcher of {label}"


def target_job(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Each selector has a matcher of job."""
    yield from target_matcher("job", dashboard)


def target_instance(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Each selector has a matcher of instance."""
    yield from target_matcher("instance", dashboard)


def target_counter_agg(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Counters (and buckets, sums and counts of histograms) stand in rate, irate or increase."""
    for one in valid(dashboard):
        yield from (f"{one.name}: {name} is a bare counter" for name in bare_counters(tree(one.expr)))


def uneditable(dashboard: Any) -> Iterator[str]:  # noqa: ANN401  # a JSON document
    """Ask that the dashboard cannot be edited in place: changes belong into the generator."""
    if dashboard["editable"]:
        yield "the dashboard is editable"


def valid(dashboard: Any) -> Iterator[Target]:  # noqa: ANN401  # a JSON document
    """Yield the queries that are PromQL; the others break a rule of their own."""
    yield from (one for one in targets(dashboard) if not broken(one.expr))


def tree(text: str) -> Expr:
    """Return the syntax tree, with ranges put in that the parser takes; other variables stay. ValueError if none."""
    return expression(text.replace("$__rate_interval", "4m").replace("$__range", "24h"))


def broken(text: str) -> bool:
    """Tell whether a text is no PromQL."""
    try:
        tree(text)
    except ValueError:
        return True
    return False


def bare_counters(node: Expr, above: tuple[Expr, ...] = ()) -> Iterator[str]:
    """Yield the names of counters outside rate, irate and increase."""
    name = (name_of(node) or "") if isinstance(node, VectorSelector) else ""
    if re.search(r"_(total|bucket|sum|count)$", name):
        ranged = len(above) > 1 and isinstance(above[-1], MatrixSelector)
        outer = above[-2] if ranged else None
        if not (isinstance(outer, Call) and outer.func.name in ("rate", "irate", "increase")):
            yield name
    for child in children(node):
        yield from bare_counters(child, (*above, node))


def _matches(selector: VectorSelector, label: str, value: str) -> bool:
    matchers = selector.matchers.matchers
    return any((one.name, one.op, one.value) == (label, MatchOp.Re, value) for one in matchers)


RULES: dict[str, Rule] = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": template_job,
    "template-instance-rule": template_instance,
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-promql-rule": target_promql,
    "target-logql-rule": target_logql,
    "target-logql-auto-rule": target_logql_auto,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": target_job,
    "target-instance-rule": target_instance,
    "target-counter-agg-rule": target_counter_agg,
    "uneditable-dashboard": uneditable,
}
COUNTER = "api_gateway_webhooks_received_total"
CHOSEN = '{job=~"$job", instance=~"$instance"}'


def changed(change: Callable[[Any], None]) -> Any:  # noqa: ANN401  # a JSON document
    """Return a committed dashboard with one change."""
    dashboard = load()["booking-exporter.json"]
    change(dashboard)
    return dashboard


def variable(place: int, key: str, value: object) -> Any:  # noqa: ANN401  # a JSON document
    """Return a dashboard whose variable at `place` has `value`."""
    return changed(lambda one: one["templating"]["list"][place].update({key: value}))


def panel(key: str, value: object) -> Any:  # noqa: ANN401  # a JSON document
    """Return a dashboard whose first panel has `value`."""
    return changed(lambda one: panels(one)[0].update({key: value}))


def query(expr: str) -> Any:  # noqa: ANN401  # a JSON document
    """Return a dashboard whose first query is `expr`."""
    return changed(lambda one: panels(one)[0]["targets"][0].update(expr=expr))


WRONG: dict[str, list[Any]] = {
    "template-datasource-rule": [variable(0, "name", "source"), variable(0, "label", "Prometheus")],
    "template-job-rule": [variable(1, "allValue", ".*"), variable(1, "multi", value=False)],
    "template-instance-rule": [
        variable(3, "datasource", {"type": "prometheus", "uid": "abc"}),
        variable(3, "name", "x"),
    ],
    "template-label-promql-rule": [variable(1, "query", {"query": "label_values(up{, job)"})],
    "template-on-time-change-reload-rule": [variable(2, "refresh", 1)],
    "panel-datasource-rule": [panel("datasource", {"type": "prometheus", "uid": "abc"})],
    "panel-title-description-rule": [panel("title", ""), panel("description", "")],
    "panel-units-rule": [
        panel("fieldConfig", {"defaults": {"unit": "seconds"}}),
        panel("fieldConfig", {"defaults": {}}),
    ],
    "panel-no-targets-rule": [panel("targets", [])],
    "target-promql-rule": [query(f"sum(up{CHOSEN}")],
    "target-logql-rule": [panel("targets", [{"expr": "up", "datasource": {"type": "loki"}}])],
    "target-logql-auto-rule": [query(f"rate({COUNTER}{CHOSEN}[$__auto])")],
    "target-rate-interval-rule": [query(f"sum(rate({COUNTER}{CHOSEN}[5m]))")],
    "target-job-rule": [
        query('up{instance=~"$instance"}'),
        query(f'up{CHOSEN} + up{{instance=~"$instance", job="x"}}'),
    ],
    "target-instance-rule": [query('up{job=~"$job"}'), query('job_environment:a:sum{job=~"$job"}'), query("ALERTS")],
    "target-counter-agg-rule": [query(f"sum({COUNTER}{CHOSEN})"), query(f"max_over_time({COUNTER}{CHOSEN}[1h])")],
    "uneditable-dashboard": [changed(lambda one: one.update(editable=True))],
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("file", sorted(load()))
def test_the_dashboards_keep_the_rule(file: str, name: str) -> None:
    """Nothing is found but the exceptions of grafana/README.md."""
    assert list(RULES[name](load()[file])) == []


@pytest.mark.parametrize("name", RULES)
def test_the_rule_refuses_what_is_wrong(name: str) -> None:
    """Each rule finds what it is for."""
    assert all(list(RULES[name](dashboard)) for dashboard in WRONG[name])


def test_the_readme_lists_every_rule() -> None:
    """The table names the linter's seventeen rules, and no other."""
    text = (FOLDER / "README.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == set(RULES)
    assert len(RULES) == 17
