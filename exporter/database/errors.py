"""What can go wrong when the database is asked: a closed set of causes, each with its remedy. Pure.

Drivers' messages may quote rows, passwords and addresses, so nothing of them is ever passed on:
an error becomes one of the causes by its code. Codes are those of
https://mariadb.com/kb/en/mariadb-error-code-reference/ (and of MySQL's client library, 2000 to
2999), https://www.postgresql.org/docs/current/errcodes-appendix.html and
https://www.sqlite.org/rescode.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.config.database_url import Family

Cause = Literal[
    "unreachable",
    "access_denied",
    "unknown_database",
    "url",
    "driver",
    "connection_lost",
    "timeout",
    "privilege",
    "missing_table",
    "missing_column",
    "time_zone",
    "no_replica",
    "unexpected",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)

REMEDIES: Mapping[Cause, str] = {
    "unreachable": "nobody answers there; check host, port, file and firewall, and that the server runs",
    "access_denied": "user or password are refused; correct the URL, or the server's rules for this host",
    "unknown_database": "the server has no database of this name; correct the URL",
    "url": "the file named by database.url_file cannot be read or holds no database URL; correct it",
    "driver": "the server wants an encrypted password; add ?ssl_ca=FILE to the URL, or pip install cryptography",
    "connection_lost": "the server closed the connection; it is opened again",
    "timeout": "no answer within database.timeout; see whether the server is overloaded, or an index is missing",
    "privilege": "the user may not read it, or it does not exist; grant what docs/database.md shows for it",
    "missing_table": "the table does not exist; set database.table or database.migrations_table",
    "missing_column": "a column does not exist; set its name under database.columns",
    "time_zone": "new rows are dated whole hours off; set database.timezone to what config/app.php of the app has",
    "no_replica": "the server is no replica, or does not replicate; set database.replica to false, or mend it",
    "unexpected": "the server refused the query; `booking-exporter check` asks again and may tell more",
}

DISCONNECTED: frozenset[Cause] = frozenset(
    {"unreachable", "access_denied", "unknown_database", "url", "driver", "connection_lost"}
)
"""Causes that say that there is no connection, whatever the query."""

_MYSQL: Mapping[int, Cause] = {
    **dict.fromkeys((1044, 1045, 1130, 1251, 1698, 1820, 1862, 3118, 3955), "access_denied"),
    **dict.fromkeys((1142, 1143, 1227, 1345, 1370), "privilege"),
    **dict.fromkeys((1205, 1317, 1969, 3024), "timeout"),
    **dict.fromkeys((1040, 1203, 1226, 2001, 2002, 2003, 2004, 2005), "unreachable"),
    **dict.fromkeys(
        (0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2012, 2013, 2014, 2055, 4031),
        "connection_lost",
    ),
    1049: "unknown_database",
    1046: "unknown_database",
    1054: "missing_column",
    1146: "missing_table",
}
_POSTGRESQL: Mapping[str, Cause] = {
    "28": "access_denied",
    "08": "connection_lost",
    "57P": "connection_lost",
    "53300": "unreachable",
    "3D000": "unknown_database",
    "42501": "privilege",
    "42P01": "missing_table",
    "3F000": "missing_table",
    "42703": "missing_column",
    "57014": "timeout",
    "55P03": "timeout",
    "40": "timeout",
}
_REFUSALS: tuple[tuple[str, Cause], ...] = (
    ("too many", "unreachable"),
    ("authentication failed", "access_denied"),
    ("no password supplied", "access_denied"),
    ("pg_hba.conf", "access_denied"),
    ('role "', "access_denied"),
    ('database "', "unknown_database"),
    ("permission denied", "access_denied"),
)
"""libpq has no code for a refused connection, only the server's words."""
_SQLITE: Mapping[str, Cause] = {
    "SQLITE_INTERRUPT": "timeout",
    "SQLITE_BUSY": "timeout",
    "SQLITE_LOCKED": "timeout",
    "SQLITE_CANTOPEN": "unreachable",
    "SQLITE_NOTADB": "unreachable",
    "SQLITE_IOERR": "unreachable",
    "SQLITE_CORRUPT": "unreachable",
    "SQLITE_PERM": "access_denied",
    "SQLITE_AUTH": "privilege",
}


class QueryError(Exception):
    """A query, or the connection that it needs, failed for `cause`; nothing else is told."""

    def __init__(self, cause: Cause) -> None:
        """Take the cause."""
        super().__init__(cause)
        self.cause = cause


def classify(family: Family, error: BaseException, *, connecting: bool) -> Cause:
    """Return the cause of a driver's exception; `connecting` tells that there was no connection yet."""
    if family == "postgresql":
        cause = _postgresql(error, connecting=connecting)
    else:
        cause = _mysql(error) if family == "mysql" else _sqlite(error)
    if cause in {"connection_lost", "unexpected"} and connecting:
        return "unreachable"
    return cause


def _mysql(error: BaseException) -> Cause:
    if isinstance(error, RuntimeError):  # PyMySQL, where it would need a package that is not there
        return "driver"
    code = error.args[0] if error.args else None
    return _MYSQL.get(code, "unexpected") if isinstance(code, int) else "connection_lost"


def _postgresql(error: BaseException, *, connecting: bool) -> Cause:
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return next((_POSTGRESQL[state[:end]] for end in (5, 3, 2) if state[:end] in _POSTGRESQL), "unexpected")
    if connecting:
        text = str(error)
        return next((cause for words, cause in _REFUSALS if words in text), "unreachable")
    return "connection_lost"


def _sqlite(error: BaseException) -> Cause:
    text = str(error)
    if text.startswith("no such table"):
        return "missing_table"
    if text.startswith("no such column"):
        return "missing_column"
    name = str(getattr(error, "sqlite_errorname", ""))
    return next((cause for prefix, cause in _SQLITE.items() if name.startswith(prefix)), "unexpected")
