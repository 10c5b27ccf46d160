"""Private database servers with the app's tables, started by the tests themselves; and an SQLite file.

MariaDB and PostgreSQL come from Debian packages. Each server has its files in a folder of its own
under the temporary folder, listens on a free port of the loopback address, and runs as `nobody`
where the tests run as root, which both servers refuse.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from exporter.config.database import DatabaseSettings
from exporter.config.database_url import Secret
from tests.support.daemon import free_port
from tests.support.packages import lacking, need_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

USER = "booking_exporter"
PASSWORD = "Kein-Wort/davon:100%"  # noqa: S105  # of a server that lives as long as the tests
ENCODED = "Kein-Wort%2Fdavon%3A100%25"
COLUMNS = ("id", "company_id", "status", "calcom_v2_booking_id", "created_at", "deleted_at")
GRANTED = ("id", "status", "calcom_v2_booking_id", "created_at", "deleted_at")
UNIQUE = "CREATE UNIQUE INDEX unique_calcom_v2_booking_id ON appointments (calcom_v2_booking_id)"
STATUS = "CREATE INDEX appointments_status_created_at ON appointments (status, created_at, company_id)"
MIGRATION = "2025_10_06_115958_add_unique_constraint_to_calcom_v2_booking_id"

_TABLES = """
CREATE TABLE appointments (
    id {id}, company_id BIGINT NOT NULL DEFAULT 1, customer_name VARCHAR(255), status VARCHAR(255),
    calcom_v2_booking_id VARCHAR(255) NULL, created_at {time}, deleted_at {time}
);
CREATE TABLE migrations (id {id}, migration VARCHAR(255) NOT NULL, batch INT NOT NULL DEFAULT 1);
INSERT INTO migrations (migration) VALUES ('2025_01_01_000000_create_appointments_table');
"""


class Database:
    """A database of the app; `url` is what the exporter gets, `execute` is the app's own hand."""

    family: ClassVar[str]
    id_type: ClassVar[str]
    time_type: ClassVar[str]
    revoke_all: ClassVar[tuple[str, ...]] = ()
    user: ClassVar[str]
    """The exporter's user as GRANT names it; empty where there are no users."""
    url: str

    def engine(self) -> sa.Engine:
        """Return an engine that may do everything."""
        raise NotImplementedError

    def execute(self, *statements: str) -> None:
        """Carry out statements as the owner of the tables."""
        engine = self.engine()
        with engine.connect() as connection:
            for one in statements:
                connection.exec_driver_sql(one)

    def reset(self) -> None:
        """Make the app's tables anew, with its migration but without its indexes."""
        self.execute("DROP TABLE IF EXISTS appointments", "DROP TABLE IF EXISTS migrations")
        self.execute(*self.revoke_all)  # MariaDB's grants survive their tables
        text = _TABLES.format(id=self.id_type, time=self.time_type)
        self.execute(*(one for one in text.split(";\n") if one.strip()))
        self.grant()

    def grant(self) -> None:
        """Let the exporter's user read what it needs."""
        if self.user:
            self.execute(
                f"GRANT SELECT ({', '.join(GRANTED)}) ON appointments TO {self.user}",
                f"GRANT SELECT (migration) ON migrations TO {self.user}",
            )

    def revoke(self, column: str) -> None:
        """Take the privilege to read one column away."""
        self.execute(f"REVOKE SELECT ({column}) ON appointments FROM {self.user}")

    def insert(self, *rows: Mapping[str, object]) -> None:
        """Insert appointments; what a row does not say is NULL."""
        table = sa.table("appointments", *(sa.column(name) for name in COLUMNS))
        empty: dict[str, object] = {"status": "scheduled", "calcom_v2_booking_id": None, "created_at": None}
        full: list[dict[str, Any]] = [{**empty, "deleted_at": None, **row} for row in rows]
        with self.engine().begin() as connection:
            for row in full:
                connection.execute(sa.insert(table).values(**row))

    def processor_seconds(self) -> float:
        """Return the processor time that the database has used so far."""
        return time.process_time()

    def settings(self, **changes: Any) -> DatabaseSettings:  # noqa: ANN401  # any of its fields
        """Return settings that lead here."""
        return DatabaseSettings(**{"url": Secret(self.url), **changes})


class SqliteFile(Database):
    """An SQLite file in a folder."""

    family = "sqlite"
    user = ""
    id_type = "INTEGER PRIMARY KEY AUTOINCREMENT"
    time_type = "TIMESTAMP NULL"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "database.sqlite"
        self.url = f"sqlite:///{self.path}"
        self._engine = sa.create_engine(f"sqlite:///{self.path}", poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def engine(self) -> sa.Engine:
        return self._engine


class Server(Database):
    """A server process, as a context manager; it can be suspended, killed and started again."""

    home: ClassVar[str]
    """The database that is there from the beginning; empty for none."""
    lock: ClassVar[tuple[str, ...]]
    connections: ClassVar[str]
    end: ClassVar[str]
    identified: ClassVar[str]
    drop: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="database-"))
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")

    def __enter__(self) -> Self:
        try:
            self.install()
            self.start()
            self.prepare()
            self.reset()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def install(self) -> None:
        """Make the data folder."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make the database and the exporter's user."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command line of the server."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "journal.txt").open("ab") as journal:
            self._process = subprocess.Popen(
                self.unprivileged(*self.command()), stdin=subprocess.DEVNULL, stdout=journal, stderr=journal
            )
        wait_until(self._answers, deadline=30, what=(self.folder / "journal.txt").read_text)

    def kill(self) -> None:
        """Kill the server and everything that it has started."""
        process = self._running()
        self.signal(signal.SIGKILL)
        process.wait()
        self._process = None

    def suspend(self) -> None:
        """Stop all processes of the server: it accepts connections and answers nothing."""
        wait_until(self._is_stopped, deadline=10, what="all threads of the server are stopped", step=0.001)

    def resume(self) -> None:
        """Let the server go on."""
        self.signal(signal.SIGCONT)

    @contextmanager
    def locked_appointments(self) -> Iterator[None]:
        """Hold a lock that lets nobody else read the appointments."""
        with self.engine().connect() as connection:
            for one in self.lock:
                connection.exec_driver_sql(one)
            yield

    def end_connections(self) -> None:
        """End all connections of the exporter's user."""
        engine = self.engine()
        with engine.connect() as connection:
            for (number,) in connection.exec_driver_sql(self.connections).all():
                with suppress(sa.exc.OperationalError):  # it has ended meanwhile
                    connection.exec_driver_sql(self.end % number)

    def create_user(self) -> None:
        """Make the exporter's user, who may do nothing yet."""
        self.execute(f"CREATE USER {self.user} {self.identified} '{PASSWORD.replace('%', '%%')}'")

    def drop_user(self) -> None:
        """Remove the exporter's user and all that was granted."""
        self.execute(*(one.format(user=self.user) for one in self.drop))

    def change_password(self, password: str) -> None:
        """Give the exporter's user another password."""
        self.execute(f"ALTER USER {self.user} {self.identified} '{password.replace('%', '%%')}'")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and its children."""
        for pid in self._processes():
            os.kill(pid, number)

    def processor_seconds(self) -> float:
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._processes()]
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")

    def _is_stopped(self) -> bool:
        self.signal(signal.SIGSTOP)  # each time: a child may have been made meanwhile
        tasks = [task for pid in self._processes() for task in Path(f"/proc/{pid}/task").iterdir()]
        return all((task / "stat").read_text().rpartition(")")[2].split()[0] in "TZ" for task in tasks)

    def _processes(self) -> list[int]:
        parent = self._running().pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def unprivileged(self, *command: str) -> list[str]:
        """Return the command line that runs `command` as nobody if we are root."""
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        return [*(as_nobody if os.geteuid() == 0 else []), *command]

    def run(self, *command: str) -> None:
        """Run a program of the server to its end."""
        done = subprocess.run(self.unprivileged(*command), capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process, "the server does not run"
        return self._process

    def _answers(self) -> bool:
        assert self._running().poll() is None, (self.folder / "journal.txt").read_text()
        try:
            with self.engine_for(self.home).connect():
                return True
        except sa.exc.OperationalError:
            return False

    def engine_for(self, database: str) -> sa.Engine:
        """Return an engine on one database of the server that may do everything."""
        raise NotImplementedError


class MariaDb(Server):
    """MariaDB with Laravel's collation: booking IDs are compared without case."""

    family = "mysql"
    user = f"{USER}@'127.0.0.1'"
    home = ""
    lock = ("LOCK TABLES appointments WRITE",)
    revoke_all = (f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}",)
    connections = f"SELECT id FROM information_schema.processlist WHERE user = '{USER}'"
    end = "KILL %s"
    identified = "IDENTIFIED BY"
    drop = ("DROP USER {user}",)
    id_type = "BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY"
    time_type = "TIMESTAMP NULL"

    def __init__(self, *options: str) -> None:
        need_program("mariadb-install-db", "mariadb-server-core")
        need_program("my_print_defaults", "mariadb-client-core")
        super().__init__()
        self.options = options
        self.url = f"mysql://{USER}:{ENCODED}@127.0.0.1:{self.port}/app"
        self._engine = self.engine_for("app")

    def engine_for(self, database: str) -> sa.Engine:
        url = f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}"
        return sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def engine(self) -> sa.Engine:
        return self._engine

    def install(self) -> None:
        self.run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def command(self) -> list[str]:
        server = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "mariadbd"
        return [
            server,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=16M",
            *self.options,
        ]

    def prepare(self) -> None:
        with self.engine_for("").connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        self.create_user()


class PostgreSql(Server):
    """PostgreSQL with passwords as it stores them today (SCRAM)."""

    family = "postgresql"
    user = USER
    home = "postgres"
    lock = ("BEGIN", "LOCK TABLE appointments")
    connections = f"SELECT pid FROM pg_stat_activity WHERE usename = '{USER}'"
    end = "SELECT pg_terminate_backend(%s)"
    identified = "PASSWORD"
    drop = ("DROP OWNED BY {user}", "DROP USER {user}")
    id_type = "BIGSERIAL PRIMARY KEY"
    time_type = "TIMESTAMP(0) NULL"

    def __init__(self, **settings: str) -> None:
        self.options = settings
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        on_path = shutil.which("postgres")
        if not found and on_path is None:
            lacking("needs postgres: apt-get install postgresql")
        self._bin = (found[-1] if found else Path(str(on_path))).parent
        super().__init__()
        self.url = f"postgresql://{USER}:{ENCODED}@127.0.0.1:{self.port}/app"
        self._engine = self.engine_for("app")

    def engine_for(self, database: str) -> sa.Engine:
        url = f"postgresql+psycopg://postgres@/{database}?host={self.folder}&port={self.port}"
        return sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def engine(self) -> sa.Engine:
        return self._engine

    def install(self) -> None:
        program = str(self._bin / "initdb")
        self.run(
            program,
            "--no-sync",
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            f"--pgdata={self.folder / 'data'}",
        )

    def command(self) -> list[str]:
        settings = {
            "fsync": "off",
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "16MB",
            "autovacuum": "off",
            **self.options,
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *options]

    def prepare(self) -> None:
        with self.engine_for("postgres").connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE app")
        self.create_user()
