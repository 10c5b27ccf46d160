"""A configuration that comes into force while the daemon runs, on real files and a clock moved by hand."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.config.database_url import Secret
from exporter.config.schema import EventSettings, JournalSettings, Listen, LogSettings, Settings, StateSettings
from exporter.errors import UserError
from exporter.events.definitions import EventSet, Source, builtin_source, load_events
from exporter.service.configuration import Configuration
from tests.support.databases import SqliteFile
from tests.support.scrape import parse
from tests.support.stepper import Stepper, append, events, record, records
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.service.daemon import Replacement

CREATED = "appointments_created_total{public}"
CONDITION = (
    "process_",
    "booking_exporter_state_commit",
    "booking_exporter_config_last",
    "booking_exporter_last_commit",
)
"""What differs from run to run."""


def own_events(sizes: str = "small, other", buckets: str = "1, 2") -> EventSet:
    """Return events of a user's own, with a counter and a histogram, before the shipped ones."""
    text = f"""
version: 1
series:
  - {{name: parcels_total, kind: counter, help: "Parcels.", labels: {{size: [{sizes}]}}}}
  - {{name: parcel_kilograms, kind: histogram, help: "Weights.", buckets: [{buckets}]}}
events:
  - name: parcel
    match: {{message: {{contains: "Parcel sent"}}}}
    count: {{metric: parcels_total, labels: {{size: {{path: context.size, one_of: [{sizes}]}}}}}}
    observe: [{{metric: parcel_kilograms, value: context.weight}}]
    examples:
      - record: '[2025-10-06 18:22:12] production.INFO: Parcel sent {{"size":"small","weight":1.5}} '
        expect: {{parcels_total: {{size: small}}, parcel_kilograms: 1.5}}
"""
    return load_events([Source("own.yaml", text), builtin_source()])


def parcel() -> bytes:
    return b'[2025-10-09 10:53:20] production.INFO: Parcel sent {"size":"small","weight":1.5} \n'


def log(folder: Path, name: str, glob: str | None = None, *, timezone: str = "UTC") -> LogSettings:
    return LogSettings(name, (f"{folder}/{glob or name}*.log",), timezone=timezone)


def scrape(daemon: Stepper) -> dict[str, float]:
    """Return every sample that a scrape shows now, but those that differ from run to run."""
    samples = parse(daemon.daemon.exposition.render().body.decode()).samples
    return {name: value for name, value in samples.items() if not name.startswith(CONDITION)}


CHANGES = {
    "log added": (("app", "web"), events()),
    "log removed": (("web",), events()),
    "log renamed": (("api:app", "web"), events()),
    "events added": (("app", "web"), own_events()),
    "all at once": (("shop", "web"), own_events()),
}


@pytest.mark.parametrize(("names", "then"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("before", [events(), own_events()], ids=["shipped", "own"])
def test_a_reload_shows_what_a_restart_would(
    tmp_path: Path, names: tuple[str, ...], then: EventSet, before: EventSet
) -> None:
    """Whatever a reload changes, `/metrics` is then what it is after a restart with the same configuration."""
    shown = []
    for way in ("reload", "restart"):
        folder = tmp_path / way
        folder.mkdir()
        logs = [log(folder, name.split(":")[0], name.split(":")[-1]) for name in names]
        for name in ("app", "web", "shop"):
            append(folder / f"{name}.log", records(0, 3) + parcel())
        with Stepper(folder, log(folder, "app")) as daemon:
            daemon.reload(log(folder, "app"), events=before)
            append(folder / "app.log", parcel() + records(3, 5))
            daemon.settle()
            append(folder / "app.log", records(5, 7))
            append(folder / "web.log", records(3, 4))
            if way == "reload":
                daemon.reload(*logs, events=then)
            else:
                daemon.stop()
                daemon.start(*logs, events=then)
                daemon.refresh()
            append(folder / "web.log", records(4, 6) + parcel())
            daemon.settle()
            shown.append(scrape(daemon))
    hashes = {"booking_exporter_config_hash", "booking_exporter_events_hash"}
    reloaded, restarted = ({name: one[name] for name in one.keys() - hashes} for one in shown)
    assert reloaded == restarted
    assert restarted['booking_exporter_read_bytes_total{log="web"}'] > 0


def test_a_removed_log_goes_on_where_it_was(tmp_path: Path, logs: Path) -> None:
    """A log that is removed and added again counts what was written meanwhile once; its series never fall."""
    app, web = log(logs, "app"), log(logs, "web")
    read = 'booking_exporter_read_bytes_total{log="web"}'
    with Stepper(tmp_path, app, web) as daemon:
        daemon.settle()
        append(logs / "web.log", records(0, 10))
        daemon.settle()
        before = scrape(daemon)[read]
        daemon.reload(app)
        assert read not in scrape(daemon)
        assert daemon.held() == 0
        append(logs / "web.log", records(10, 15))
        daemon.settle()
        assert daemon.created() == 10
        daemon.reload(app, web)
        assert scrape(daemon)[read] == before > 0
        daemon.settle()
        assert daemon.created() == 15
        assert daemon.losses() == {}


def test_an_added_log_begins_at_the_end(tmp_path: Path, logs: Path) -> None:
    """Of a log that the state never met, what its files hold at the reload is history and is not counted."""
    append(logs / "web.log", records(0, 10))
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        daemon.settle()
        daemon.reload(log(logs, "app"), log(logs, "web"))
        append(logs / "web.log", records(10, 13))
        append(logs / "web-2.log", records(13, 15))
        daemon.settle()
        assert daemon.created() == 5
        daemon.reload(log(logs, "app"))
        append(logs / "web-3.log", records(15, 17))
        daemon.reload(log(logs, "app"), log(logs, "web"))
        daemon.settle()
        assert daemon.created() == 7
        daemon.crash()
        daemon.settle()
        assert daemon.created() == 7


def test_a_renamed_log_keeps_its_files(tmp_path: Path, logs: Path) -> None:
    """A log that gets another name goes on in its files, also in one that was rotated and deleted meanwhile."""
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        append(logs / "app.log", records(0, 10))
        daemon.settle()
        with (logs / "app.log").open("ab") as worker:
            os.rename(logs / "app.log", logs / "old")  # noqa: PTH104  (as logrotate does)
            daemon.settle()
            os.unlink(logs / "old")  # noqa: PTH108  (as above)
            daemon.step()
            daemon.reload(log(logs, "shop", "app"))
            worker.write(records(10, 15))
        daemon.settle()
        assert daemon.created() == 15
        assert daemon.counters()["read_bytes_total{shop}"] == len(records(10, 15))


def test_a_renamed_log_is_no_new_one(tmp_path: Path, logs: Path) -> None:
    """What a log got since the last look, also in a file that is new, counts under its new name."""
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        append(logs / "app.log", records(0, 10))
        daemon.settle()
        os.rename(logs / "app.log", logs / "app.log.1")  # noqa: PTH104  (as logrotate does)
        append(logs / "app.log", records(10, 15))
        append(logs / "app-2.log", records(15, 17))
        daemon.reload(log(logs, "shop", "app"))
        daemon.settle()
        assert daemon.created() == 17


SAVE_FAILED = (
    b"[2025-10-09 10:53:20] production.ERROR: \xe2\x9d\x8c Failed to save appointment record to database "
    b'{"error":"SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry \'RL0-25107\' for key '
    b'\'unique_calcom_v2_booking_id\' (Connection: mysql)","calcom_booking_id":"RL0-25107"} \n'
)
REPORTED = (
    b"[2025-10-09 10:53:21] production.ERROR: SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry "
    b"'RL0-25107' for key 'unique_calcom_v2_booking_id' (Connection: mysql) "
    b'{"exception":"[object] (UniqueConstraintViolationException(code: 23000): SQLSTATE[23000])"} \n'
)


@pytest.mark.parametrize(("glob", "expected"), [("app", 1), ("other", 2)], ids=["renamed", "another log"])
def test_reports_of_one_violation_under_two_names(tmp_path: Path, logs: Path, glob: str, expected: int) -> None:
    """A violation that is told again after the log got another name is still one; in another log it is another."""
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        daemon.settle()
        append(logs / "app.log", SAVE_FAILED)
        daemon.settle()
        daemon.reload(log(logs, "shop", glob))
        append(logs / f"{glob}.log", REPORTED)
        daemon.settle()
        assert daemon.counters()["duplicate_booking_rejections_total{layer4,unique_constraint}"] == expected


def test_a_log_that_takes_over_another_keeps_its_own_grouping(tmp_path: Path, logs: Path) -> None:
    """A log that gets the globs of one that is gone still knows the violations that it was told itself."""
    both = LogSettings("other", (f"{logs}/other*.log", f"{logs}/app*.log"))
    with Stepper(tmp_path, log(logs, "app"), log(logs, "other")) as daemon:
        daemon.settle()
        append(logs / "other.log", SAVE_FAILED)
        daemon.settle()
        daemon.reload(both)
        append(logs / "other.log", REPORTED)
        daemon.settle()
        assert daemon.counters()["duplicate_booking_rejections_total{layer4,unique_constraint}"] == 1


def test_copies_are_sought_where_the_new_configuration_says(tmp_path: Path, logs: Path) -> None:
    """A place for rotated copies that a reload adds is searched at the next rotation."""
    (tmp_path / "archive").mkdir()
    app = log(logs, "app")
    with Stepper(tmp_path, app) as daemon:
        append(logs / "app.log", records(0, 10))
        daemon.settle()
        daemon.reload(replace(app, rotated=(f"{tmp_path}/archive/*",)))
        append(logs / "app.log", records(10, 15))
        shutil.copy(logs / "app.log", tmp_path / "archive")
        os.truncate(logs / "app.log", 0)
        append(logs / "app.log", records(15, 17))
        daemon.settle()
        assert daemon.created() == 17
        assert daemon.losses() == {}


def test_what_was_counted_and_not_committed_is_kept(tmp_path: Path, logs: Path) -> None:
    """A reload while the state cannot be written loses nothing: a removed event's counts are committed later."""
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        daemon.reload(log(logs, "app"), events=own_events())
        daemon.settle()
        daemon.store.failing = True
        append(logs / "app.log", parcel() + records(0, 4))
        daemon.step(1)
        daemon.reload(log(logs, "app"), events=events())
        daemon.settle()
        assert daemon.created() == 0
        daemon.store.failing = False
        daemon.settle()
        assert daemon.created() == 4
        daemon.reload(log(logs, "app"), events=own_events())
        assert scrape(daemon)['parcels_total{size="small"}'] == 1
        assert scrape(daemon)["parcel_kilograms_sum"] == 1.5


def test_values_of_removed_series_go_on(tmp_path: Path, logs: Path) -> None:
    """A series of one's own vanishes with its declaration and goes on with it, where its labels and buckets stay."""
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        daemon.reload(log(logs, "app"), events=own_events())
        daemon.settle()
        append(logs / "app.log", parcel() * 3)
        daemon.settle()
        daemon.reload(log(logs, "app"), events=events())
        assert not any("parcel" in name for name in scrape(daemon))
        append(logs / "app.log", parcel())
        daemon.settle()
        daemon.reload(log(logs, "app"), events=own_events("small, large, other", "1, 2, 3"))
        shown = scrape(daemon)
        assert shown['parcels_total{size="small"}'] == 3
        assert shown['parcels_total{size="large"}'] == 0
        assert shown["parcel_kilograms_count"] == 0


def test_a_scrape_under_way_shows_the_old_set(tmp_path: Path, logs: Path) -> None:
    """A scrape that began before the switch shows the old series with their values, none of them at 0."""
    with Stepper(tmp_path, log(logs, "app"), log(logs, "web")) as daemon:
        daemon.settle()
        append(logs / "web.log", records(0, 10))
        daemon.settle()
        begun = daemon.daemon.exposition.collector
        before = {family.name: family.samples for family in begun.collect() if family.name.startswith("booking")}
        daemon.reload(log(logs, "app"))
        append(logs / "app.log", records(10, 12))
        daemon.settle()
        after = {family.name: family.samples for family in begun.collect() if family.name.startswith("booking")}
        assert after == before
        assert daemon.daemon.exposition.collector is not begun


def test_the_new_log_is_known_at_the_first_scrape(tmp_path: Path, logs: Path) -> None:
    """The first scrape after the switch already says whether the new log's files can be read."""
    append(logs / "web.log", records(0, 1))
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        daemon.settle()
        daemon.reload(log(logs, "app"), log(logs, "web"))
        assert scrape(daemon)['booking_exporter_log_up{log="web"}'] == 1
        assert scrape(daemon)['booking_exporter_files{log="web",state="active"}'] == 1


def test_a_reload_leaves_the_daemon_ready(tmp_path: Path, logs: Path) -> None:
    """A daemon that is ready stays so, also while it reads what a log got that comes back."""
    app, web = log(logs, "app"), log(logs, "web")
    with Stepper(tmp_path, app, web) as daemon:
        assert not daemon.health().ready
        daemon.settle()
        daemon.reload(app)
        append(logs / "web.log", records(0, 10))
        daemon.reload(app, web)
        assert (daemon.health().ready, daemon.health().catching_up) == (True, True)
        daemon.settle()
        assert (daemon.health().ready, daemon.health().catching_up) == (True, False)
        offset = daemon.health().logs["web"].clock_offset
        assert offset is None, "what was written meanwhile says nothing about the clock"


def test_another_time_zone(tmp_path: Path, logs: Path) -> None:
    """What was learnt of a log's clock stays where its zone does, and is forgotten where it changes."""
    offset = 'booking_exporter_log_clock_offset_seconds{log="app"}'
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        daemon.settle()
        append(logs / "app.log", records(0, 1))
        daemon.settle()
        known = scrape(daemon)[offset]
        daemon.reload(log(logs, "app"), hash_=2)
        assert scrape(daemon)[offset] == known
        daemon.reload(log(logs, "app", timezone="Europe/Berlin"), hash_=3)
        assert offset not in scrape(daemon)
        assert daemon.daemon.exposition.collector.moment().identity.zone == "Europe/Berlin"
        append(logs / "app.log", records(1, 2))
        daemon.settle()
        assert scrape(daemon)[offset] == pytest.approx(known - 7200, abs=10)
        assert scrape(daemon)["booking_exporter_config_hash"] == 3


@pytest.mark.parametrize(
    ("listen", "state", "named"),
    [(Listen(port=1), None, ["listen"]), (None, "other.sqlite", ["state"]), (Listen(port=1), "x", ["listen", "state"])],
)
def test_what_needs_a_restart_is_refused(
    tmp_path: Path, logs: Path, listen: Listen | None, state: str | None, named: list[str]
) -> None:
    """Address and state cannot change: each is named with the remedy, and nothing of the new configuration is taken."""
    with Stepper(tmp_path, log(logs, "app")) as daemon:
        append(logs / "app.log", records(0, 1))
        daemon.settle()
        before = scrape(daemon)
        path = tmp_path / state if state else daemon.path
        settings = Settings(
            listen or Listen(), (log(logs, "web"),), EventSettings(), StateSettings(path), JournalSettings()
        )
        with pytest.raises(UserError) as refused:
            daemon.daemon.prepare(Configuration(settings, own_events(), 2))
        assert [message.split(":")[0] for message in refused.value.messages] == named
        assert all("restart it" in message for message in refused.value.messages)
        daemon.settle()
        assert scrape(daemon) == before


def test_files_of_a_removed_log_harm_no_other(tmp_path: Path, logs: Path) -> None:
    """What a removed log read is compared with, as copies of it are not new; it is not read for anybody."""
    many = records(0, 50)
    with Stepper(tmp_path, log(logs, "app"), log(logs, "web")) as daemon:
        daemon.settle()
        append(logs / "app.log", many)
        append(logs / "web.log", record(7777))
        daemon.settle()
        daemon.reload(log(logs, "web"))
        append(logs / "app.log", records(50, 60))
        append(logs / "web-copy.log", many)
        daemon.settle()
        os.truncate(logs / "app.log", 0)
        (logs / "app.log.1").symlink_to("app.log.1")  # beside it, and not to be looked at
        append(logs / "app.log", records(60, 100))
        append(logs / "web-copy-2.log", many + records(100, 105))
        daemon.settle()
        append(logs / "web.log", record(7778))
        daemon.settle()
        assert "read_bytes_total{app}" not in daemon.counters()
        assert daemon.created() == 50 + 2 + 5


def test_reloads_leave_nothing_behind(tmp_path: Path, logs: Path) -> None:
    """After many reloads the daemon holds the descriptors and threads that it held after the first."""
    file = SqliteFile(tmp_path)
    file.reset()
    append(logs / "app.log", records(0, 10))
    held: list[tuple[int, int]] = []

    def samplers() -> int:
        return sum(one.name == "database" for one in threading.enumerate())

    with Stepper(tmp_path, log(logs, "app")) as daemon:
        daemon.settle()
        for turn in range(12):
            named = (log(logs, "app"), log(logs, "web"))[: 1 + turn % 2]
            settings = replace(daemon._settings(named), database=file.settings(timeout=1.0 + turn))
            daemon.daemon.switch(daemon.daemon.prepare(Configuration(settings, own_events(f"s{turn}, other"), turn)))
            daemon.settle()
            wait_until(lambda: samplers() == 1, deadline=10, what="the sampler before has ended")
            held.append((daemon.held(), threading.active_count()))
    assert held == [held[0]] * 12


def test_failures_of_the_database_never_fall(tmp_path: Path, logs: Path) -> None:
    """What the sampler before still met and showed, after the one that follows was prepared, is counted on as well."""
    nowhere = SqliteFile(tmp_path).settings(url=Secret("sqlite:////nowhere/there"))
    with Stepper(tmp_path, log(logs, "app")) as daemon:

        def prepared(timeout: float) -> Replacement:
            settings = replace(daemon._settings(daemon.logs), database=replace(nowhere, timeout=timeout))
            return daemon.daemon.prepare(Configuration(settings, daemon.definitions(), 1))

        def errors() -> int:
            database = daemon.daemon.view.database
            return 0 if database is None else database.errors["created"]

        daemon.daemon.switch(prepared(1.0))
        wait_until(lambda: errors() > 0, deadline=10, what="the first failure is shown")
        following = prepared(2.0)
        sampler = daemon.daemon.sampling.sampler
        assert sampler is not None
        sampler.stop(10)
        for _ in range(10):
            sampler._failed("created", 0.0)
        sampler._show()
        before = errors()
        daemon.daemon.switch(following)
        assert errors() >= before > 10
