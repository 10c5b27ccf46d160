"""The one connection to the database: opened when needed, given up after any failure (I/O).

Never more than one statement is under way. The URL is read from its file at each connection, so
that a password may be changed while the daemon runs.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.config.database_url import DatabaseUrl, UrlError, parse_url
from exporter.database.dialects import DIALECTS
from exporter.database.errors import QueryError, classify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from exporter.config.database import DatabaseSettings

_LARGEST_URL = 4096
_NEARLY = 0.95
"""An answer that took this share of the limit did not fail for another reason."""

# SQLAlchemy's pool tells of connections that break; who asks tells it already, once and without parameters.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


class ConnectError(QueryError):
    """There is no connection: no other query would fare better."""


class Link:
    """A connection to the database that `settings` name. For one thread."""

    def __init__(self, settings: DatabaseSettings) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._connection: sa.Connection | None = None
        self._url: DatabaseUrl | None = None
        self._engine: sa.Engine | None = None
        self.seconds = 0.0
        """Time that all statements took so far."""
        self.last = 0.0
        """Time that the last statement took, without connection and transaction."""

    @property
    def url(self) -> DatabaseUrl:
        """The URL in force. Raises ConnectError where its file has none."""
        return self._url or self._read()

    def dialect(self) -> sa.Dialect:
        """Return how SQLAlchemy writes statements for this server. Raises ConnectError."""
        return self._open().dialect

    def ask(
        self,
        statement: sa.Executable,
        parameters: Mapping[str, Any] | None = None,
        *,
        before: sa.Executable | None = None,
    ) -> Sequence[Any]:
        """Return the rows of one statement; `before` is carried out first, in the same transaction.

        Raises ConnectError where there is no connection or nothing answers on it, QueryError where the
        statement fails. After both the connection is closed.
        """
        timeout = self._settings.timeout
        connection = self._open()
        begin = time.monotonic()
        try:
            with DIALECTS[self.url.family].limited(connection, timeout):
                if before is not None:
                    connection.execute(before)
                executed = time.monotonic()
                rows = connection.execute(statement, parameters).all()
                self.last = time.monotonic() - executed
                return rows
        except Exception as error:  # noqa: BLE001  # a server that talks nonsense makes drivers raise anything
            cause = classify(self.url.family, _original(error), connecting=False)
            self.close()
            if cause == "connection_lost" and time.monotonic() - begin >= timeout * _NEARLY:
                raise ConnectError("timeout") from None
            raise QueryError(cause) from None
        finally:
            self.seconds += time.monotonic() - begin

    def rest(self) -> None:
        """Let go of what is not worth keeping until the next round of queries."""
        if self._url is not None and not DIALECTS[self._url.family].keeps:
            self.close()

    def close(self) -> None:
        """Close the connection, if one is open."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(Exception):  # a connection that is broken says so in many ways, and none matters any more
            connection.invalidate()
        with suppress(Exception):
            connection.close()

    def _open(self) -> sa.Connection:
        if self._connection is not None:
            return self._connection
        url = self._read()
        dialect = DIALECTS[url.family]
        if self._engine is None or url != self._url:
            self._engine = dialect.engine(url, self._settings.timeout)  # kept, as it remembers compiled statements
            self._url = url
        try:
            self._connection = self._engine.connect()
            dialect.prepare(self._connection, self._settings.timeout)
        except Exception as error:  # noqa: BLE001  # as above
            cause = classify(url.family, _original(error), connecting=True)
            self.close()
            raise ConnectError(cause) from None
        return self._connection

    def _read(self) -> DatabaseUrl:
        try:
            return read_url(self._settings)
        except UrlError:
            raise ConnectError("url") from None


def read_url(settings: DatabaseSettings) -> DatabaseUrl:
    """Return the URL of the settings. Raises UrlError, which names the file, where that has none."""
    if settings.url is not None:
        return parse_url(settings.url.reveal())
    try:
        with Path(settings.url_file or "").open("rb") as file:
            return parse_url(file.read(_LARGEST_URL).decode())
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise UrlError(f"{settings.url_file}: {reason}; let database.url_file name a readable file") from None
    except UnicodeDecodeError:
        raise UrlError(f"{settings.url_file}: is not UTF-8; write the URL in one line of plain text") from None
    except UrlError as error:
        raise UrlError(f"{settings.url_file}: {error}") from None


def _original(error: BaseException) -> BaseException:
    """Return the driver's exception that SQLAlchemy has wrapped."""
    return getattr(error, "orig", None) or error
