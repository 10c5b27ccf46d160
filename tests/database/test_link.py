"""The connection: limits that hold, causes that are told, and no word of the password."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from exporter.config.database import DatabaseSettings
from exporter.config.database_url import Secret, UrlError
from exporter.database.dialects import DIALECTS, need_driver
from exporter.database.errors import QueryError
from exporter.database.link import ConnectError, Link, read_url
from tests.support.daemon import free_port
from tests.support.databases import ENCODED, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.config.database_url import Family
    from tests.support.databases import Database, Server

ONE = sa.text("SELECT 1")
SLOW = {
    "mysql": sa.text("SELECT SLEEP(30)"),
    "postgresql": sa.text("SELECT pg_sleep(30)"),
    "sqlite": sa.text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"),
}


@pytest.fixture(params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def silent() -> Iterator[int]:
    """Return the port of a server that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def cause(link: Link, statement: sa.Executable = ONE) -> str:
    """Return why a statement fails, and whether that is for want of a connection."""
    with pytest.raises(QueryError) as caught:
        link.ask(statement)
    link.close()
    return ("no connection: " if isinstance(caught.value, ConnectError) else "") + caught.value.cause


def test_the_server_ends_what_takes_too_long(database: Database) -> None:
    """A slow statement is ended by the server itself, and the next one is answered."""
    link = Link(database.settings(timeout=1.0))
    assert cause(link, SLOW[database.family]) == "timeout"
    assert link.ask(ONE)[0][0] == 1
    link.close()


def test_a_locked_table_is_not_waited_for(server: Server) -> None:
    """While the app alters its table, a query gives up in time."""
    with server.locked_appointments():
        assert cause(Link(server.settings(timeout=0.3)), sa.text("SELECT count(id) FROM appointments")) == "timeout"


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_a_server_that_never_answers_is_given_up(scheme: str, silent: int) -> None:
    """A connection that says nothing is given up, though nobody closes it."""
    link = Link(DatabaseSettings(url=Secret(f"{scheme}://u:p@127.0.0.1:{silent}/app"), timeout=0.2))
    assert cause(link) == "no connection: unreachable"


def test_a_server_that_falls_silent_is_given_up(server: Server) -> None:
    """A connection that was good and then hangs counts as none."""
    link = Link(server.settings(timeout=0.5))
    link.ask(ONE)
    server.suspend()
    try:
        assert cause(link) == "no connection: timeout"
    finally:
        server.resume()
    assert link.ask(ONE)[0][0] == 1
    link.close()


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_dead_port(scheme: str) -> None:
    """Where nobody listens there is no connection."""
    link = Link(DatabaseSettings(url=Secret(f"{scheme}://u:p@127.0.0.1:{free_port()}/app")))
    assert cause(link) == "no connection: unreachable"


def test_refused(server: Server) -> None:
    """A wrong password, user or database is told as that."""
    for old, new, told in (
        (ENCODED, "wrong", "access_denied"),
        ("booking_exporter", "nobody", "access_denied"),
        ("/app", "/other", "unknown_database"),
    ):
        found = cause(Link(DatabaseSettings(url=Secret(server.url.replace(old, new)))))
        assert found == f"no connection: {told}" or (told == "unknown_database" and found.endswith("access_denied"))


def test_no_file(tmp_path: Path) -> None:
    """An SQLite file that is not there is not made; one that is none is told."""
    path = tmp_path / "none.sqlite"
    link = Link(DatabaseSettings(url=Secret(f"sqlite:///{path}")))
    assert cause(link) == "no connection: unreachable"
    assert not path.exists()
    path.write_bytes(b"no database, but long enough to look like one" * 100)
    assert cause(link) == "no connection: unreachable"


def test_a_file_with_odd_characters_is_opened(tmp_path: Path) -> None:
    """Names with spaces, percent and question marks are names."""
    path = tmp_path / "a b%3f?.sqlite"
    sa.create_engine("sqlite://", creator=lambda: __import__("sqlite3").connect(path)).connect().close()
    link = Link(DatabaseSettings(url=Secret(f"sqlite:///{quote(str(path))}")))
    assert link.ask(ONE)[0][0] == 1
    link.close()


def test_the_url_file_is_read_at_each_connection(server: Server, tmp_path: Path) -> None:
    """A password that is changed is in force at the next connection."""
    file = tmp_path / "url"
    file.write_text(server.url.replace(ENCODED, "old"))
    link = Link(DatabaseSettings(url_file=file))
    assert cause(link) == "no connection: access_denied"
    file.write_text(server.url + "\n")
    assert link.ask(ONE)[0][0] == 1
    link.close()
    file.unlink()
    assert cause(link) == "no connection: url"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), (b"mysql://", "names no database"), (b"\xff", "not UTF-8"), (b"", "names no database")],
)
def test_what_is_wrong_with_the_url_file(tmp_path: Path, content: bytes | None, words: str) -> None:
    """The message names the file and the remedy."""
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UrlError, match=f"{file}: .*; ") as caught:
        read_url(DatabaseSettings(url_file=file))
    assert words in str(caught.value)


def test_the_password_is_nowhere(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """No error, representation or log line holds the password, whatever fails."""
    caplog.set_level(logging.DEBUG)
    settings = server.settings(timeout=0.3)
    link = Link(settings)
    texts = [repr(settings), str(settings), repr(link.url)]
    refused = DatabaseSettings(url=Secret(server.url.replace("booking_exporter", "nobody")))
    for one, statement in ((link, SLOW[server.family]), (link, sa.text("SELECT nonsense")), (Link(refused), ONE)):
        with pytest.raises(QueryError) as caught:
            one.ask(statement)
        texts += [repr(caught.value), str(caught.value)]
    texts.append(caplog.text)
    assert not [text for text in texts if PASSWORD in text or ENCODED in text]


@pytest.mark.parametrize("family", ["mysql", "postgresql", "sqlite"])
def test_the_drivers_of_the_extras_are_found(family: Family) -> None:
    """What `pip install` of the extras brings is what is looked for."""
    need_driver(family)
    assert family in DIALECTS


class _Session:
    """A connection to MySQL as far as its preparation goes: Debian has MariaDB only."""

    class dialect:  # noqa: N801  # an attribute of SQLAlchemy's connections
        is_mariadb = False

    def __init__(self) -> None:
        self.said: list[str] = []

    def exec_driver_sql(self, statement: str) -> None:
        self.said.append(statement)


def test_mysql_has_a_limit_of_another_name() -> None:
    """MySQL counts milliseconds, and calls it max_execution_time."""
    session = _Session()
    DIALECTS["mysql"].prepare(session, 2.0)  # type: ignore[arg-type]  # all that it uses is there
    assert session.said == [
        "SET SESSION max_execution_time = 1800, SESSION lock_wait_timeout = 2",
        "SET SESSION TRANSACTION READ ONLY",
    ]
