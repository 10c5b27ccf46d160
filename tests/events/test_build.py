"""Tests of exporter.events.build: definitions against the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import APP
from exporter.events.rules import CountRule, Linked, OneOf, StatusClass

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.events.definitions import EventSet

MATCH = 'match: {message: {contains: "Payment failed"}}'
EXAMPLE = '    examples: [{record: "x", expect: {}}]\n'


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("count: {metric: nonsense_total}", "count.metric: unknown series; name one of METRICS.md or declare it"),
        ("count: {metric: log_records_total, labels: {level: info}}", "count.metric: is kept by the exporter itself"),
        ("count: {metric: booking_exporter_read_bytes_total}", "count.metric: is kept by the exporter itself"),
        ("count: {metric: duplicate_prevention_rate}", "count.metric: is kept by the exporter itself"),
        (
            "count: {metric: booking_age_seconds, labels: {status: stale}}",
            "count.metric: is a histogram; this counts and needs a counter",
        ),
        (
            "observe: [{metric: bookings_validated_total, value: context.a}]",
            "observe[0].metric: is a counter; this observes and needs a histogram",
        ),
        (
            "count: {metric: booking_conflicts_total}",
            "count.labels: api_gateway_booking_conflicts_total has exactly these labels: kind",
        ),
        (
            "count: {metric: bookings_validated_total, labels: {a: b}}",
            "count.labels: api_gateway_bookings_validated_total has exactly these labels: no labels",
        ),
        (
            "count: {metric: booking_conflicts_total, labels: {kind: cosmic}}",
            "count.labels.kind: may become 'cosmic'; api_gateway_booking_conflicts_total allows: slot, wrong_time",
        ),
        (
            "count: {metric: booking_conflicts_total, labels: {kind: {path: context.a, one_of: [slot]}}}",
            "count.labels.kind: may become 'other'; api_gateway_booking_conflicts_total allows",
        ),
        (
            "count: {metric: duplicate_booking_rejections_total, labels: {layer: layer1, reason: call_id_mismatch}}",
            "count.labels: api_gateway_duplicate_booking_rejections_total has only these combinations: layer1, stale",
        ),
        (
            (
                "observe: [{metric: booking_age_seconds, value: context.a, "
                "labels: {status: {path: context.b, violated: stale, otherwise: accepted}}}]"
            ),
            "observe[0].labels: violated is for counters only",
        ),
        ("incident: context.a", "incident: needs a layer, here or as label of count: layer1, layer2, layer3, layer4"),
        ("incident: {id: context.a, layer: layer9}", "incident: needs a layer"),
        ("incident: {id: violation, layer: layer4}", "incident: names the violation, but there is none"),
        (
            'violation: {role: report, text: message, key: ["(a)(b)"]}',
            "violation.key[0]: needs exactly one group, which is the key's value",
        ),
    ],
)
def test_what_the_catalogue_refuses(lines: str, problem: str, problems: Callable[..., tuple[str, ...]]) -> None:
    """Each thing that the catalogue does not know is named with its place and what would be right."""
    found = problems(f"version: 1\nevents:\n  - name: x\n    {MATCH}\n    {lines}\n{EXAMPLE}")
    assert len(found) == 1
    assert found[0].startswith(f"a.yaml:5: events[0].{problem}")


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ("{}", "match: tests no text; add message or record"),
        ("{levels: [error]}", "match: tests no text; add message or record"),
        ("{message: {}, record: {}}", "match: tests no text; add message or record"),
        ("{message: {contains: [abcd, abc]}}", "match: needs a text of at least 4 bytes to be found by"),
    ],
)
def test_a_definition_can_be_found(match: str, problem: str, problems: Callable[..., tuple[str, ...]]) -> None:
    """A definition that no text of some length leads to is refused: every record would have to be tried."""
    found = problems(f"version: 1\nevents:\n  - name: x\n    match: {match}\n{EXAMPLE}")
    assert len(found) == 1
    assert found[0].startswith(f"a.yaml:4: events[0].{problem}")


def test_lowest_level(one_event: Callable[..., EventSet], problems: Callable[..., tuple[str, ...]]) -> None:
    """The lowest level is the given one, else the lowest of the levels, else debug; it may not contradict them."""
    levels = "match: {message: {contains: abcd}, levels: [error, notice]}"
    assert one_event(levels).lowest_levels == {"thing": "notice"}
    assert one_event(MATCH).lowest_levels == {"thing": "debug"}
    assert one_event(MATCH, "lowest_level: alert").lowest_levels == {"thing": "alert"}
    found = problems(f"version: 1\nevents:\n  - name: x\n    {levels}\n    lowest_level: error\n{EXAMPLE}")
    assert found == ("a.yaml:5: events[0].lowest_level: contradicts match.levels; write notice",)


@pytest.mark.parametrize("examples", ["[]", '[{record: "x", expect: none}]'])
def test_examples_are_required(examples: str, problems: Callable[..., tuple[str, ...]]) -> None:
    """A definition without an example of the event itself is refused."""
    found = problems(f"version: 1\nevents:\n  - name: x\n    {MATCH}\n    examples: {examples}\n")
    assert found == ("a.yaml:5: events[0].examples: holds no record that is this event; add one",)


def test_label_rules(one_event: Callable[..., EventSet]) -> None:
    """Labels stand in the catalogue's order, made from literals (booleans as PHP's JSON) and fields."""
    events = one_event(
        MATCH,
        "count:",
        "  metric: shop_payments_total",
        "  labels:",
        "    cause: {path: context.id, violated: a, otherwise: other}",
        "    status: {path: context.status, transform: status_class}",
        "    way: {path: context.way, one_of: [card], optional: true}",
        "    code: 7",
        "    ok: true",
        "    bad: false",
        before=(
            "series:\n  - name: shop_payments_total\n    kind: counter\n    help: x\n    labels:\n"
            '      ok: ["true"]\n      bad: ["false"]\n      code: ["7"]\n      way: [card, other]\n'
            "      status: [1xx, 2xx, 3xx, 4xx, 5xx, other]\n      cause: [a, other]\n"
        ),
    )
    assert events.definitions[0].count == CountRule(
        "shop_payments_total",
        (
            "true",
            "false",
            "7",
            OneOf(("way",), frozenset({"card"}), optional=True),
            StatusClass(("status",), optional=False),
            Linked(("id",), "a", "other", optional=False),
        ),
    )


def test_shipped_names_need_no_prefix(one_event: Callable[..., EventSet]) -> None:
    """A catalogue series may be named with and without `api_gateway_`."""
    for name in ("bookings_validated_total", APP + "bookings_validated_total"):
        count = one_event(MATCH, f"count: {{metric: {name}}}").definitions[0].count
        assert count == CountRule(APP + "bookings_validated_total", ())
