"""Database servers that follow another one."""

from __future__ import annotations

from tests.support.databases import MariaDb, PostgreSql


class MariaDbReplica(MariaDb):
    """A MariaDB server that follows `primary`, which has `--log-bin` and `--server-id=1`."""

    def __init__(self, primary: MariaDb) -> None:
        super().__init__("--server-id=2")
        self._primary = primary

    def prepare(self) -> None:
        with self.engine_for("").connect() as connection:
            connection.exec_driver_sql(
                f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {self._primary.port},"
                " MASTER_USER = 'follower', MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos"
            )
            connection.exec_driver_sql("START SLAVE")

    def reset(self) -> None:
        """Leave the tables to the primary."""


class PostgreSqlReplica(PostgreSql):
    """A PostgreSQL server that follows `primary`."""

    def __init__(self, primary: PostgreSql) -> None:
        super().__init__()
        self._primary = primary

    def install(self) -> None:
        place = (f"--host={self._primary.folder}", f"--port={self._primary.port}", "--username=postgres")
        program = str(self._bin / "pg_basebackup")
        self.run(program, *place, f"--pgdata={self.folder / 'data'}", "--write-recovery-conf", "--checkpoint=fast")

    def prepare(self) -> None:
        """Leave user and database to the primary."""

    def reset(self) -> None:
        """Leave the tables to the primary."""
