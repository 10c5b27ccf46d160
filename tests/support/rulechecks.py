"""Our own checks of rules over their syntax tree: what `promtool check rules` does not see.

Each check takes a rule and the world it lives in, and yields what is wrong with it. Several are
those of pint (https://cloudflare.github.io/pint/checks/) that need no server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatchOp,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    VectorMatchCardinality,
    VectorSelector,
)

from tests.support.promql import (
    COMPARISONS,
    ON_COUNTERS,
    SETS,
    Metrics,
    children,
    expression,
    is_scalar,
    labels_of,
    matching,
    name_of,
    name_pattern,
    nodes,
    pinned,
    selectors,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.alertrules import Rule

SCRAPE_INTERVAL = 15.0
SEVERITIES = ("critical", "warning", "info")
COMPONENTS = ("booking", "booking-exporter")
ANNOTATIONS = {"summary", "description", "value", "runbook_url", "dashboard_url"}
ALWAYS = "BookingExporterWatchdog"
UNAGGREGATED = "api_gateway_duplicate_prevention_rate"
FLEET = frozenset({"job", "environment"})


@dataclass(frozen=True, slots=True)
class World:
    """What rules refer to: series, runbooks by name, uids of dashboards."""

    metrics: Metrics
    runbooks: frozenset[str]
    dashboards: frozenset[str]


Check: TypeAlias = "Callable[[Rule, World], Iterator[str]]"


def known_series(rule: Rule, world: World) -> Iterator[str]:
    """Every series is declared in the catalogue or recorded."""
    for selector in selectors(expression(rule.text)):
        name, pattern = name_of(selector), name_pattern(selector)
        if (name is not None and name not in world.metrics) or (pattern and not world.metrics.matching(pattern)):
            yield f"nobody exposes or records {name or pattern}"


def known_labels(rule: Rule, world: World) -> Iterator[str]:
    """Every matched label exists on its series, with that value."""
    for selector in selectors(expression(rule.text)):
        metric = world.metrics[name_of(selector) or ""]
        for one in selector.matchers.matchers:
            if one.name == "__name__":
                continue
            if one.name not in metric.labels:
                yield f"{name_of(selector)} has no label {one.name}"
            values = {one.value} if one.op in (MatchOp.Equal, MatchOp.NotEqual) else set(one.value.split("|"))
            closed = metric.values.get(one.name)
            if closed is not None and not values <= closed:
                yield f"{one.name} of {name_of(selector)} is never {', '.join(sorted(values - closed))}"


def no_integer_bound(rule: Rule, _: World) -> Iterator[str]:
    """No `le` is matched by an integer: Prometheus 3 stores `1` as `1.0`."""
    for selector in selectors(expression(rule.text)):
        for one in selector.matchers.matchers:
            if one.name == "le" and re.search(r"(^|\|)\d+($|\|)", one.value):
                yield f'le="{one.value}" matches nothing on Prometheus 3'


def wide_windows(rule: Rule, _: World) -> Iterator[str]:
    """Every range spans four scrapes or more."""
    for node in nodes(expression(rule.text)):
        window = node.range if isinstance(node, (MatrixSelector, SubqueryExpr)) else None
        if window is not None and window.total_seconds() < 4 * SCRAPE_INTERVAL:
            yield f"a window of {window.total_seconds():g} s is shorter than four scrapes"


def counters_by_rate(rule: Rule, world: World) -> Iterator[str]:
    """Counters are read by rate and increase only, and nothing else is."""
    yield from _counters(expression(rule.text), world.metrics, rated=False)


def _counters(node: Expr, metrics: Metrics, *, rated: bool) -> Iterator[str]:
    if isinstance(node, VectorSelector):
        name = name_of(node) or ""
        if (metrics[name].kind == "counter") != rated and name in metrics:
            yield f"{name} is {'no' if rated else 'a'} counter"
    inside = rated
    if isinstance(node, Call):
        inside = node.func.name in ON_COUNTERS
    for child in children(node):
        yield from _counters(child, metrics, rated=inside)


def possible_matches(rule: Rule, world: World) -> Iterator[str]:
    """Both sides of an operator have the labels by which they are matched, and one sample for each value."""
    for node in nodes(expression(rule.text)):
        if isinstance(node, BinaryExpr) and not (is_scalar(node.lhs) or is_scalar(node.rhs)):
            yield from _match(node, world.metrics)


def _match(node: BinaryExpr, metrics: Metrics) -> Iterator[str]:
    left, right = (labels_of(side, metrics) for side in (node.lhs, node.rhs))
    named, on = matching(node)
    operator = str(node.op)
    if on:
        if not named <= left & right:
            yield f"on ({', '.join(sorted(named))}) names labels that one side of `{operator}` lacks"
        many = ((left - pinned(node.lhs)) | (right - pinned(node.rhs))) - named
        one_to_one = node.modifier is not None and node.modifier.card == VectorMatchCardinality.OneToOne
        if operator not in SETS and one_to_one and many:
            yield f"`{operator}` may find several samples on one side: {', '.join(sorted(many))}"
    elif operator != "or" and left - named != right - named:
        differing = ", ".join(sorted((left ^ right) - named))
        yield f"the two sides of `{operator}` never match: only one has {differing}"


def comparison_present(rule: Rule, _: World) -> Iterator[str]:
    """Ask an alert to compare something; without it, it fires whenever the series exists."""
    if rule.alert and rule.name != ALWAYS and not _compares(expression(rule.text)):
        yield "nothing is compared: it fires whenever the series exists"


def _compares(node: Expr) -> bool:
    if isinstance(node, ParenExpr | AggregateExpr):
        return _compares(node.expr)
    if isinstance(node, Call):
        return node.func.name == "absent"
    if not isinstance(node, BinaryExpr):
        return False
    operator = str(node.op)
    left, right = _compares(node.lhs), _compares(node.rhs)
    if operator == "or":
        return left and right
    filters = operator in COMPARISONS and not (node.modifier and node.modifier.return_bool)
    return left or operator == "unless" or filters or right


def limits_by_name(rule: Rule, _: World) -> Iterator[str]:
    """Want every limit but 0 and 1 as a recorded threshold, read by scalar(), so that a site edits one file."""
    if not rule.alert:
        return
    for node in nodes(expression(rule.text)):
        if isinstance(node, BinaryExpr) and str(node.op) in COMPARISONS:
            for side in (node.lhs, node.rhs):
                counts = "booking:threshold:.+" in rule.text
                if isinstance(side, NumberLiteral) and side.val not in (0, 1) and not counts:
                    yield f"the limit {side.val:g} is not a threshold"


def rounded_counts(rule: Rule, _: World) -> Iterator[str]:
    """increase() extrapolates, 5 becomes 5.19: what is compared with a limit is rounded first."""
    if not rule.alert:
        return
    for node in nodes(expression(rule.text)):
        if isinstance(node, BinaryExpr) and str(node.op) in (">", ">=", "<", "<="):
            for side, other in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
                counted = any(isinstance(one, Call) and one.func.name == "increase" for one in nodes(side))
                zero = isinstance(other, NumberLiteral) and other.val == 0 and str(node.op) == ">"
                if counted and not (isinstance(side, Call) and side.func.name == "round") and not zero:
                    yield "increase() is compared without round()"


def survives(rule: Rule, _: World) -> Iterator[str]:
    """Want windows of 10 minutes or more for events, a much shorter `for`, and keep_firing_for."""
    if not rule.alert:
        return
    for node in nodes(expression(rule.text)):
        if not (isinstance(node, BinaryExpr) and str(node.op) in (">", ">=")):
            continue
        for one in nodes(node.lhs):
            if isinstance(one, Call) and one.func.name == "increase":
                window = one.args[0].range.total_seconds()
                if window < 600:
                    yield f"an event is out of the window after {window:g} s"
                if rule.wait * 2 > window:
                    yield f"`for` of {rule.wait:g} s leaves too little of the window of {window:g} s"
                if not rule.keep and not rule.wait:
                    yield "without keep_firing_for it flaps"


def read_over_time(rule: Rule, world: World) -> Iterator[str]:
    """Have alerts read gauges over a window, so that one missed scrape does not begin `for` anew."""
    if rule.alert:
        yield from _bare_gauges(expression(rule.text), world.metrics)


def _bare_gauges(node: Expr, metrics: Metrics) -> Iterator[str]:
    if isinstance(node, MatrixSelector):
        return
    name = name_of(node) if isinstance(node, VectorSelector) else None
    if name is not None and ":" not in name and metrics[name].kind == "gauge":
        yield f"{name} is read at one instant: a missed scrape resets `for`"
    for child in children(node):
        yield from _bare_gauges(child, metrics)


def no_single_server_rate(rule: Rule, _: World) -> Iterator[str]:
    """Keep the percentage gauge of one server for display; fleets use the recorded ratio."""
    if any(name_of(one) == UNAGGREGATED for one in selectors(expression(rule.text))):
        yield f"{UNAGGREGATED} is right for one server only"


def volume_guard(rule: Rule, _: World) -> Iterator[str]:
    """Ask for a minimum number of rejections beside their ratio."""
    text = re.sub(r"\s+", " ", rule.text)
    ratio = ":ratio_increase" in text or UNAGGREGATED in text
    if rule.alert and ratio and "booking:threshold:rejections_minimum" not in text:
        yield "a ratio without a minimum number: one of three bookings at night is 33 %"


def fleet_wide(rule: Rule, world: World) -> Iterator[str]:
    """Alerts about bookings aggregate to (job, environment); only the exporter's own health keeps instance."""
    if not rule.alert:
        return
    labels = labels_of(expression(rule.text), world.metrics)
    if rule.labels.get("component") == "booking" or rule.labels.get("component") not in COMPONENTS:
        if "instance" in labels:
            yield "it fires per server, not for the fleet"
        if not labels >= FLEET:
            yield "it does not keep job and environment"
    elif "instance" in labels and rule.labels.get("severity") == "critical":
        yield "one server's health is no critical matter"


def complete(rule: Rule, world: World) -> Iterator[str]:
    """Names, labels and annotations are complete, and links lead to a runbook and a dashboard that exist."""
    if not rule.alert:
        return
    if not re.fullmatch(r"(?:[A-Z][a-z0-9]+)+", rule.name) or len(rule.name) > 40:
        yield "the name is not CamelCase of at most 40 characters"
    if rule.labels.get("severity") not in SEVERITIES:
        yield "severity is not critical, warning or info"
    if rule.labels.get("component") not in COMPONENTS:
        yield "component is not booking or booking-exporter"
    if missing := ANNOTATIONS - set(rule.annotations):
        yield f"annotations are missing: {', '.join(sorted(missing))}"
        return
    if "{{" in rule.annotations["summary"] or not rule.annotations["summary"].endswith("."):
        yield "summary is not a fixed sentence"
    if not rule.annotations["runbook_url"].endswith(f"/{rule.name}.md") or rule.name not in world.runbooks:
        yield f"no runbook {rule.name}.md"
    uid = re.search(r"/d/([a-z0-9-]+)\?var-job=", rule.annotations["dashboard_url"])
    if uid is None or uid[1] not in world.dashboards:
        yield "no such dashboard"


def templates_known(rule: Rule, world: World) -> Iterator[str]:
    """Annotations name only labels that the result has, and query only series that exist."""
    labels = labels_of(expression(rule.text), world.metrics) | set(rule.labels)
    bare = not labels & FLEET
    for key, text in rule.annotations.items():
        for label in re.findall(r"\$labels\.(\w+)", text):
            if label not in labels and not (bare and label == "job"):
                yield f"{key} names the label {label}, which the result has not"
        for query in re.findall(r'query "([^"]+)"', text):
            if query not in world.metrics:
                yield f"{key} queries {query}, which nobody records"


def recorded_names(rule: Rule, world: World) -> Iterator[str]:
    """Name a recorded series level:metric:operations, its level being its labels."""
    if rule.alert or rule.name.startswith("booking:"):
        return
    parts = rule.name.split(":")
    if len(parts) != 3 or "_total" in parts[1]:
        yield "the name is not level:metric:operations without _total"
        return
    labels = labels_of(expression(rule.text), world.metrics)
    level = "job_environment" + "".join(f"_{one}" for one in sorted(labels - FLEET))
    if parts[0] != ("instance" if "instance" in labels else level):
        yield f"its level is {level}, not {parts[0]}"


CHECKS: tuple[Check, ...] = (
    known_series,
    known_labels,
    no_integer_bound,
    wide_windows,
    counters_by_rate,
    possible_matches,
    comparison_present,
    limits_by_name,
    rounded_counts,
    survives,
    read_over_time,
    no_single_server_rate,
    volume_guard,
    fleet_wide,
    complete,
    templates_known,
    recorded_names,
)


def findings(rule: Rule, world: World) -> list[str]:
    """Return what all checks find, each with the name of its check."""
    return [f"{check.__name__}: {text}" for check in CHECKS for text in check(rule, world)]
