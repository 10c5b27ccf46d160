"""Series of the database that rules name before the catalogue declares them.

To be deleted, with its uses, once `exporter/catalogue.py` declares them: the tests fail as soon
as it declares one that stands here.
"""

from __future__ import annotations

from exporter.catalogue import APP, OWN, Kind, Label, Series


def _gauge(name: str, *labels: str) -> Series:
    return _series(name, "gauge", *labels)


def _series(name: str, kind: Kind, *labels: str) -> Series:
    return Series(name, kind, "", "health", tuple(Label(one) for one in labels))


PENDING = (
    _gauge(APP + "appointments", "status"),
    _gauge(APP + "appointments_created_1h"),
    _gauge(APP + "appointments_created_24h"),
    _gauge(APP + "appointments_missing_booking_id"),
    _gauge(APP + "duplicate_appointment_groups"),
    _gauge(APP + "unique_constraint_present"),
    _gauge(APP + "constraint_migration_applied"),
    _gauge(APP + "duplicate_check_probe_seconds"),
    _gauge(APP + "duplicate_check_uses_index"),
    _gauge(OWN + "database_up"),
    _gauge(OWN + "database_sample_timestamp_seconds", "query"),
    _gauge(OWN + "database_sample_duration_seconds", "query"),
    _series(OWN + "database_sample_errors_total", "counter", "query"),
)
PENDING_DASHBOARDS = ("booking-duplicates", "booking-exporter")
"""Uids of dashboards that rules link to; those of `grafana/*.json` once they are there."""
