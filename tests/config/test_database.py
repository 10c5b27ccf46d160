"""The section `database:`: defaults, layers, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

import pytest

from exporter.catalogue import QUERIES
from exporter.config.database import STATUSES, Columns, DatabaseSettings, Intervals
from exporter.config.database_url import Secret
from exporter.config.load import ConfigError, load
from exporter.config.overrides import Overrides
from exporter.config.schema import config_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "s3cr3t-never-shown"  # noqa: S105  # of no database
URL = f"mysql://u:{SECRET}@h/app"
OTHER = "postgresql://v@i/app"


def loaded(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None, url: str | None = None
) -> DatabaseSettings:
    path = tmp_path / "exporter.yaml"
    path.write_text(text)
    found = load(path, environ or {}, Overrides(database_url=url)).database
    assert found is not None
    assert SECRET not in repr(found)
    return found


def refused(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, environ)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_no_database() -> None:
    """Without the section there is no database."""
    assert load(None, {}, Overrides()).database is None


def test_defaults_are_the_apps(tmp_path: Path) -> None:
    """A URL is enough; every query has an interval."""
    found = loaded(tmp_path, f"database: {{url: '{URL}'}}")
    assert found == DatabaseSettings(url=Secret(URL))
    assert (found.table, found.columns, found.statuses, found.timezone) == ("appointments", Columns(), STATUSES, "UTC")
    assert set(get_type_hints(Intervals)) == {*QUERIES, "recount"}


def test_everything_can_be_set(tmp_path: Path) -> None:
    """Names, statuses, intervals and limits."""
    text = """
database:
  url_file: /run/url
  interval: 30s
  timeout: 500ms
  stale_after: 5m
  timezone: Europe/Berlin
  table: public.bookings
  columns: {id: nr, deleted_at: null}
  statuses: [open, done]
  migrations_table: m
  migration: x
  replica: true
  intervals: {created: 5s, recount: 1h}
"""
    assert loaded(tmp_path, text) == DatabaseSettings(
        url_file=Path("/run/url"),
        timezone="Europe/Berlin",
        table="public.bookings",
        columns=Columns(id="nr", deleted_at=None),
        statuses=("open", "done"),
        migrations_table="m",
        migration="x",
        timeout=0.5,
        intervals=Intervals(totals=30, missing_booking_id=30, created=5, replica_lag=30, recount=3600),
        stale_after=300,
        replica=True,
    )


def test_the_zone_is_the_logs(tmp_path: Path) -> None:
    """The app writes both in its own zone; logs of several zones leave it open."""
    log = "{name: %s, paths: [/x.log], timezone: %s}"
    logs = f"logs: [{log % ('a', 'Europe/Berlin')}, {log % ('b', 'Europe/Berlin')}]\ndatabase: {{url: '{URL}'}}"
    assert loaded(tmp_path, logs).timezone == "Europe/Berlin"
    assert loaded(tmp_path, logs.replace("app'", "app', timezone: Asia/Tokyo")).timezone == "Asia/Tokyo"
    several = logs.replace("Europe/Berlin", "UTC", 1)
    assert "database.timezone: is missing, and the logs have several; set it to the app's" in refused(tmp_path, several)


def test_layers_of_the_url(tmp_path: Path) -> None:
    """The command line wins over the environment, and that over the file, whichever of the two keys they set."""
    text = "database: {url_file: /run/url}"
    variable = {"BOOKING_EXPORTER_DATABASE_URL": OTHER}
    assert loaded(tmp_path, text).url_file == Path("/run/url")
    assert loaded(tmp_path, text, variable) == DatabaseSettings(url=Secret(OTHER))
    assert loaded(tmp_path, text, variable, URL) == DatabaseSettings(url=Secret(URL))
    assert loaded(tmp_path, "{}", variable) == DatabaseSettings(url=Secret(OTHER))
    file = {"BOOKING_EXPORTER_DATABASE_URL_FILE": "/other"}
    assert loaded(tmp_path, f"database: {{url: '{URL}'}}", file) == DatabaseSettings(url_file=Path("/other"))
    assert "has both url and url_file; remove one of them" in refused(tmp_path, text, variable | file)


def test_variables_reach_every_scalar(tmp_path: Path) -> None:
    """Keys of nested sections have variables too."""
    environ = {
        "BOOKING_EXPORTER_DATABASE_COLUMNS_STATUS": "state",
        "BOOKING_EXPORTER_DATABASE_INTERVALS_PROBE": "2m",
        "BOOKING_EXPORTER_DATABASE_REPLICA": "yes",
    }
    found = loaded(tmp_path, f"database: {{url: '{URL}'}}", environ)
    assert (found.columns.status, found.intervals.probe, found.replica) == ("state", 120, True)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{timeout: 1s}", "names no database; add url_file"),
        ("{url: 5}", "must be text"),
        (f"{{url: 'mysql://u:{SECRET}@h'}}", "names no database; write its name after the host"),
        (f"{{url: '{URL}', table: 'a b'}}", "is no name of a table"),
        (f"{{url: '{URL}', table: a.b.c}}", "is no name of a table"),
        (f"{{url: '{URL}', columns: {{id: 'a;'}}}}", "database.columns.id: is no name of a column"),
        (f"{{url: '{URL}', columns: {{ids: a}}}}", "database.columns.ids: unknown key; did you mean id?"),
        (f"{{url: '{URL}', intervals: {{total: 5s}}}}", "did you mean totals?"),
        (f"{{url: '{URL}', intervals: {{totals: 5}}}}", "database.intervals.totals: is no duration"),
        (f"{{url: '{URL}', timeout: 2m}}", "is out of range; write a duration from 50ms to 60s"),
        (f"{{url: '{URL}', statuses: [a, a]}}", "must be 1 to 50 different values"),
        (f"{{url: '{URL}', statuses: [other]}}", "not printable, or `other`; remove it"),
        (f"{{url: '{URL}', statuses: ['']}}", "holds a value that is empty"),
        (f"{{url: '{URL}', timezone: Berlin}}", "did you mean Europe/Berlin?"),
    ],
)
def test_what_is_refused(tmp_path: Path, section: str, words: str) -> None:
    """Each with its line and the remedy, and never with the URL."""
    text = refused(tmp_path, f"logs: []\ndatabase: {section}")
    assert words in text
    assert ":2: database" in text


def test_the_hash_does_not_depend_on_the_password(tmp_path: Path) -> None:
    """Two hosts with one configuration and two passwords have not drifted apart."""
    path = tmp_path / "exporter.yaml"
    hashes = set()
    for password in ("a", "b"):
        path.write_text(f"database: {{url: 'mysql://u:{password}@h/app'}}")
        hashes.add(config_hash(load(path, {}, Overrides())))
    path.write_text("database: {url: 'mysql://u:a@h/app', timeout: 3s}")
    hashes.add(config_hash(load(path, {}, Overrides())))
    assert len(hashes) == 2
