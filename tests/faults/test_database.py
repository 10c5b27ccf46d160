"""A database that fails in every way, under a daemon that goes on following its log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import QUERIES
from tests.support.daemon import Daemon
from tests.support.databases import ENCODED, PASSWORD, STATUS, UNIQUE, MariaDb, PostgreSql
from tests.support.stepper import records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.databases import Server
    from tests.support.scrape import Scrape

CREATED = 'api_gateway_appointments_created_total{source="public"}'
UP = "booking_exporter_database_up"
ERRORS = "booking_exporter_database_sample_errors_total"
TOTAL = "api_gateway_appointments"
FAST = dict.fromkeys((*QUERIES, "recount"), "250ms")


class Fleet:
    """A server, and a daemon that samples it and follows a log."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._log = folder / "laravel.log"
        self._log.touch()
        self._written = 0
        self.url = folder / "url"
        self.url.write_text(server.url)
        database = {"url_file": str(self.url), "timeout": "400ms", "stale_after": "1s", "intervals": FAST}
        config = {"logs": [{"name": "app", "paths": [str(self._log)]}], "database": database}
        (folder / "config.yaml").write_text(json.dumps(config))
        self.daemon = Daemon(folder, "--config", str(folder / "config.yaml"))

    def prove_that_logs_go_on(self) -> None:
        """Write a record and see it counted."""
        with self._log.open("ab") as file:
            file.write(records(self._written, self._written + 1))
        self._written += 1
        self.daemon.wait_for(lambda shown: shown[CREATED] == self._written, "the log is followed")

    def errors(self, shown: Scrape) -> dict[str, float]:
        return {query: shown.get(ERRORS, query=query) or 0 for query in QUERIES}

    def see_failing(self, query: str) -> Scrape:
        """Wait until `query` fails and its gauges are gone; return that scrape."""
        before = self.errors(self.daemon.scrape())[query]
        return self.daemon.wait_for(
            lambda shown: self.errors(shown)[query] > before and not gauge(shown, query),
            f"{query} fails",
            deadline=60,
        )

    def see_working(self, *queries: str) -> None:
        """Wait until the database is up and the gauges of `queries` are there."""
        self.daemon.wait_for(
            lambda shown: shown[UP] == 1 and all(gauge(shown, query) for query in queries),
            f"{queries} work",
            deadline=60,
        )

    def see_well(self) -> Scrape:
        """Wait until every gauge is there and nothing fails any more."""
        before = self.errors(self.daemon.scrape())

        def well(shown: Scrape) -> bool:
            nonlocal before
            now = self.errors(shown)
            calm, before = now == before, now
            return calm and shown[UP] == 1 and all(gauge(shown, query) for query in GAUGES)

        return self.daemon.wait_for(well, "all is well", deadline=60)


GAUGES = {
    "totals": TOTAL,
    "missing_booking_id": "api_gateway_appointments_missing_booking_id",
    "created": "api_gateway_appointments_created_24h",
    "duplicates": "api_gateway_duplicate_appointment_groups",
    "constraint": "api_gateway_unique_constraint_present",
    "migration": "api_gateway_constraint_migration_applied",
    "plan": "api_gateway_duplicate_check_uses_index",
    "probe": "api_gateway_duplicate_check_probe_seconds",
}


def gauge(shown: Scrape, query: str) -> bool:
    """Tell whether a gauge of this query is there."""
    return any(key == GAUGES[query] or key.startswith(GAUGES[query] + "{") for key in shown.samples)


@pytest.fixture(scope="module", params=[MariaDb, PostgreSql], ids=["mariadb", "postgresql"])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with request.param() as server:
        server.execute(UNIQUE, STATUS)
        server.insert({"status": "booked"})
        one = Fleet(server, tmp_path_factory.mktemp("fleet"))
        with one.daemon:
            yield one


@pytest.fixture(autouse=True)
def _well(fleet: Fleet) -> Iterator[None]:
    """Begin and end with all well, and without the password in anything that was written."""
    fleet.see_well()
    yield
    fleet.see_well()
    fleet.prove_that_logs_go_on()
    assert PASSWORD not in fleet.daemon.stderr
    assert ENCODED not in fleet.daemon.stderr


def told(fleet: Fleet, begin: int) -> list[tuple[str, str]]:
    """Return query and cause of each warning in the daemon's log from `begin` on."""
    lines = [json.loads(line) for line in fleet.daemon.stderr[begin:].splitlines()]
    return [(one.get("query", ""), one["cause"]) for one in lines if one["level"] == "warning"]


def test_suspended(fleet: Fleet) -> None:
    """A server that accepts and never answers is given up; scrapes and logs do not wait for it."""
    begin = len(fleet.daemon.stderr)
    fleet.server.suspend()
    try:
        shown = fleet.see_failing("totals")
        assert shown[UP] == 0
        fleet.prove_that_logs_go_on()
    finally:
        fleet.server.resume()
    assert {cause for _, cause in told(fleet, begin)} <= {"timeout", "unreachable"}


def test_killed_and_started_again(fleet: Fleet) -> None:
    """A server that dies takes its gauges with it, and brings them back."""
    begin = len(fleet.daemon.stderr)
    fleet.server.kill()
    try:
        for query in GAUGES:
            fleet.see_failing(query)
        fleet.prove_that_logs_go_on()
        assert ("", "unreachable") in told(fleet, begin)
        assert len(told(fleet, begin)) <= 3, "a flood of lines"
    finally:
        fleet.server.start()


def test_privilege_revoked(fleet: Fleet) -> None:
    """A column that may not be read any more fails its query; the others go on."""
    begin = len(fleet.daemon.stderr)
    fleet.server.revoke("status")
    try:
        fleet.see_failing("totals")
        fleet.see_working("created", "constraint")
        fleet.prove_that_logs_go_on()
    finally:
        fleet.server.grant()
    assert ("totals", "privilege") in told(fleet, begin)


def test_connection_killed(fleet: Fleet) -> None:
    """A connection that the server ends is opened again."""
    before = sum(fleet.errors(fleet.daemon.scrape()).values())
    fleet.server.end_connections()
    fleet.daemon.wait_for(lambda shown: sum(fleet.errors(shown).values()) > before, "an error is counted")
    assert fleet.see_well()[UP] == 1


def test_table_locked(fleet: Fleet) -> None:
    """While a table is locked its queries take too long, and the server ends them; another table can be read."""
    begin = len(fleet.daemon.stderr)
    with fleet.server.locked_appointments():
        fleet.see_failing("totals")
        fleet.see_working("migration")
        fleet.prove_that_logs_go_on()
    assert {cause for _, cause in told(fleet, begin)} == {"timeout"}


def test_table_renamed(fleet: Fleet) -> None:
    """A table that is not there is told, and is found again."""
    begin = len(fleet.daemon.stderr)
    fleet.server.execute("ALTER TABLE migrations RENAME TO other")
    try:
        fleet.see_failing("migration")
        fleet.see_working("totals")
        fleet.prove_that_logs_go_on()
    finally:
        fleet.server.execute("ALTER TABLE other RENAME TO migrations")
    assert ("migration", "missing_table") in told(fleet, begin)


def test_password_changed(fleet: Fleet) -> None:
    """A password that is changed on the server, and later in the file, needs no restart."""
    begin = len(fleet.daemon.stderr)
    fleet.server.change_password("Neues-Wort")
    fleet.server.end_connections()
    shown = fleet.see_failing("created")
    assert shown[UP] == 0
    fleet.prove_that_logs_go_on()
    assert ("", "access_denied") in told(fleet, begin)
    fleet.url.write_text(fleet.server.url.replace(ENCODED, "Neues-Wort"))
    fleet.see_well()
    fleet.server.change_password(PASSWORD)
    fleet.url.write_text(fleet.server.url)
    fleet.server.end_connections()


def test_down_at_the_start(fleet: Fleet) -> None:
    """A daemon that starts before its database serves its logs, and samples once the database is there."""
    fleet.daemon.terminate()
    fleet.server.kill()
    try:
        fleet.daemon.start()
        fleet.daemon.wait_ready()
        fleet.prove_that_logs_go_on()
        shown = fleet.daemon.wait_for(lambda shown: shown.get(UP) == 0, "the database is down")
        assert all(fleet.errors(shown)[query] for query in GAUGES)
    finally:
        fleet.server.start()


def test_the_daemon_stops_in_time_while_the_server_hangs(fleet: Fleet) -> None:
    """SIGTERM ends the daemon in order, whatever its database does."""
    fleet.server.suspend()
    try:
        fleet.daemon.wait_for(lambda shown: shown[UP] == 0, "the database hangs")
        code, _ = fleet.daemon.terminate()
        assert code == 0
    finally:
        fleet.server.resume()
        fleet.daemon.start()
        fleet.daemon.wait_ready()
