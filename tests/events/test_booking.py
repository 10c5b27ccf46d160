"""Tests of booking.yaml: the shipped definitions, and what design and app demand of them."""

from __future__ import annotations

import json

import pytest

from exporter.catalogue import FROM_LOGS
from exporter.events.build import INCIDENTS
from exporter.events.classify import classify
from exporter.events.definitions import EventSet, builtin_source, load_events
from exporter.events.examples import run_examples
from exporter.records.parse import Record, parse

EXAMPLES = [
    (index, number)
    for index, definition in enumerate(load_events([builtin_source()]).definitions)
    for number in range(len(definition.examples))
]


def as_json(record: Record, *, ascii_only: bool) -> bytes:
    """Return the record as Monolog's JsonFormatter writes it; `ascii_only` as without its flags."""
    fields = {
        "message": record.message.decode().rstrip(),
        "context": record.context,
        "level": 400,
        "level_name": record.level.upper(),
        "channel": record.channel,
        "datetime": "2025-10-06T18:22:12.345678+02:00",
        "extra": {},
    }
    text = json.dumps(fields, ensure_ascii=ascii_only, separators=(",", ":"))
    return (text.replace("/", "\\/") if ascii_only else text).encode() + b"\n"


def test_all_examples_hold(shipped: EventSet) -> None:
    """Every shipped example comes to what it says."""
    assert run_examples(shipped) == []


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(("index", "number"), EXAMPLES)
def test_examples_mean_the_same_in_json(index: int, number: int, shipped: EventSet, *, ascii_only: bool) -> None:
    """A record means the same in both formats, and the triggers in its raw bytes lead to it."""
    line = parse(shipped.definitions[index].examples[number].record)
    assert line is not None
    raw = as_json(line, ascii_only=ascii_only)
    record = parse(raw)
    assert record is not None
    hits = [place for place, trigger in enumerate(shipped.triggers) if trigger.pattern in raw]
    expected = classify(shipped, line, None)
    assert classify(shipped, record, hits) == expected
    assert classify(shipped, record, None) == expected


def test_each_definition_has_a_near_miss(shipped: EventSet) -> None:
    """Each definition shows a record that looks like it and is not."""
    assert [
        one.name for one in shipped.definitions if all(example.expect is not None for example in one.examples)
    ] == []


def test_every_series_from_the_log_is_filled(shipped: EventSet) -> None:
    """No series of the catalogue that events could fill is left out."""
    used = {one.count.metric for one in shipped.definitions if one.count}
    used |= {observed.metric for one in shipped.definitions for observed in one.observe}
    made_elsewhere = {"api_gateway_log_records_total", "api_gateway_unrecognized_events_total", INCIDENTS}
    fillable = {one.name for one in FROM_LOGS if one.kind != "gauge"}
    assert fillable - used == made_elsewhere


def test_shipped_events(shipped: EventSet) -> None:
    """The events of the design are there, each once by name."""
    assert shipped.names == (
        "stale_booking",
        "call_id_mismatch",
        "database_duplicate",
        "unique_constraint",
        "booking_validated",
        "appointment_created",
        "conflict",
        "idempotency",
        "booking_failed",
        "compensation",
        "compensation_result",
        "webhook_received",
        "webhook",
        "duplicate_check",
        "appointment_creation",
        "app_finding",
    )
    lowest = {name: level for name, level in shipped.lowest_levels.items() if level != "error"}
    assert lowest == {
        "booking_validated": "info",
        "appointment_created": "info",
        "conflict": "warning",
        "idempotency": "info",
        "compensation": "warning",
        "compensation_result": "info",
        "webhook_received": "info",
        "webhook": "debug",
        "duplicate_check": "info",
        "appointment_creation": "info",
        "app_finding": "critical",
    }
    assert shipped.markers == (b"DUPLICATE BOOKING PREVENTION",)
    assert shipped.series == ()
    assert not any(trigger.regex for trigger in shipped.triggers)


@pytest.mark.parametrize(
    "line",
    [
        'production.INFO: Call already exists, updating with latest data {"call_id":7}',
        "production.ERROR: SQLSTATE[42S01]: Base table or view already exists: 1050 Table 'x' already exists  ",
        'production.ERROR: SQLSTATE[42701]: Duplicate column: 7 ERROR:  column "status" already exists  ',
        (
            "production.ERROR: SQLSTATE[23505]: Unique violation: 7 ERROR:  duplicate key value\n"
            "DETAIL:  Key (email)=(a@example.test) already exists.  "
        ),
        "production.ERROR: ⚠️ SQLSTATE[23000] unique_calcom_v2_booking_id is not at the beginning  ",
        'production.WARNING: Stale booking detected {"booking_id":1}',
        "production.INFO: ✅ Migration: Unique constraint added (unique_calcom_v2_booking_id)  ",
    ],
)
def test_what_real_logs_hold_and_is_no_event(line: str, shipped: EventSet) -> None:
    """Records of real logs that naive rules take for duplicates mean nothing."""
    record = parse(f"[2025-10-06 18:22:12] {line}\n".encode())
    assert record is not None
    assert classify(shipped, record, None) is None
