"""exporter.web.collector: the latest snapshot as metric families."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from exporter.catalogue import APP, BUILTIN, OWN, Catalogue, Label, Series
from exporter.model import HistogramValue
from exporter.web.collector import SnapshotCollector, View
from tests.support.snapshots import (
    EVENTS,
    LOGS,
    NOW,
    make_collector,
    make_health,
    make_log_health,
    make_snapshot,
)

CATALOGUE = Catalogue(BUILTIN, logs=LOGS, events=EVENTS)
SampleKey = tuple[str, tuple[str, ...]]


def samples(collector: SnapshotCollector) -> dict[SampleKey, float]:
    """All samples by name and sorted label texts."""
    found: dict[SampleKey, float] = {}
    for family in collector.collect():
        for one in family.samples:
            found[one.name, tuple(f"{name}={value}" for name, value in sorted(one.labels.items()))] = one.value
    return found


def test_closed_label_sets_stand_at_zero() -> None:
    """Every counter and histogram exists with every declared label set before anything has happened."""
    found = samples(make_collector(View(make_snapshot(), make_health())))

    for series in CATALOGUE:
        if series.kind == "gauge" or series.origin == "database":
            continue
        suffix = "_count" if series.kind == "histogram" else ""
        for values in CATALOGUE.label_sets(series):
            labels = sorted(f"{name}={value}" for name, value in zip(series.label_names, values, strict=True))
            assert found[series.name + suffix, tuple(labels)] == 0


def test_counters_show_the_snapshot() -> None:
    """A counter shows the snapshot's value at its own labels."""
    name = APP + "duplicate_booking_rejections_total"
    found = samples(
        make_collector(View(make_snapshot(counters={(name, ("layer1", "stale_booking")): 7}), make_health()))
    )

    assert found[name, ("layer=layer1", "reason=stale_booking")] == 7
    assert found[name, ("layer=layer2", "reason=call_id_mismatch")] == 0


def test_histograms_are_cumulative() -> None:
    """Buckets add up from the lowest, the last is +Inf and equals the count."""
    series = CATALOGUE[APP + "booking_age_seconds"]
    value = HistogramValue((1, 0, 2, *[0] * 11, 4), 99.5)
    snapshot = make_snapshot(histograms={(series.name, ("stale",)): value})
    found = samples(make_collector(View(snapshot, make_health())))

    def bucket(le: str) -> float:
        return found[series.name + "_bucket", (f"le={le}", "status=stale")]

    assert [bucket(le) for le in ("1.0", "2.0", "5.0", "86400.0", "+Inf")] == [1, 1, 3, 3, 7]
    assert found[series.name + "_count", ("status=stale",)] == 7
    assert found[series.name + "_sum", ("status=stale",)] == 99.5


def test_nothing_about_the_app_before_the_history_is_counted() -> None:
    """While the snapshot is not exposed, own series are shown and none of the app, the rate neither."""
    snapshot = make_snapshot(exposed=False, last_events={"stale_booking": NOW})
    names = {name for name, _ in samples(make_collector(View(snapshot, make_health())))}

    assert not [name for name in names if name.startswith(APP)]
    assert {OWN + "read_bytes_total", OWN + "lag_bytes", OWN + "build_info"} <= names


def test_user_series_are_hidden_before_the_history_is_counted() -> None:
    """A series that a user's event file declares under any name is about the app too."""
    catalogue = Catalogue([Series("shop_orders_total", "counter", "Orders.", "log")])
    view = View(make_snapshot(exposed=False), make_health())
    collector = make_collector(view, catalogue)

    hidden = samples(collector)
    view.snapshot = make_snapshot(counters={("shop_orders_total", ()): 2})

    assert (hidden, samples(collector)) == ({}, {("shop_orders_total", ()): 2})


def test_only_declared_label_values_are_shown() -> None:
    """A series, label value or log that the catalogue does not know never appears, whatever the snapshot holds."""
    snapshot = make_snapshot(
        counters={(APP + "secret_total", ()): 1, (APP + "log_records_total", ("Mrs Miller",)): 1},
        last_events={"Mrs Miller": NOW},
    )
    logs = {"app": make_health().logs["app"], "Mrs Miller": make_health().logs["app"]}
    found = samples(make_collector(View(snapshot, make_health(logs=logs))))

    assert not [key for key in found if "Miller" in str(key) or "secret" in str(key)]


def test_a_series_that_starts_absent() -> None:
    """A counter declared with zero=False is absent until the snapshot holds it."""
    series = Series("shop_orders_total", "counter", "Orders.", "log", (Label("kind", ("a", "b")),), zero=False)
    snapshot = make_snapshot(counters={(series.name, ("b",)): 3})

    found = samples(make_collector(View(snapshot, make_health()), Catalogue([series])))

    assert found == {(series.name, ("kind=b",)): 3}


def test_families_without_a_value_are_left_out() -> None:
    """There is no HELP and TYPE of a gauge of which nothing is known."""
    collector = make_collector(View(make_snapshot(), make_health(last_commit=None)))

    names = {family.name for family in collector.collect()}

    assert not names & {APP + "last_event_timestamp_seconds", OWN + "last_commit_timestamp_seconds"}


def test_the_version_is_a_label() -> None:
    """The running version is the label of build_info, whose value is 1."""
    found = samples(make_collector(View(make_snapshot(), make_health())))

    assert found[OWN + "build_info", ("version=1.2.3",)] == 1


def test_no_created_series() -> None:
    """No family has `_created` samples."""
    found = samples(make_collector(View(make_snapshot(), make_health())))

    assert not [name for name, _ in found if name.endswith("_created")]


def test_a_scrape_shows_one_snapshot() -> None:
    """A commit during a scrape changes nothing in it: all series are of the snapshot that it began with."""
    validated, webhooks = (APP + "bookings_validated_total", ()), (APP + "webhooks_received_total", ())
    view = View(make_snapshot(counters={validated: 1, webhooks: 1}), make_health())
    scrape = make_collector(view).collect()

    first = next(scrape)
    view.snapshot = make_snapshot(counters={validated: 2, webhooks: 2})
    view.health = make_health(commit_failing=True)
    rest = {family.name: family for family in scrape}

    assert first.name == APP + "duplicate_booking_rejections"
    assert rest[APP + "bookings_validated"].samples[0].value == 1
    assert rest[APP + "webhooks_received"].samples[0].value == 1
    assert rest[OWN + "commit_failing"].samples[0].value == 0


def test_the_next_scrape_shows_the_next_snapshot() -> None:
    """After a commit, the next scrape shows its values."""
    key = (APP + "bookings_validated_total", ())
    view = View(make_snapshot(), make_health())
    collector = make_collector(view)

    view.snapshot = make_snapshot(counters={key: 2})

    assert samples(collector)[key] == 2


def test_lag_grows_with_the_clock() -> None:
    """Health is computed at the time of the scrape, by the clock that was passed in."""
    health = make_health(logs={"app": make_log_health(oldest_uncommitted=NOW - 10)})
    collector = make_collector(View(make_snapshot(), health), now=NOW + 5)

    assert samples(collector)[OWN + "lag_seconds", ("log=app",)] == 15


def test_describe_names_every_family() -> None:
    """A registry learns all names without a sample being computed."""
    collector = make_collector(View(make_snapshot(), make_health()))
    described = collector.describe()

    assert {one.name for one in described} == {one.name.removesuffix("_total") for one in CATALOGUE}
    assert not any(one.samples for one in described)


def test_a_registry_takes_the_collector() -> None:
    """The collector is one of prometheus_client's, so that its registry serves it."""
    registry = CollectorRegistry()
    registry.register(make_collector(View(make_snapshot(), make_health())))

    assert registry.get_sample_value(APP + "bookings_validated_total") == 0


def test_a_gauge_without_a_source_is_refused() -> None:
    """A gauge that was declared and forgotten is found when the collector is made, not at a scrape."""
    catalogue = Catalogue([Series(OWN + "forgotten", "gauge", "Forgotten.", "health")])

    with pytest.raises(KeyError, match="forgotten"):
        make_collector(View(make_snapshot(), make_health()), catalogue)
