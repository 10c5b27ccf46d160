"""URLs of databases, taken apart without ever showing a password."""

from __future__ import annotations

import pytest

from exporter.config.database_url import DatabaseUrl, Secret, UrlError, parse_url

SECRET = "s3cr3t-never-shown"  # noqa: S105  # of no database


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mysql://u:p%40%2F@h:3307/app", DatabaseUrl("mysql", "app", "h", 3307, "u", Secret("p@/"))),
        ("mariadb://u@h/app\n", DatabaseUrl("mysql", "app", "h", None, "u")),
        ("mysql+pymysql://u:@[::1]/app", DatabaseUrl("mysql", "app", "::1", None, "u", Secret(""))),
        (
            "pgsql://u@/app?host=/run/x",
            DatabaseUrl("postgresql", "app", user="u", options=(("host", Secret("/run/x")),)),
        ),
        ("postgres://u@h/app", DatabaseUrl("postgresql", "app", "h", None, "u")),
        ("sqlite:////var/a%20b.sqlite", DatabaseUrl("sqlite", "/var/a b.sqlite")),
    ],
)
def test_forms(text: str, url: DatabaseUrl) -> None:
    """Laravel's and SQLAlchemy's schemes."""
    assert parse_url(text) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no database that is known"),
        (SECRET, "names no database that is known"),
        (f"oracle://u:{SECRET}@h/app", "names no database that is known"),
        (f"mysql://u:{SECRET}@h:port/app", "is no URL"),
        (f"mysql://u:{SECRET}@h:0/app", "is no database URL"),
        (f"mysql://u:{SECRET}#x@h/app", "is no"),
        (f"mysql://u:{SECRET}/x@h/app", "is no"),
        (f"mysql://u:{SECRET}@h", "names no database;"),
        (f"mysql://u:{SECRET}@h/a/b", "names no database;"),
        (f"mysql://:{SECRET}@h/app", "names no user"),
        ("mysql://h/app", "names no user"),
        ("sqlite:///relative.sqlite", "four slashes"),
        ("sqlite://", "four slashes"),
    ],
)
def test_what_is_no_url(text: str, words: str) -> None:
    """The message tells what is missing, and quotes nothing."""
    with pytest.raises(UrlError) as caught:
        parse_url(text)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_nothing_shows_the_password() -> None:
    """Neither the parts of a URL nor what holds them."""
    url = parse_url(f"mysql://u:{SECRET}@h/app?ssl_key={SECRET}")
    for text in (repr(url), str(url), url.place, repr(url.password), str(url.password), f"{url.password}"):
        assert SECRET not in text
    assert url.password is not None
    assert url.password.reveal() == SECRET
