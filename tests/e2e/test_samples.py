"""The real samples (Laravel 11, Monolog 3) give exactly the counts of their truth files, in all channels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import run_once
from tests.support.oracle import APP, UNCOUNTED, Tally, differences, sample
from tests.support.packages import lacking

ROOT = Path(__file__).parents[2]
CHANNELS = ("single", "daily", "json")

COUNTERS: dict[str, tuple[str, dict[str, str]]] = {
    "stale_booking": ("duplicate_booking_rejections_total", {"layer": "layer1", "reason": "stale_booking"}),
    "db_duplicate": ("duplicate_booking_rejections_total", {"layer": "layer3", "reason": "database_duplicate"}),
    "save_failed_unique": ("duplicate_booking_rejections_total", {"layer": "layer4", "reason": "unique_constraint"}),
    "booking_validated": ("bookings_validated_total", {}),
    "local_record_created": ("appointments_created_total", {"source": "call"}),
    "handler_created": ("appointments_created_total", {"source": "function"}),
    "presync_conflict": ("booking_conflicts_total", {"kind": "slot"}),
    "presync_conflict_sync": ("booking_conflicts_total", {"kind": "slot"}),
    "wrong_time": ("booking_conflicts_total", {"kind": "wrong_time"}),
    "slot_lock_conflict": ("booking_conflicts_total", {"kind": "slot_lock"}),
    "lock_contention": ("booking_conflicts_total", {"kind": "lock"}),
    "lock_timeout": ("booking_conflicts_total", {"kind": "lock"}),
    "idempotency_hit": ("idempotency_results_total", {"result": "hit"}),
    "idempotency_cached": ("idempotency_results_total", {"result": "stored"}),
    "duplicate_call_blocked": ("idempotency_results_total", {"result": "blocked"}),
    "saga_attempt": ("compensation_attempts_total", {}),
    "webhook_received": ("webhooks_received_total", {}),
    "webhook_processed": ("webhook_events_total", {"provider": "calcom", "outcome": "processed"}),
    "webhook_bad_signature": ("webhook_events_total", {"provider": "calcom", "outcome": "bad_signature"}),
}
"""The counter that each kind of record in the truth files adds to; kinds not named here add to none."""

NO_EVENT = {
    "create_from_call_failed",
    "create_from_call_failed_unique",
    "duplicate_linked",
    "own_duplicate",
    "post_validation_ok",
    "post_validation_ok_service",
    "webhook_applied",
    "webhook_logged",
}
MEASURED = {"booking_age", "perf_creation", "perf_dup_check", "save_failed_other", "saga_exception", "saga_ok"}
"""Kinds that `_expected` treats one by one."""

HISTOGRAMS = (
    ("booking_age_seconds", "booking_age_seconds", {"status": "accepted"}, 1),
    ("stale_age_seconds", "booking_age_seconds", {"status": "stale"}, 1),
    ("query_time_ms", "duplicate_check_duration_seconds", {"result": "unique"}, 1000),
    ("total_time_ms", "appointment_creation_duration_seconds", {"duplicate_check": "true"}, 1000),
)
"""Values of the truth files, the histogram that shows them, its labels, and the divisor to its unit."""


def _folder(channel: str) -> Path:
    folder = Path(os.environ.get("BOOKING_EXPORTER_SAMPLES", ROOT.parent / "shared" / "samples")) / channel
    if not folder.is_dir():
        lacking("needs the sample logs: put them in ../shared/samples or name their folder in BOOKING_EXPORTER_SAMPLES")
    return folder


def _truth(folder: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return truth


def _expected(truth: dict[str, Any]) -> dict[str, float]:
    """Return what the truth file says must be counted, buckets and incidents excepted."""
    kinds = truth["by_kind"]
    tally = Tally()
    for kind, (name, labels) in COUNTERS.items():
        tally.add(name, kinds[kind], **labels)
    for level, count in truth["by_level"].items():
        tally.add("log_records_total", count, level=level.lower())
    # A report that quotes the family's phrase is of the family and matches no event.
    tally.add("unrecognized_events_total", truth["traps"]["message_mentions_phrase"])
    # Every failed save was compensated; the exception hit one that a duplicate had caused.
    failed, other = kinds["saga_exception"], kinds["save_failed_other"]
    assert kinds["saga_ok"] + failed == kinds["save_failed_unique"] + other
    tally.add("compensations_total", failed, outcome="failed", cause="unique_constraint")
    tally.add("compensations_total", other, outcome="succeeded", cause="other")
    tally.add("compensations_total", kinds["saga_ok"] - other, outcome="succeeded", cause="unique_constraint")
    for value, name, labels, divisor in HISTOGRAMS:
        summary = truth["value_summary"][value]
        tally.add(name + "_count", summary["count"], **labels)
        tally.add(name + "_sum", summary["sum_abs"] / divisor, **labels)
    return tally.values


def _compared(samples: dict[str, float]) -> dict[str, float]:
    left_out = (APP + "duplicate_booking_incidents_total", *UNCOUNTED)
    return {
        key: value
        for key, value in samples.items()
        if key.startswith(APP) and "_bucket{" not in key and not key.startswith(left_out)
    }


def _configuration(tmp_path: Path, folder: Path) -> Path:
    path = tmp_path / "config.yaml"
    log = {
        "name": "app",
        "paths": [f"{folder}/laravel*.log", f"{folder}/calcom*.log"],
        "timezone": "Europe/Berlin",
        "ignore_channels": ["testing"],
    }
    path.write_text(json.dumps({"logs": [log]}))
    return path


@pytest.mark.parametrize("channel", CHANNELS)
def test_sample_gives_exactly_its_true_counts(tmp_path: Path, channel: str) -> None:
    """Each kind of record of the truth file appears in its series, and nothing else does."""
    folder = _folder(channel)
    truth = _truth(folder)
    scrape = run_once("--config", str(_configuration(tmp_path, folder)))
    assert set(truth["by_kind"]) == COUNTERS.keys() | NO_EVENT | MEASURED
    expected = _expected(truth)
    # Histograms show more digits than the truth file's rounded sums.
    shown = {key: round(value, 6) for key, value in _compared(dict(scrape.samples)).items()}
    assert differences({key: round(value, 6) for key, value in expected.items()}, shown) == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_sample_repeats_of_one_booking_are_one_incident(tmp_path: Path, channel: str) -> None:
    """All layer-4 violations of the samples concern one booking; those of layer 1 one each."""
    folder = _folder(channel)
    scrape = run_once("--config", str(_configuration(tmp_path, folder)))
    name = APP + "duplicate_booking_incidents_total"
    kinds = _truth(folder)["by_kind"]
    assert scrape[sample(name, {"layer": "layer4"})] == 1
    assert scrape[sample(name, {"layer": "layer1"})] == kinds["stale_booking"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_second_run_on_the_same_state_adds_nothing(tmp_path: Path, channel: str) -> None:
    """With a kept state, records are counted by the first run only."""
    arguments = ("--config", str(_configuration(tmp_path, _folder(channel))), "--state", str(tmp_path / "state.sqlite"))
    first, second = run_once(*arguments), run_once(*arguments)
    assert first.total(APP + "log_records_total") > 0
    assert differences(_compared(dict(first.samples)), _compared(dict(second.samples))) == []
    assert first.total("booking_exporter_read_bytes_total") == second.total("booking_exporter_read_bytes_total")
