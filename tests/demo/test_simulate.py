"""The simulated app's stream of records, and what it says they should count."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import BUILTIN, Catalogue
from exporter.demo.simulate import simulate

if TYPE_CHECKING:
    from exporter.demo.stage import Written

MOMENT = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)
HEADER = re.compile(rb"\[2026-03-01 09:05:07\] (production|testing)\.[A-Z]+: ")
SAMPLE = re.compile(r"([a-z_0-9]+)(?:\{(.*)\})?")


def records(count: int, seed: int = 1, number: int = 0) -> list[Written]:
    return list(islice(simulate(Random(seed), lambda: MOMENT, number), count))


@pytest.fixture(scope="module")
def many() -> list[Written]:
    return records(20_000)


def test_the_same_seed_gives_the_same_records() -> None:
    """Random source, clock and first number decide every byte."""
    assert records(500) == records(500)
    assert records(500) != records(500, seed=2)


def test_every_record_is_one_record(many: list[Written]) -> None:
    """Each begins with a header at the scene's time and ends in a space and a line feed."""
    assert all(HEADER.match(one.raw) and one.raw.endswith(b" \n") for one in many)


def test_most_records_are_queries(many: list[Written]) -> None:
    """Logged SQL queries are the larger part of the volume, as in the real app."""
    queries = sum(b"MB] QUERY {" in one.raw for one in many)
    assert 0.5 < queries / len(many) < 0.9


def test_records_span_lines(many: list[Written]) -> None:
    """Transcripts and stack traces bring real line feeds into contexts."""
    assert sum(one.raw.count(b"\n") > 1 for one in many) > len(many) / 20
    assert any(b"[stacktrace]" in one.raw for one in many)


def test_each_record_counts_once_in_its_level(many: list[Written]) -> None:
    """The record's level in its header is the level that it counts in."""
    for one in many[:2_000]:
        level = re.search(rb"\.([A-Z]+): ", one.raw)
        assert level
        assert one.counts[f'api_gateway_log_records_total{{level="{level[1].decode().lower()}"}}'] == 1


def test_expected_samples_are_in_the_catalogue(many: list[Written]) -> None:
    """Every sample that the simulation names can appear on /metrics, with these labels, sorted as there."""
    catalogue = Catalogue(BUILTIN)
    for name in {name for one in many for name in one.counts}:
        found = SAMPLE.fullmatch(name)
        assert found
        family = found[1] if found[1] in catalogue else re.sub("_(sum|count)$", "", found[1])
        labels = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
        series = catalogue[family]
        assert list(labels) == sorted(series.label_names)
        assert tuple(labels[name] for name in series.label_names) in catalogue.label_sets(series)


def test_every_counter_about_bookings_moves(many: list[Written]) -> None:
    """A demo of a few minutes shows every layer, conflict, outcome and duration."""
    names = Counter(name.split("{")[0] for one in many for name in one.counts)
    for family in (
        "appointment_creation_duration_seconds_count",
        "appointments_created_total",
        "booking_age_seconds_count",
        "booking_conflicts_total",
        "bookings_validated_total",
        "compensation_attempts_total",
        "compensations_total",
        "duplicate_booking_incidents_total",
        "duplicate_booking_rejections_total",
        "duplicate_check_duration_seconds_count",
        "idempotency_results_total",
        "upstream_failures_total",
        "webhook_events_total",
        "webhooks_received_total",
    ):
        assert names[f"api_gateway_{family}"], family
    text = "".join(name for one in many for name in one.counts)
    assert all(f'layer="layer{number}"' in text for number in (1, 2, 3, 4))


def test_other_environments_count_by_level_only(many: list[Written]) -> None:
    """A record of the app's test run is expected in the records per level, and nowhere else."""
    others = [one for one in many if b" testing.ERROR: " in one.raw.split(b"{")[0]]
    assert others
    assert all(list(one.counts) == ['api_gateway_log_records_total{level="error"}'] for one in others)


def test_webhooks_go_to_the_calcom_file(many: list[Written]) -> None:
    """Only records of the calcom channel go to calcom-DATE.log."""
    calcom = {one.raw.split(b": ")[1].split(b" {")[0] for one in many if one.file == "calcom"}
    assert b"[Cal.com] Webhook received" in calcom
    assert not any(b"QUERY" in message for message in calcom)


def test_booking_ids_never_repeat(many: list[Written]) -> None:
    """Each saved appointment has its own booking ID, also where a later run goes on after the last number."""
    saved = [one.appointment.booking_id for one in many if one.appointment]
    later = [one.appointment.booking_id for one in records(2_000, seed=3, number=1_000_000) if one.appointment]
    assert len(set(saved)) == len(saved) > 0
    assert not set(saved) & set(later)


def test_appointments_are_saved_where_one_is_logged(many: list[Written]) -> None:
    """A row goes with each record that counts a created appointment, and with no other."""
    for one in many:
        counted = any(name.startswith("api_gateway_appointments_created_total") for name in one.counts)
        assert counted == (one.appointment is not None)


def test_one_violation_counts_once_however_often_it_is_told(many: list[Written]) -> None:
    """Records that name one booking's violated key expect one rejection in layer 4 together."""
    told: Counter[bytes] = Counter()
    counted: Counter[bytes] = Counter()
    for one in many:
        found = re.search(rb"Duplicate entry '(\d+)' for key", one.raw)
        if found and b"SAGA" not in one.raw:
            told[found[1]] += 1
            counted[found[1]] += sum('rejections_total{layer="layer4"' in name for name in one.counts)
    assert set(counted.values()) == {1}
    assert max(told.values()) > 2
