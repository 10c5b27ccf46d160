"""exporter.web.health: gauges computed at the scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import APP, BUILTIN, OWN
from exporter.model import WebHealth
from exporter.web.health import SOURCES, Moment, not_ready
from tests.support.snapshots import IDENTITY, NOW, make_health, make_log_health, make_snapshot

if TYPE_CHECKING:
    from exporter.model import Health, Snapshot


def moment(*, snapshot: Snapshot | None = None, health: Health | None = None, web: WebHealth | None = None) -> Moment:
    return Moment(snapshot or make_snapshot(), health or make_health(), IDENTITY, NOW, web=web)


def test_every_gauge_has_a_source() -> None:
    """A gauge that the catalogue declares has a source, as have the sampler's series, and no other series has one."""
    gauges = {series.name for series in BUILTIN if series.kind == "gauge" or series.origin == "database"}

    assert set(SOURCES) == gauges


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("build_info", ("1.2.3",), 1),
        ("config_hash", (), 123_456_789),
        ("events_hash", (), 987_654_321),
        ("lag_bytes", ("app",), 0),
        ("lag_seconds", ("app",), 0),
        ("log_clock_offset_seconds", ("app",), 0.25),
        ("files", ("app", "rotated"), 2),
        ("files", ("app", "unlinked"), 0),
        ("log_up", ("app",), 1),
        ("commit_failing", (), 0),
        ("last_commit_timestamp_seconds", (), NOW - 5),
        ("uncommitted_bytes", (), 0),
        ("catching_up", (), 0),
        ("config_last_reload_successful", (), 1),
        ("config_last_reload_success_timestamp_seconds", (), NOW - 60),
    ],
)
def test_values_of_a_healthy_daemon(name: str, labels: tuple[str, ...], value: float) -> None:
    """Each gauge shows its own figure of the health."""
    assert SOURCES[OWN + name](moment(), labels) == value


@pytest.mark.parametrize(
    ("name", "labels", "health", "value"),
    [
        ("log_up", ("app",), make_health(logs={"app": make_log_health(up=False)}), 0),
        ("lag_bytes", ("app",), make_health(logs={"app": make_log_health(lag_bytes=77)}), 77),
        ("commit_failing", (), make_health(commit_failing=True), 1),
        ("uncommitted_bytes", (), make_health(uncommitted_bytes=5), 5),
        ("catching_up", (), make_health(catching_up=True), 1),
        ("config_last_reload_successful", (), make_health(reload_successful=False), 0),
    ],
)
def test_values_in_trouble(name: str, labels: tuple[str, ...], health: Health, value: float) -> None:
    """Each gauge follows what is wrong."""
    assert SOURCES[OWN + name](moment(health=health), labels) == value


@pytest.mark.parametrize(("oldest", "lag"), [(None, 0.0), (NOW - 12.5, 12.5), (NOW + 3, 0.0)])
def test_lag_is_the_age_of_the_oldest_uncommitted_byte(oldest: float | None, lag: float) -> None:
    """The lag is 0 when caught up and never negative, also when the clock was set back."""
    health = make_health(logs={"app": make_log_health(oldest_uncommitted=oldest)})

    assert SOURCES[OWN + "lag_seconds"](moment(health=health), ("app",)) == lag


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (OWN + "log_clock_offset_seconds", ("app",)),
        (OWN + "last_commit_timestamp_seconds", ()),
        (OWN + "state_lost_timestamp_seconds", ()),
        (APP + "last_event_timestamp_seconds", ("stale_booking",)),
    ],
)
def test_unknown_values_are_absent(name: str, labels: tuple[str, ...]) -> None:
    """What is not known yet has no value, rather than a 0 that looks like one."""
    health = make_health(logs={"app": make_log_health(clock_offset=None)}, last_commit=None)

    assert SOURCES[name](moment(health=health), labels) is None


@pytest.mark.parametrize("name", ["lag_bytes", "lag_seconds", "log_clock_offset_seconds", "log_up"])
def test_a_log_not_seen_yet_is_absent(name: str) -> None:
    """A log of which the loop has reported nothing has no gauges."""
    assert SOURCES[OWN + name](moment(), ("new",)) is None


def test_the_files_of_a_log_not_seen_yet_are_absent() -> None:
    """A log of which the loop has reported nothing has no number of files either."""
    assert SOURCES[OWN + "files"](moment(), ("new", "active")) is None


def test_values_kept_by_the_snapshot() -> None:
    """The loss of state and event times come from the snapshot, as they are committed."""
    snapshot = make_snapshot(state_lost=NOW - 1000, last_events={"stale_booking": NOW - 7})

    assert SOURCES[OWN + "state_lost_timestamp_seconds"](moment(snapshot=snapshot), ()) == NOW - 1000
    assert SOURCES[APP + "last_event_timestamp_seconds"](moment(snapshot=snapshot), ("stale_booking",)) == NOW - 7


def test_the_prevention_rate_decays() -> None:
    """The rate is computed at the scrape: rejections of more than 24 h ago no longer count."""
    minute = int(NOW // 60)
    snapshot = make_snapshot(rejections={minute - 1500: 5, minute - 10: 1}, created={minute - 5: 3})

    assert SOURCES[APP + "duplicate_prevention_rate"](moment(snapshot=snapshot), ()) == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("snapshot", "health", "reason"),
    [
        (make_snapshot(), make_health(), None),
        (
            make_snapshot(exposed=False),
            make_health(
                logs={"a": make_log_health(lag_bytes=30), "b": make_log_health(lag_bytes=12)}, catching_up=True
            ),
            "counting the history in the logs before event series are shown; 42 bytes are left",
        ),
        (
            make_snapshot(),
            make_health(ready=False, commit_failing=True),
            "the state file cannot be written; the values of the last commit are shown",
        ),
        (make_snapshot(), make_health(ready=False), "starting"),
    ],
)
def test_why_not_ready(snapshot: Snapshot, health: Health, reason: str | None) -> None:
    """The answer of /-/ready names the reason in one line, and None means ready."""
    assert not_ready(snapshot, health) == reason


def test_the_web_configuration() -> None:
    """What is known of the web configuration is shown, and nothing where there is none, or no certificate."""
    refused, expiry = OWN + "web_config_last_reload_successful", OWN + "web_certificate_expiry_timestamp_seconds"
    with_tls = moment(web=WebHealth(reload_successful=False, certificate_expires=NOW + 5))
    assert [SOURCES[name](with_tls, ()) for name in (refused, expiry)] == [False, NOW + 5]
    without_tls = moment(web=WebHealth(reload_successful=True, certificate_expires=None))
    assert [SOURCES[name](without_tls, ()) for name in (refused, expiry)] == [True, None]
    assert [SOURCES[name](moment(), ()) for name in (refused, expiry)] == [None, None]
