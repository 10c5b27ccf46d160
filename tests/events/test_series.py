"""Tests of exporter.events.series: the series that a user's file declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import Label, Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.events.definitions import EventSet

MATCH = 'match: {message: {contains: "Payment failed"}}'


def test_series_are_declared(one_event: Callable[..., EventSet]) -> None:
    """A counter and a histogram of a file become series of the catalogue's kind."""
    events = one_event(
        MATCH,
        before=(
            "series:\n"
            "  - {name: shop_payments_total, kind: counter, help: Paid., labels: {way: [card, other], ok: [y_, n_]}}\n"
            "  - {name: shop_payment_seconds, kind: histogram, help: Time., buckets: [0.5, 1, 2]}\n"
        ),
    )
    assert events.series == (
        Series(
            "shop_payments_total",
            "counter",
            "Paid.",
            "log",
            (Label("way", ("card", "other")), Label("ok", ("y_", "n_"))),
        ),
        Series("shop_payment_seconds", "histogram", "Time.", "log", (), (0.5, 1.0, 2.0)),
    )


@pytest.mark.parametrize(
    ("declaration", "problem"),
    [
        ("{name: 7up_total, kind: counter, help: x}", "name: '7up_total' is no Prometheus name"),
        ("{name: booking_exporter_x_total, kind: counter, help: x}", "name: booking_exporter_ is kept"),
        ("{name: shop_x, kind: counter, help: x}", "name: the name of a counter ends with _total"),
        (
            "{name: shop_x_count, kind: histogram, help: x, buckets: [1]}",
            "name: the name of a histogram ends with none",
        ),
        ("{name: shop_x, kind: gauge, help: x}", "kind: Input should be 'counter' or 'histogram'"),
        ("{name: shop_x, kind: histogram, help: x}", "buckets: a histogram needs its upper bounds"),
        ("{name: shop_x, kind: histogram, help: x, buckets: [1, 1]}", "buckets: must rise and be finite"),
        ("{name: shop_x, kind: histogram, help: x, buckets: [1, .inf]}", "buckets: must rise and be finite"),
        ("{name: shop_x_total, kind: counter, help: x, buckets: [1]}", "buckets: a counter has no buckets"),
        ("{name: shop_x_total, kind: counter, help: x, labels: {le: [a]}}", "labels.le: is no label name"),
        ("{name: shop_x_total, kind: counter, help: x, labels: {__a: [a]}}", "labels.__a: is no label name"),
        ("{name: shop_x_total, kind: counter, help: x, labels: {a: [b, b]}}", "labels.a: lists a value twice"),
        ("{name: shop_x_total, kind: counter, help: x, labels: {a: []}}", "labels.a: List should have at least"),
        (
            (
                f"{{name: shop_x_total, kind: counter, help: x, labels: {{a: {list('abcdefghijk')}, "
                f"b: {list('abcdefghijk')}, c: {list('abcdefghi')}}}}}"
            ),
            "labels: make more than 1000 label sets",
        ),
        (
            "{name: api_gateway_bookings_validated_total, kind: counter, help: x}",
            "name: api_gateway_bookings_validated_total is",
        ),
        (
            "{name: api_gateway_booking_age_seconds_total, kind: counter, help: x}",
            "name: api_gateway_booking_age_seconds_total is declared already, or would be exposed under the same name",
        ),
        ("{kind: counter, help: x}", "name: is missing; add it"),
    ],
)
def test_bad_series(declaration: str, problem: str, problems: Callable[..., tuple[str, ...]]) -> None:
    """Each rule that a declared series breaks is named with its place."""
    found = problems(f"version: 1\nseries:\n  - {declaration}\n")
    assert len(found) == 1
    assert found[0].startswith(f"a.yaml:3: series[0].{problem}")


def test_two_files_may_not_declare_one_series(problems: Callable[..., tuple[str, ...]]) -> None:
    """A series that an earlier file declares cannot be declared again."""
    text = "version: 1\nseries:\n  - {name: shop_x_total, kind: counter, help: x}\n"
    assert problems(text, text) == (
        "b.yaml:3: series[0].name: shop_x_total is declared already, or would be exposed under the same name",
    )
