"""PromQL as a syntax tree: which series an expression reads, and which labels its result has.

The labels follow Prometheus' own rules for aggregation and vector matching, see
https://prometheus.io/docs/prometheus/latest/querying/operators/. Target labels are job, instance
and environment; environment may be absent on all of a site's targets alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    LabelModifierType,
    MatchOp,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatchCardinality,
    VectorSelector,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.catalogue import Series

TARGET = frozenset({"job", "instance", "environment"})
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})
ON_COUNTERS = frozenset({"rate", "increase", "irate", "resets"})
SCALARS = frozenset({"time", "scalar", "pi"})


@dataclass(frozen=True, slots=True)
class Metric:
    """What is known of a sample's name: its kind, labels and, where closed, their values."""

    kind: str
    labels: frozenset[str]
    values: Mapping[str, frozenset[str]]


class Metrics:
    """All sample names that rules may read: scraped ones, `up`, and those that rules record."""

    def __init__(self, series: Iterable[Series]) -> None:
        self._known: dict[str, Metric] = {"up": Metric("gauge", TARGET, {})}
        for one in series:
            labels = TARGET | set(one.label_names)
            values = {label.name: frozenset(label.values) for label in one.labels if label.values is not None}
            if one.kind == "histogram":
                bounds = frozenset([*map(str, one.buckets), "+Inf"])
                self._known[one.name + "_bucket"] = Metric("counter", labels | {"le"}, values | {"le": bounds})
                for suffix in ("_count", "_sum"):
                    self._known[one.name + suffix] = Metric("counter", labels, values)
            else:
                self._known[one.name] = Metric(one.kind, labels, values)

    def record(self, name: str, expression: Expr, labels: Iterable[str] = ()) -> None:
        """Add what a recording rule makes: a gauge with the labels of its expression and its own."""
        self._known[name] = Metric("gauge", labels_of(expression, self) | set(labels), {})

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Metric:
        """Return what is known; of an unknown name a gauge with the target's labels."""
        return self._known.get(name, Metric("gauge", TARGET, {}))

    def matching(self, pattern: str) -> list[str]:
        """Return the names that a regular expression on `__name__` selects."""
        return [name for name in self._known if re.fullmatch(pattern, name)]


def children(node: Expr) -> list[Expr]:
    """Return the expressions directly inside `node`."""
    match node:
        case BinaryExpr():
            return [node.lhs, node.rhs]
        case AggregateExpr():
            return [node.expr, *([node.param] if isinstance(node.param, Expr) else [])]
        case Call():
            return list(node.args)
        case MatrixSelector():
            return [node.vector_selector]
        case ParenExpr() | UnaryExpr() | SubqueryExpr():
            return [node.expr]
        case _:
            return []


def nodes(node: Expr) -> Iterator[Expr]:
    """Yield `node` and all expressions inside it, the outer ones first."""
    yield node
    for child in children(node):
        yield from nodes(child)


def selectors(node: Expr) -> list[VectorSelector]:
    """Return all selectors of series."""
    return [one for one in nodes(node) if isinstance(one, VectorSelector)]


def name_of(selector: VectorSelector) -> str | None:
    """Return the metric's name; None where only a pattern is given."""
    if selector.name:
        return selector.name
    return next((one.value for one in selector.matchers.matchers if _is(one, "__name__", MatchOp.Equal)), None)


def name_pattern(selector: VectorSelector) -> str | None:
    """Return the pattern of a selector by `__name__=~`, if it is one."""
    return next((one.value for one in selector.matchers.matchers if _is(one, "__name__", MatchOp.Re)), None)


def is_scalar(node: Expr) -> bool:
    """Tell whether the result is one number without labels."""
    match node:
        case NumberLiteral():
            return True
        case ParenExpr() | UnaryExpr():
            return is_scalar(node.expr)
        case BinaryExpr():
            return is_scalar(node.lhs) and is_scalar(node.rhs)
        case Call():
            return node.func.name in SCALARS
        case _:
            return False


def labels_of(node: Expr, metrics: Metrics) -> frozenset[str]:
    """Return the labels that the samples of the result can have."""
    match node:
        case VectorSelector():
            name = name_of(node)
            return metrics[name].labels if name else TARGET
        case AggregateExpr():
            return _aggregated(node, metrics)
        case BinaryExpr():
            return _combined(node, metrics)
        case Call():
            return _called(node, metrics)
        case MatrixSelector() | ParenExpr() | UnaryExpr() | SubqueryExpr():
            return labels_of(children(node)[0], metrics)
        case _:
            return frozenset()


def _aggregated(node: AggregateExpr, metrics: Metrics) -> frozenset[str]:
    inside = labels_of(node.expr, metrics)
    operator = str(node.op)
    named = frozenset(node.modifier.labels) if node.modifier else frozenset()
    without = node.modifier is not None and node.modifier.type == AggModifierType.Without
    kept = inside - named if without else inside & named
    if operator in ("topk", "bottomk"):
        return inside
    if operator == "count_values" and isinstance(node.param, StringLiteral):
        return kept | {node.param.val}
    return kept


def _called(node: Call, metrics: Metrics) -> frozenset[str]:
    function, arguments = node.func.name, list(node.args)
    if function in (*SCALARS, "vector"):
        return frozenset()
    if function == "absent":
        (inside,) = arguments
        found = selectors(inside)
        return frozenset(one.name for one in found[0].matchers.matchers if one.op == MatchOp.Equal)
    if function == "histogram_quantile":
        return labels_of(arguments[1], metrics) - {"le"}
    inside = labels_of(arguments[0], metrics)
    if function == "label_replace":
        return inside | {arguments[1].val}
    return inside


def _combined(node: BinaryExpr, metrics: Metrics) -> frozenset[str]:
    left, right = (labels_of(side, metrics) for side in (node.lhs, node.rhs))
    operator = str(node.op)
    if is_scalar(node.lhs):
        return right
    if is_scalar(node.rhs) or operator in ("and", "unless"):
        return left
    if operator == "or":
        return left | right
    named, on = matching(node)
    if node.modifier is not None and node.modifier.card == VectorMatchCardinality.ManyToOne:
        return left | set(node.modifier.group_labels or ())
    if node.modifier is not None and node.modifier.card == VectorMatchCardinality.OneToMany:
        return right | set(node.modifier.group_labels or ())
    return left & named if on else left - named


def matching(node: BinaryExpr) -> tuple[frozenset[str], bool]:
    """Return the labels that a binary operator names, and whether by `on` (else by `ignoring`)."""
    found: Any = node.modifier.matching if node.modifier is not None else None
    if found is None:
        return frozenset(), False
    return frozenset(found.labels), found.type == LabelModifierType.Include


def pinned(node: Expr) -> frozenset[str]:
    """Return the labels that all selectors in `node` fix to one value: they cannot make several samples."""
    found = [{one.name for one in each.matchers.matchers if one.op == MatchOp.Equal} for each in selectors(node)]
    return frozenset(set.intersection(*found)) if found else frozenset()


def expression(text: str) -> Expr:
    """Parse PromQL; ValueError where it is none."""
    return parse(text)


def _is(matcher: Any, name: str, operator: MatchOp) -> bool:  # noqa: ANN401  # the parser's matchers have no common type
    return bool(matcher.name == name and matcher.op == operator)
