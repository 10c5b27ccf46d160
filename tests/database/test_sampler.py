"""The sampler: what it publishes, what it tells, and that it stops."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import APP, QUERIES
from exporter.config.database import DatabaseSettings, Intervals
from exporter.config.database_url import Secret
from exporter.database.sampler import Sampler
from exporter.errors import UserError
from tests.support.databases import SqliteFile
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.model import DatabaseSnapshot

ASKED = tuple(query for query in QUERIES if query != "replica_lag")
BOOKED = (APP + "appointments", ("booked",))


class Fake:
    """A sampler on an SQLite file, with clocks that the test moves."""

    def __init__(self, file: SqliteFile, **changes: object) -> None:
        self.now = 1_000.0
        self.faults = 0
        self.shown: list[DatabaseSnapshot] = []
        settings = file.settings(**changes)
        self.sampler = Sampler(settings, self.shown.append, self.clock, lambda: self.now)

    def clock(self) -> float:
        """Return Unix seconds, or fail as often as the test has said; `created` is the first that asks."""
        if self.faults:
            self.faults -= 1
            raise RuntimeError
        return 1e9 + self.now

    def after(self, seconds: float) -> DatabaseSnapshot:
        """Let time pass, do what is due, and return what is shown then."""
        self.now += seconds
        self.sampler.round()
        return self.shown[-1]


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "exporter.database")
    return caplog


def lines(told: pytest.LogCaptureFixture) -> list[tuple[str, str | None, str | None]]:
    """Return level, query and cause of what was told since the last call."""
    found = [
        (one.levelname, getattr(one, "query", None), getattr(one, "cause", None))
        for one in told.records
        if one.name.startswith("exporter.")
    ]
    told.clear()
    return found


def test_nothing_is_known_before_the_first_answer(file: SqliteFile) -> None:
    """Errors stand at 0 for every query that is asked; there is nothing else."""
    shown = Fake(file).shown[-1]
    assert shown.errors == dict.fromkeys(ASKED, 0)
    assert (shown.up, shown.values, shown.times, shown.durations) == (None, {}, {}, {})


def test_every_query_is_sampled(file: SqliteFile) -> None:
    """One round asks everything; values are good until their next sample is overdue."""
    file.reset()
    file.insert({"status": "booked"})
    fake = Fake(file)
    shown = fake.after(0)
    assert shown.up is True
    assert set(shown.times) == set(shown.durations) == set(ASKED)
    assert set(shown.times.values()) == {1e9 + 1_000}
    assert shown.values[BOOKED].value == 1
    assert shown.values[BOOKED].until == 1e9 + 1_000 + 15 + 120
    assert shown.values[APP + "unique_constraint_present", ()].until == 1e9 + 1_000 + 60 + 120
    assert sum(shown.errors.values()) == 0


def test_only_what_is_due_is_asked(file: SqliteFile) -> None:
    """Queries have intervals of their own, and a round tells when the next one is due."""
    file.reset()
    fake = Fake(file, intervals=Intervals(totals=10, created=20))
    fake.after(0)
    assert fake.sampler.round() == 10
    shown = fake.after(10)
    assert {query for query, at in shown.times.items() if at == 1e9 + 1_010} == {"totals"}
    shown = fake.after(5)
    assert {query for query, at in shown.times.items() if at == 1e9 + 1_015} == {"missing_booking_id"}


def test_a_database_that_is_down(file: SqliteFile, told: pytest.LogCaptureFixture) -> None:
    """Every query counts an error, one line is told, values stay as they were; all comes back by itself."""
    file.reset()
    fake = Fake(file)
    before = fake.after(0)
    content = file.path.read_bytes()
    file.path.unlink()
    shown = fake.after(15)
    assert shown.up is False
    assert shown.errors == {query: int(query in {"totals", "created", "missing_booking_id"}) for query in ASKED}
    assert shown.values == before.values
    assert shown.times == before.times
    fake.after(300)
    shown = fake.after(300)
    assert all(shown.errors.values())
    assert lines(told) == [("WARNING", None, "unreachable")]
    file.path.write_bytes(content)
    shown = fake.after(300)
    assert shown.up is True
    assert set(shown.times.values()) == {1e9 + fake.now}
    assert lines(told) == [("INFO", None, None)]


def test_no_word_of_an_error_is_told(file: SqliteFile, told: pytest.LogCaptureFixture) -> None:
    """What the server says of a failure, and the statement, stay out of our log: a row's values may stand in both."""
    file.reset()
    fake = Fake(file)
    with file.engine().connect() as connection:
        connection.exec_driver_sql("ALTER TABLE appointments RENAME TO erika_mustermann")
    fake.after(0)
    text = "".join(f"{one.getMessage()} {vars(one)}" for one in told.records)
    assert "'query': 'totals'" in text
    for word in ("no such table", "SELECT", "OperationalError", str(file.path), "erika_mustermann"):
        assert word not in text


def test_down_at_the_start(file: SqliteFile, told: pytest.LogCaptureFixture) -> None:
    """All queries are tried again with the most frequent one, also those that are asked seldom."""
    fake = Fake(file)
    shown = fake.after(0)
    assert (shown.up, shown.errors) == (False, dict.fromkeys(ASKED, 1))
    file.reset()
    shown = fake.after(15)
    assert set(shown.times) == set(ASKED)
    assert lines(told) == [("WARNING", None, "unreachable"), ("INFO", None, None)]


def test_one_query_that_fails(file: SqliteFile, told: pytest.LogCaptureFixture) -> None:
    """Its error is counted each time and told once; the others go on; its recovery is told."""
    file.reset()
    file.execute("DROP TABLE migrations")
    fake = Fake(file)
    for number in range(3):
        shown = fake.after(15)
        assert shown.errors == {query: (number + 1) * (query == "migration") for query in ASKED}
    shown = fake.shown[-1]
    assert shown.up is True
    assert set(shown.times) == set(ASKED) - {"migration"}
    assert lines(told) == [("WARNING", "migration", "missing_table")]
    file.execute("CREATE TABLE migrations (name TEXT)")
    fake.after(15)
    assert lines(told) == [("WARNING", "migration", "missing_column")]
    file.execute("DROP TABLE migrations", "CREATE TABLE migrations (migration TEXT)")
    shown = fake.after(15)
    assert shown.values[APP + "constraint_migration_applied", ()].value == 0
    assert lines(told) == [("INFO", "migration", None)]


def test_a_value_that_is_no_time(file: SqliteFile, told: pytest.LogCaptureFixture) -> None:
    """SQLite stores anything anywhere: what cannot be read fails its query only."""
    file.reset()
    file.execute("INSERT INTO appointments (status, created_at) VALUES ('booked', 5)")
    shown = Fake(file).after(0)
    assert shown.errors == {query: int(query == "created") for query in ASKED}
    assert lines(told) == [("WARNING", "created", "unexpected")]


def test_a_bug_in_one_query(file: SqliteFile, told: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is told once with its place, and stops neither the others nor the thread."""
    file.reset()
    fake = Fake(file)
    for number in range(2):
        fake.faults = 1
        shown = fake.after(15)
        assert shown.errors == {query: (number + 1) * (query == "created") for query in ASKED}
    assert lines(told) == [("ERROR", "created", None)]
    assert "created" in fake.after(15).times
    assert lines(told) == [("INFO", "created", None)]


def test_a_replica_is_asked_for_its_lag(file: SqliteFile) -> None:
    """Only where the configuration says that the URL names a replica."""
    file.reset()
    shown = Fake(file, replica=True).after(0)
    assert shown.errors["replica_lag"] == 1


def test_once(file: SqliteFile) -> None:
    """Every query is asked once, whatever its interval; False tells that there is no database."""
    fake = Fake(file)
    assert fake.sampler.complete() is False
    assert fake.shown[-1].errors == dict.fromkeys(ASKED, 1)
    file.reset()
    fake = Fake(file)
    assert fake.sampler.complete() is True
    assert set(fake.shown[-1].times) == set(ASKED)


def test_the_thread_samples_and_stops(file: SqliteFile) -> None:
    """Started, it samples again and again; stopped, it is gone."""
    file.reset()
    shown: list[DatabaseSnapshot] = []
    fast = Intervals(**dict.fromkeys(Intervals.__dataclass_fields__, 0.01))
    sampler = Sampler(file.settings(intervals=fast), shown.append)
    sampler.start()
    wait_until(lambda: shown[-1].values.get(BOOKED), deadline=10, what="a first sample")
    file.insert({"status": "booked"})
    wait_until(lambda: shown[-1].values[BOOKED].value == 1, deadline=10, what="a second sample")
    sampler.stop(10)
    assert "database" not in {thread.name for thread in threading.enumerate()}


def test_stopping_does_not_wait_for_a_server_that_hangs() -> None:
    """The thread is left to its timeout, and ends then."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://u:p@127.0.0.1:{silent.getsockname()[1]}/app"
        sampler = Sampler(DatabaseSettings(url=Secret(url), timeout=60), lambda _: None)
        sampler.start()
        connection, _ = silent.accept()
        sampler.stop(0.01)
        assert "database" in {thread.name for thread in threading.enumerate()}
        connection.close()
    wait_until(lambda: "database" not in {thread.name for thread in threading.enumerate()}, deadline=10, what="its end")


def test_never_started(file: SqliteFile) -> None:
    """A sampler that never ran can be stopped."""
    fake = Fake(file)
    fake.sampler.stop()
    assert fake.sampler.round() >= 0


def test_no_url_ends_the_start(tmp_path: Path) -> None:
    """A file that holds no URL is an error of the configuration, with place and remedy."""
    (tmp_path / "url").write_text("nonsense")
    with pytest.raises(UserError, match="url: names no database that is known"):
        Sampler(DatabaseSettings(url_file=tmp_path / "url"), lambda _: None)
