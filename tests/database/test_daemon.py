"""The sampler as a part of the daemon: with and without logs, in a single run, and in the exposition."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import APP, BUILTIN, QUERIES, Catalogue
from exporter.config.database_url import Secret
from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.errors import UserError
from exporter.model import DatabaseSnapshot, Sampled
from exporter.service.once import run_once
from exporter.web.collector import SnapshotCollector, View
from exporter.web.exposition import Exposition
from exporter.web.health import Identity
from tests.support.daemon import Daemon
from tests.support.databases import SqliteFile
from tests.support.scrape import OPENMETRICS, Scrape, parse
from tests.support.snapshots import make_health, make_snapshot
from tests.support.stepper import events, records

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.config.database import DatabaseSettings

CREATED = 'api_gateway_appointments_created_total{source="public"}'
UP = "booking_exporter_database_up"
ERRORS = "booking_exporter_database_sample_errors_total"


def once(database: DatabaseSettings | None, *logs: LogSettings) -> Scrape:
    """Return what `run --once` prints."""
    out = StringIO()
    settings = Settings(Listen(), logs, EventSettings(), StateSettings(), JournalSettings(), database)
    assert run_once(settings, events(), out) == 0
    return parse(out.getvalue())


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    one = SqliteFile(tmp_path)
    one.reset()
    one.insert({"status": "booked"}, {"status": "strange"})
    return one


def test_single_run_without_logs(file: SqliteFile) -> None:
    """`logs: []` with a database is a configuration: every query is asked once."""
    shown = once(file.settings())
    assert shown[UP] == 1
    assert shown.get(APP + "appointments", status="booked") == 1
    assert shown.get(APP + "appointments", status="other") == 1
    assert shown.get(APP + "appointments", status="no-show") == 0
    assert {query for query in QUERIES if shown.get(ERRORS, query=query) == 0} == set(QUERIES) - {"replica_lag"}


def test_nothing_is_shown_without_a_database() -> None:
    """Where none is configured there is no series about sampling, not even at 0."""
    catalogue = Catalogue(BUILTIN)
    view = View(make_snapshot(), make_health())
    exposition = Exposition(SnapshotCollector(catalogue, view, lambda: 0.0, Identity("1", 1, 1)))
    shown = parse(exposition.render().body.decode())
    origins = {one.name for one in BUILTIN if one.origin == "database"}
    assert not {key.split("{")[0] for key in shown.samples} & origins


def test_single_run_with_logs_and_a_dead_database(file: SqliteFile, tmp_path: Path) -> None:
    """The logs are counted all the same, and the series say that the database is not there."""
    (tmp_path / "a.log").write_bytes(records(0, 3))
    file.path.unlink()
    shown = once(file.settings(), LogSettings("app", (str(tmp_path / "a.log"),)))
    assert (shown[CREATED], shown.get(UP)) == (3, 0)
    assert shown.get(ERRORS, query="totals") == 1


def test_single_run_with_nothing_at_all(file: SqliteFile) -> None:
    """Without logs and without the database there is nothing to print."""
    file.path.unlink()
    with pytest.raises(UserError, match="the database cannot be sampled, and no log is configured"):
        once(file.settings())


def test_a_wrong_url_ends_the_start(tmp_path: Path, file: SqliteFile) -> None:
    """A configuration that cannot work is told at once."""
    with pytest.raises(UserError, match="url: no such file or directory"):
        once(file.settings(url=None, url_file=tmp_path / "url"))


def test_a_daemon_without_logs(file: SqliteFile, tmp_path: Path) -> None:
    """It serves, is ready, follows the table, is sampled in both formats, and ends in order."""
    config = {"logs": [], "database": {"url": file.url, "interval": "100ms"}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with Daemon(tmp_path / "daemon", "--config", str(tmp_path / "config.yaml")) as daemon:
        daemon.wait_for(lambda shown: shown.get(APP + "appointments", status="booked") == 1, "a first sample")
        file.insert({"status": "booked"})
        daemon.wait_for(lambda shown: shown.get(APP + "appointments", status="booked") == 2, "a second sample")
        assert daemon.scrape(accept=OPENMETRICS)[UP] == 1
        code, _ = daemon.terminate()
    assert code == 0
    assert file.url not in daemon.stderr


def view_with(until: float) -> View:
    view = View(make_snapshot(exposed=False), make_health())
    name = APP + "appointments_created_1h"
    view.database = DatabaseSnapshot(
        up=True,
        values={(name, ()): Sampled(7, until)},
        times={"created": 90.0},
        durations={"created": 0.5},
        errors={},
    )
    return view


def test_gauges_vanish_when_they_are_stale() -> None:
    """A value is shown until its time, then not at all; when it was sampled stays to be seen."""
    now = 100.0
    collector = SnapshotCollector(Catalogue(BUILTIN), view_with(101.0), lambda: now, Identity("1", 1, 1))
    exposition = Exposition(collector)
    shown = parse(exposition.render().body.decode())
    assert shown[APP + "appointments_created_1h"] == 7
    now = 102.0
    shown = parse(exposition.render().body.decode())
    assert shown.get(APP + "appointments_created_1h") is None
    assert shown.get("booking_exporter_database_sample_timestamp_seconds", query="created") == 90
    assert shown.get("booking_exporter_database_sample_duration_seconds", query="created") == 0.5


def test_the_database_is_shown_before_the_history_is_counted() -> None:
    """A long catch-up of logs hides no gauge of the database."""
    collector = SnapshotCollector(Catalogue(BUILTIN), view_with(101.0), lambda: 100.0, Identity("1", 1, 1))
    shown = parse(Exposition(collector).render().body.decode())
    assert shown[APP + "appointments_created_1h"] == 7
    assert shown.get(APP + "bookings_validated_total") is None


def test_the_password_is_on_no_page(file: SqliteFile) -> None:
    """Nothing of a URL is in the exposition."""
    shown = once(file.settings(url=Secret(file.url)))
    assert not [key for key in shown.samples if "sqlite" in key]
