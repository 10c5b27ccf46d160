"""The URL that names a database, taken apart; pure.

Forms are those of Laravel's `DB_URL` (https://laravel.com/docs/database#configuration-using-urls)
and of SQLAlchemy: `scheme://user:password@host:port/database?option=value`, for SQLite
`sqlite:////absolute/path`. A password is shown by nothing here: no repr, no message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Family = Literal["mysql", "postgresql", "sqlite"]

_FAMILIES: dict[str, Family] = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "mysql+pymysql": "mysql",
    "mariadb+pymysql": "mysql",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "pgsql": "postgresql",
    "postgresql+psycopg": "postgresql",
    "sqlite": "sqlite",
}
EXAMPLE = "mysql://booking_exporter:PASSWORD@127.0.0.1/app"

_LARGEST_PORT = 65535


class UrlError(ValueError):
    """The text is no URL of a database; the message is `what is wrong; remedy` and quotes nothing of it."""


class Secret:
    """A text that nobody shall see by accident; only `reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Take the text."""
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        """Return a text that says nothing of the secret."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same text."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Return a hash of the text."""
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Where a database is, and as whom to ask it. `database` is SQLite's absolute path, else a name."""

    family: Family
    database: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)
    options: tuple[tuple[str, Secret], ...] = field(default=(), repr=False)

    @property
    def place(self) -> str:
        """The database without the user and the password, for messages.

        >>> parse_url("mysql://u:p@db.example/app").place
        'mysql database app at db.example'
        """
        return f"{self.family} database {self.database}" + (f" at {self.host}" if self.host else "")


def parse_url(text: str) -> DatabaseUrl:
    """Return the parts of a URL. Raises UrlError with a message that holds nothing of the text."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise UrlError(f"is no URL; write for example {EXAMPLE}, special characters of the password as %XX") from None
    family = _FAMILIES.get(parts.scheme.lower())
    if family is None:
        raise UrlError(f"names no database that is known (mysql, mariadb, postgresql, sqlite); write as {EXAMPLE}")
    if parts.fragment or (port is not None and not 0 < port <= _LARGEST_PORT):
        raise UrlError(f"is no database URL; write as {EXAMPLE}, special characters of the password as %XX")
    path = unquote(parts.path.removeprefix("/"))
    if family == "sqlite":
        if parts.netloc or not path.startswith("/"):
            raise UrlError("names no absolute path; write sqlite:////var/www/app/database.sqlite, with four slashes")
        return DatabaseUrl(family, path)
    options = tuple((key, Secret(value)) for key, value in parse_qsl(parts.query))
    if not path or "/" in path:
        raise UrlError(f"names no database; write its name after the host, as in {EXAMPLE}")
    if not parts.username:
        raise UrlError(f"names no user; write as {EXAMPLE}")
    password = None if parts.password is None else Secret(unquote(parts.password))
    host = unquote(parts.hostname) if parts.hostname else None
    return DatabaseUrl(family, path, host, port, unquote(parts.username), password, options)
