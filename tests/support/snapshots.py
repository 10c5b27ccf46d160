"""Snapshots and health to expose: complete by default, with what a test is about replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exporter.catalogue import BUILTIN, Catalogue
from exporter.model import Health, LogHealth, Snapshot
from exporter.web.collector import SnapshotCollector, View
from exporter.web.health import Identity

NOW = 1_760_000_000.0
LOGS = ("app", "calcom")
EVENTS = ("stale_booking", "call_id_mismatch")
IDENTITY = Identity("1.2.3", 123_456_789, 987_654_321)

_LOG = LogHealth(up=True, lag_bytes=0, oldest_uncommitted=None, clock_offset=0.25, files={"active": 1, "rotated": 2})
_SNAPSHOT = Snapshot(
    counters={}, histograms={}, last_events={}, rejections={}, created={}, state_lost=None, exposed=True
)
_HEALTH = Health(
    logs=dict.fromkeys(LOGS, _LOG),
    last_commit=NOW - 5,
    uncommitted_bytes=0,
    commit_failing=False,
    catching_up=False,
    ready=True,
    reload_successful=True,
    reload_success_time=NOW - 60,
)


def make_snapshot(**changes: Any) -> Snapshot:  # noqa: ANN401 - any field, as dataclasses.replace takes them
    """Return an exposed snapshot in which nothing has happened, but for `changes`."""
    return replace(_SNAPSHOT, **changes)


def make_health(**changes: Any) -> Health:  # noqa: ANN401 - as above
    """Return the health of a daemon that has caught up, but for `changes`."""
    return replace(_HEALTH, **changes)


def make_log_health(**changes: Any) -> LogHealth:  # noqa: ANN401 - as above
    """Return the health of a log that has been read to its end, but for `changes`."""
    return replace(_LOG, **changes)


def make_collector(view: View, catalogue: Catalogue | None = None, *, now: float = NOW) -> SnapshotCollector:
    """Return a collector of `view` whose clock stands at `now`."""
    declared = Catalogue(BUILTIN, logs=LOGS, events=EVENTS) if catalogue is None else catalogue
    return SnapshotCollector(declared, view, lambda: now, IDENTITY)
