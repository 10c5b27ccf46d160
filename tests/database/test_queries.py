"""Every query against SQLite, a real MariaDB and a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from exporter.catalogue import APP
from exporter.config.database import Columns
from exporter.database.errors import QueryError
from exporter.database.link import Link
from exporter.database.queries import Queries
from tests.support.databases import MIGRATION, STATUS, UNIQUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.databases import Database

NOW = datetime(2025, 10, 6, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WALL = NOW.astimezone(BERLIN).replace(tzinfo=None)


SLICES: dict[str, Any] = {"group_rows": 2, "slice_seconds": 0.0}
"""Slices of one statement each."""


class Asked:
    """The queries on one database, at a time that the test sets."""

    def __init__(self, database: Database, *, in_slices: bool = False, **changes: object) -> None:
        self.now = NOW.timestamp()
        self.settings = database.settings(timezone="Europe/Berlin", **changes)
        self.link = Link(self.settings)
        self.queries = Queries(self.settings, self.link, lambda: self.now, **(SLICES if in_slices else {}))

    def __call__(self, query: str) -> dict[str, float]:
        values = None
        for _ in range(1000):
            values = self.queries.run(query)
            if values is not None:
                break
        assert values is not None
        return {name.removeprefix(APP) + "".join(labels): value for (name, labels), value in values.items()}

    def fails(self, query: str) -> str:
        with pytest.raises(QueryError) as caught:
            self.queries.run(query)
        return caught.value.cause


@pytest.fixture
def asked(database: Database) -> Iterator[Asked]:
    one = Asked(database)
    yield one
    one.link.close()


def test_totals_by_status(asked: Asked, database: Database) -> None:
    """Each status that is configured stands there, others are `other`, deleted rows are none."""
    database.insert(
        *(
            {"status": status}
            for status in ("completed", "completed", "no_show", "no-show", "Pending", "unheard", None)
        ),
        {"status": "scheduled", "deleted_at": WALL},
        {"status": "scheduled"},
    )
    found = {name.removeprefix("appointments"): value for name, value in asked("totals").items()}
    assert found == {
        "completed": 2, "confirmed": 0, "scheduled": 1, "cancelled": 0, "no_show": 1, "no-show": 1, "pending": 1,
        "booked": 0, "rescheduled": 0, "other": 2,
    }  # fmt: skip


def test_totals_of_an_empty_table(asked: Asked) -> None:
    """Nothing is 0, not absent."""
    assert set(asked("totals").values()) == {0}
    assert asked("missing_booking_id") == {"appointments_missing_booking_id": 0}
    assert asked("created") == {"appointments_created_1h": 0, "appointments_created_24h": 0}


def test_totals_follow_the_table(asked: Asked, database: Database) -> None:
    """Inserts, updates and deletes are seen; so is a table that was emptied."""
    database.insert({"status": "booked"}, {"status": "booked"})
    assert asked("totals")["appointmentsbooked"] == 2
    database.execute("UPDATE appointments SET status = 'cancelled' WHERE id = 1")
    database.insert({"status": "booked"})
    assert (asked("totals")["appointmentsbooked"], asked("totals")["appointmentscancelled"]) == (2, 1)
    database.execute("DELETE FROM appointments")
    assert sum(asked("totals").values()) == 0


def test_tables_without_soft_deletes(database: Database) -> None:
    """Where no column says that a row is deleted, every row counts."""
    asked = Asked(database, columns=Columns(deleted_at=None))
    database.insert({"deleted_at": WALL}, {})
    assert asked("totals")["appointmentsscheduled"] == 2
    assert asked("missing_booking_id")["appointments_missing_booking_id"] == 2
    asked.link.close()


def test_missing_booking_ids(asked: Asked, database: Database) -> None:
    """Rows without booking ID count unless they are deleted."""
    database.execute(UNIQUE)
    database.insert({"calcom_v2_booking_id": "a"}, {}, {}, {"deleted_at": WALL})
    assert asked("missing_booking_id") == {"appointments_missing_booking_id": 2}


@pytest.mark.parametrize("index", [True, False], ids=["index", "no index"])
def test_created_in_the_last_hour_and_day(asked: Asked, database: Database, *, index: bool) -> None:
    """Times are the app's wall clock; deleted rows were created too; statuses that nobody configured count."""
    if index:
        database.execute(STATUS)
    ages = (timedelta(minutes=59), timedelta(minutes=61), timedelta(hours=23, minutes=59), timedelta(hours=25))
    database.insert(*({"created_at": WALL - age} for age in ages))
    database.insert(
        {"created_at": WALL, "status": "unheard"}, {"created_at": WALL, "deleted_at": WALL}, {"created_at": None}
    )
    asked("totals")
    assert asked("created") == {"appointments_created_1h": 3, "appointments_created_24h": 5}


def test_a_status_without_value_counts_as_created(asked: Asked, database: Database) -> None:
    """Rows whose status is NULL are created too."""
    database.insert({"created_at": WALL, "status": None})
    asked("totals")
    assert asked("created")["appointments_created_1h"] == 1


def test_statuses_without_end(database: Database) -> None:
    """A column that holds anything costs no memory: beyond a hundred values they are not listed, and all count."""
    asked = Asked(database)
    database.insert(*({"created_at": WALL, "status": f"s{number}"} for number in range(120)))
    assert asked("totals")["appointmentsother"] == 120
    assert asked("created")["appointments_created_1h"] == 120
    asked.link.close()


def test_another_time_zone_is_noticed(asked: Asked, database: Database) -> None:
    """Rows that appear dated whole hours off fail the query until one fits; old rows prove nothing."""
    database.insert({"created_at": WALL - timedelta(hours=2)})
    asked("created")
    database.insert({"created_at": WALL - timedelta(hours=2)})
    assert asked.fails("created") == "time_zone"
    assert asked.fails("created") == "time_zone"
    database.insert({"created_at": WALL})
    assert asked("created")["appointments_created_24h"] == 3


def test_rows_of_the_future_are_noticed_at_once(asked: Asked, database: Database) -> None:
    """A first row dated two hours ahead tells of another zone."""
    database.insert({"created_at": WALL + timedelta(hours=2)})
    assert asked.fails("created") == "time_zone"


@pytest.mark.parametrize(
    "index", ["", "CREATE INDEX by_id ON appointments (calcom_v2_booking_id)"], ids=["none", "any"]
)
def test_groups_of_duplicates(database: Database, index: str) -> None:
    """Booking IDs that several rows hold, deleted ones too; MariaDB's compare without case, as its unique key does."""
    asked = Asked(database, in_slices=True)
    if index:
        database.execute(index)
    ids = ("a", "a", "b", "b", "b", "c", None, None, "d", "D", "e")
    database.insert(*({"calcom_v2_booking_id": one} for one in ids), {"calcom_v2_booking_id": "e", "deleted_at": WALL})
    without_case = database.family == "mysql"
    assert asked("duplicates") == {"duplicate_appointment_groups": 3 + without_case}
    asked.link.close()


def test_no_duplicates_where_the_database_forbids_them(asked: Asked, database: Database) -> None:
    """With the unique key the answer is 0."""
    database.execute(UNIQUE)
    database.insert({"calcom_v2_booking_id": "a"}, {"calcom_v2_booking_id": "b"})
    assert asked("duplicates") == {"duplicate_appointment_groups": 0}


UNIQUE_KEYS = {
    "the app's": (UNIQUE, 1, 1),
    "another name": ("CREATE UNIQUE INDEX x ON appointments (calcom_v2_booking_id)", 1, 1),
    "not unique": ("CREATE INDEX x ON appointments (calcom_v2_booking_id)", 0, 1),
    "further column": ("CREATE UNIQUE INDEX x ON appointments (calcom_v2_booking_id, company_id)", 0, 1),
    "second column": ("CREATE UNIQUE INDEX x ON appointments (company_id, calcom_v2_booking_id)", 0, 0),
    "none": ("SELECT 1", 0, 0),
}
PARTIAL_KEYS = {
    "not deleted": (UNIQUE + " WHERE deleted_at IS NULL", 0, 0),
    "not null": (UNIQUE + " WHERE calcom_v2_booking_id IS NOT NULL", 1, 1),
}


@pytest.mark.parametrize(("statement", "present", "used"), UNIQUE_KEYS.values(), ids=UNIQUE_KEYS)
def test_unique_key_and_plan(asked: Asked, database: Database, statement: str, present: int, used: int) -> None:
    """Only a unique index on nothing but the booking ID is the constraint; the lookup may use others."""
    database.execute(statement)
    database.insert(*({"calcom_v2_booking_id": f"id-{number}"} for number in range(20)))
    assert asked("constraint") == {"unique_constraint_present": present}
    assert asked("plan") == {"duplicate_check_uses_index": used}


@pytest.mark.parametrize(("statement", "present", "used"), PARTIAL_KEYS.values(), ids=PARTIAL_KEYS)
def test_partial_unique_key(asked: Asked, database: Database, statement: str, present: int, used: int) -> None:
    """An index on the rows that are not deleted allows duplicates; one that leaves out NULL does not."""
    if database.family == "mysql":
        assert not PARTIAL_KEYS.keys() & UNIQUE_KEYS.keys()  # MariaDB has no such indexes
        return
    database.execute(statement)
    assert asked("constraint") == {"unique_constraint_present": present}
    assert asked("plan") == {"duplicate_check_uses_index": used}


def test_a_unique_index_that_could_not_be_completed(postgresql: Database) -> None:
    """PostgreSQL leaves an invalid index behind where duplicates stopped it: it stops none."""
    postgresql.insert({"calcom_v2_booking_id": "a"}, {"calcom_v2_booking_id": "a"})
    with pytest.raises(sa.exc.IntegrityError):
        postgresql.execute(UNIQUE.replace("INDEX", "INDEX CONCURRENTLY"))
    asked = Asked(postgresql)
    assert asked("constraint") == {"unique_constraint_present": 0}
    assert asked("duplicates") == {"duplicate_appointment_groups": 1}
    asked.link.close()


def test_migration(asked: Asked, database: Database) -> None:
    """The migration is applied once its name is in the app's table."""
    assert asked("migration") == {"constraint_migration_applied": 0}
    database.execute(f"INSERT INTO migrations (migration) VALUES ('{MIGRATION}')")
    assert asked("migration") == {"constraint_migration_applied": 1}


def test_probe(asked: Asked, database: Database) -> None:
    """The app's lookup takes some time, and it is the statement's alone."""
    database.execute(UNIQUE)
    asked("constraint")
    before = asked.link.seconds
    (took,) = asked("probe").values()
    assert 0 < took <= asked.link.seconds - before


def test_no_replica(asked: Asked) -> None:
    """A server that is no replica has no lag, also where its user may not ask."""
    assert asked.fails("replica_lag") in {"no_replica", "privilege"}


def test_the_session_refuses_writes(database: Database) -> None:
    """Even a user that may write cannot, through this connection (guarantee G8)."""
    database.insert({"status": "booked"})
    if database.user:
        database.execute(f"GRANT INSERT ON appointments TO {database.user}")
    asked = Asked(database)
    with pytest.raises(QueryError):
        asked.link.ask(sa.text("INSERT INTO appointments (id, status) VALUES (7, 'booked') RETURNING id"))
    assert asked("totals")["appointmentsbooked"] == 1
    asked.link.close()


FAULTS = {
    "ALTER TABLE appointments DROP COLUMN status": {"totals": "missing_column"},
    "ALTER TABLE appointments DROP COLUMN calcom_v2_booking_id": {
        "missing_booking_id": "missing_column",
        "duplicates": "missing_column",
        "constraint": "missing_column",
        "probe": "missing_column",
        "plan": "missing_column",
    },
    "DROP TABLE migrations": {"migration": "missing_table"},
    "DROP TABLE appointments": dict.fromkeys(
        ("totals", "missing_booking_id", "created", "duplicates", "constraint", "probe", "plan"), "missing_table"
    ),
}


@pytest.mark.parametrize(("fault", "failing"), FAULTS.items(), ids=FAULTS)
def test_what_is_missing_fails_its_queries_only(
    asked: Asked, database: Database, fault: str, failing: dict[str, str]
) -> None:
    """A missing table or column is told as that, where the user may know it, and leaves the other queries working."""
    queries = ("totals", "missing_booking_id", "created", "duplicates", "constraint", "migration", "probe", "plan")
    database.insert({})
    database.execute(fault)
    for query in queries:
        if query in failing:
            cause = asked.fails(query)
            assert cause == failing[query] or (cause == "privilege" and database.family == "mysql"), query
        else:
            assert asked(query), query


def test_missing_privilege(asked: Asked, database: Database) -> None:
    """A column that the user may not read fails the queries that need it, and comes back with the grant."""
    if not database.user:
        assert asked("totals")  # SQLite has no users
        return
    database.insert({})
    database.revoke("status")
    assert asked.fails("totals") == "privilege"
    assert asked("created")
    database.grant()
    assert asked("totals")
