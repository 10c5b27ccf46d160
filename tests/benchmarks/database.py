"""Times every query of the database sampler on tables of several sizes, and shows its plan.

`python -m tests.benchmarks.database [--rows N …] [--servers NAME …]`, or `make benchdb`. Each table has the app's
indexes and three columns of ballast; 20,000 rows were created in the last day of the largest. Times are
medians of what the sampler itself measures, in milliseconds, statement round trips included. The regular
cycle is asked as every 15 s, without the waiting; its processor time is the server's own (of both
sides with SQLite), which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from exporter.database import statements
from exporter.database.link import Link
from exporter.database.queries import DAY, HOUR, Queries
from exporter.database.statements import Statements
from exporter.database.tally import ROWS
from exporter.database.times import window_start
from tests.support.databases import STATUS, UNIQUE, MariaDb, PostgreSql, SqliteFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.databases import Database

SIZES = (10_000, 1_000_000, 10_000_000)
ROUNDS = 40
INTERVAL = 15.0
CYCLE = ("created", "missing_booking_id", "totals")
OTHERS = ("constraint", "migration", "probe", "plan", "duplicates")
SECONDS_APART = 4.3
"""Between two rows: 20,000 a day."""

_NUMBERS = {
    "mysql": "SELECT seq AS i FROM seq_1_to_{rows}",
    "postgresql": "SELECT i FROM generate_series(1, {rows}) AS g(i)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n",
}
_PAST = {
    "mysql": "UTC_TIMESTAMP() - INTERVAL ({rows} - i) * {apart} SECOND",
    "postgresql": "(now() AT TIME ZONE 'UTC') - ({rows} - i) * {apart} * INTERVAL '1 second'",
    "sqlite": "datetime('now', '-' || CAST(({rows} - i) * {apart} AS INTEGER) || ' seconds')",
}
_FILL = """
INSERT INTO appointments (company_id, customer_name, status, calcom_v2_booking_id, created_at, deleted_at)
SELECT i % 15 + 1, {ballast},
    CASE WHEN i > {rows} * 0.98 THEN CASE i % 5 WHEN 0 THEN 'scheduled' WHEN 1 THEN 'confirmed' WHEN 2 THEN 'booked'
        WHEN 3 THEN 'pending' ELSE 'rescheduled' END
    ELSE CASE i % 7 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'no_show' WHEN 2 THEN 'no-show' ELSE 'completed' END END,
    CASE WHEN i %% 17 = 0 THEN NULL ELSE {booking} END,
    {past}, CASE WHEN i %% 50 = 0 THEN {past} END
FROM ({numbers}) AS numbers
"""
_BALLAST = {"mysql": "REPEAT('ballast ', 15)", "postgresql": "repeat('ballast ', 15)", "sqlite": "printf('%120s', '')"}
_BOOKING = {
    "mysql": "CONCAT('bk', 12000000 + i)",
    "postgresql": "'bk' || (12000000 + i)",
    "sqlite": "'bk' || (12000000 + i)",
}
_ANALYZE = {"mysql": "ANALYZE TABLE appointments", "postgresql": "VACUUM ANALYZE appointments", "sqlite": "ANALYZE"}

_NAIVE = {
    "naive count by status": "SELECT status, count(*) FROM appointments WHERE deleted_at IS NULL GROUP BY status",
    "naive count of a day": "SELECT count(*) FROM appointments WHERE created_at >= :day",
    "naive groups of duplicates": "SELECT count(*) FROM (SELECT calcom_v2_booking_id FROM appointments "
    "WHERE calcom_v2_booking_id IS NOT NULL GROUP BY calcom_v2_booking_id HAVING count(*) > 1) AS g",
}


def fill(database: Database, rows: int) -> None:
    """Make the table anew with `rows` rows and the app's indexes."""
    family = database.family
    database.reset()
    values = {"rows": rows, "apart": SECONDS_APART}
    text = _FILL.format(
        **values,
        ballast=_BALLAST[family],
        booking=_BOOKING[family],
        past=_PAST[family].format(**values),
        numbers=_NUMBERS[family].format(**values),
    )
    with database.engine().connect() as connection:
        connection.execute(sa.text(text.replace("%%", "%")))
    database.execute(UNIQUE, STATUS, _ANALYZE[family])


class Measured:
    """The queries on one filled database."""

    def __init__(self, database: Database) -> None:
        settings = database.settings(timezone="UTC", timeout=60.0)
        self.now = 0.0
        self.link = Link(settings)
        self.link.dialect()
        self.queries = Queries(settings, self.link, time.time, lambda: self.now)
        self.statements = Statements(settings)
        self.family = self.link.url.family
        self.database = database

    def query(self, name: str) -> float:
        """Return the milliseconds of database time that one sample takes."""
        before = self.link.seconds
        while self.queries.run(name) is None:
            pass
        return (self.link.seconds - before) * 1000

    def first(self) -> dict[str, float]:
        """Return the times of the first counts, on a table that nothing is known of."""
        return {f"first {name}": self.query(name) for name in ("totals", "missing_booking_id")}

    def regular(self) -> dict[str, float]:
        """Return the median times of each query, and of the whole cycle."""
        found: dict[str, list[float]] = {name: [] for name in (*CYCLE, "regular cycle", *OTHERS)}
        for _ in range(ROUNDS):
            self.now += INTERVAL
            for name in (*CYCLE, *OTHERS):
                found[name].append(self.query(name))
            found["regular cycle"].append(sum(found[name][-1] for name in CYCLE))
        before = self.database.processor_seconds()
        for _ in range(ROUNDS):
            self.now += INTERVAL
            for name in CYCLE:
                self.query(name)
        used = (self.database.processor_seconds() - before) / ROUNDS * 1000
        return {name: median(times) for name, times in found.items()} | {
            "slowest of 40 cycles": max(found["regular cycle"]),
            "processor time of a cycle": used,
        }

    def naive(self) -> dict[str, float]:
        """Return the times of what the sampler does not do."""
        found = {}
        day = datetime.now(UTC).replace(tzinfo=None).timestamp() - DAY
        for name, text in _NAIVE.items():
            before = self.link.seconds
            parameters = {"day": str(datetime.fromtimestamp(day, UTC))[:19]} if ":day" in text else None
            self.link.ask(
                sa.text(text.replace(":day", "CAST(:day AS TIMESTAMP)") if self.family == "postgresql" else text),
                parameters,
            )
            found[name] = (self.link.seconds - before) * 1000
        return found

    def plans(self) -> dict[str, str]:
        """Return the plan of the most important statement of each query, in short."""
        made, now = self.statements, time.time()
        hour, day = (window_start(now, seconds, ZoneInfo("UTC")) for seconds in (HOUR, DAY))
        ((newest,),) = self.link.ask(made.newest())
        asked = {
            "created": made.created(hour, day, self.queries.settings.statuses),
            "totals": made.totals(newest // 2, newest // 2 + ROWS),
            "missing_booking_id": made.missing(newest // 2, newest // 2 + ROWS),
            "boundary": made.boundary(newest // 2, ROWS),
            "probe": made.lookup(),
        }
        return {name: self._plan(statement) for name, statement in asked.items()}

    def _plan(self, statement: sa.Select[tuple[object]]) -> str:
        rows = self.link.ask(statements.explain(self.family, statement, self.link.dialect()))
        if self.family == "mysql":
            row = {key.lower(): value for key, value in rows[0]._asdict().items()}
            return f"{row['type']} {row['key']}: {row['extra']}" if row["key"] else str(row["extra"])
        if self.family == "sqlite":
            return "; ".join(str(row.detail) for row in rows)
        plan = rows[0][0][0]["Plan"]
        found = []
        while plan:
            found.append(" ".join(str(plan[key]) for key in ("Node Type", "Index Name") if key in plan))
            plan = next(iter(plan.get("Plans", ())), None)
        return ", ".join(found)


def measure(name: str, database: Database, sizes: list[int]) -> None:
    """Print the table of one kind of database."""
    times: dict[int, Mapping[str, float]] = {}
    plans: Mapping[str, str] = {}
    for rows in sizes:
        begin = time.monotonic()
        fill(database, rows)
        sys.stderr.write(f"{name}: {rows} rows filled in {time.monotonic() - begin:.0f} s\n")
        one = Measured(database)
        times[rows] = one.first() | one.regular() | one.naive()
        plans = one.plans()
        one.link.close()
    sys.stdout.write(f"\n{name}, milliseconds\n\n| query | {' | '.join(f'{rows:,} rows' for rows in sizes)} |\n")
    sys.stdout.write(f"|---|{'---|' * len(sizes)}\n")
    for query in times[sizes[-1]]:
        sys.stdout.write(f"| {query} | {' | '.join(f'{times[rows][query]:.1f}' for rows in sizes)} |\n")
    sys.stdout.write("".join(f"\n{query}: {plan}" for query, plan in plans.items()) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure all that is asked for."""
    parser = argparse.ArgumentParser(description="Time the database sampler's queries.")
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="sizes of the table")
    parser.add_argument("--servers", nargs="+", default=["mariadb", "postgresql", "sqlite"])
    chosen = parser.parse_args()
    for name in chosen.servers:
        with ExitStack() as stack:
            database: Database
            if name == "mariadb":
                database = stack.enter_context(
                    MariaDb("--innodb-buffer-pool-size=4G", "--innodb-log-file-size=1G", "--innodb-doublewrite=0")
                )
            elif name == "postgresql":
                memory = {"shared_buffers": "4GB", "maintenance_work_mem": "1GB", "max_wal_size": "8GB"}
                database = stack.enter_context(PostgreSql(**memory, synchronous_commit="off"))
            else:
                database = SqliteFile(Path(stack.enter_context(tempfile.TemporaryDirectory())))
            measure(name, database, list(chosen.rows))


if __name__ == "__main__":
    main()
