"""exporter.checks.web: how the pages are served, certificates, hashes, and who can read the secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from exporter.checks.web import check_web
from exporter.config.schema import Listen
from tests.support.certificates import Authority
from tests.webconfig.test_schema import HASH

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TLS = "tls_server_config: {cert_file: server.pem, key_file: server-key.pem}\n"
USERS = f"basic_auth_users: {{prometheus: {HASH}}}\n"


def told(listen: Listen) -> list[str]:
    return [str(one) for one in check_web(listen, NOW.timestamp())]


def configured(folder: Path, text: str, mode: int = 0o640) -> Listen:
    file = folder / "web.yml"
    file.write_text(text)
    file.chmod(mode)
    return Listen("0.0.0.0", 1, file)  # noqa: S104  (nothing listens)


def test_the_default_says_nothing() -> None:
    """What only this machine reaches needs no word."""
    assert told(Listen()) == []
    assert told(Listen("::1", 1)) == []
    assert told(Listen("localhost", 1)) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "app1.example.org"])  # noqa: S104  (nothing listens)
def test_other_hosts_without_a_configuration(address: str) -> None:
    """An address that others reach is a warning without a web configuration."""
    assert told(Listen(address, 1)) == [
        (
            f"warn  web: {address} serves other hosts without TLS and authentication; "
            "name a listen.web_config_file, or let a firewall admit Prometheus only"
        )
    ]


def test_all_is_well(tmp_path: Path) -> None:
    """With TLS and a password there is one line that says so."""
    Authority(tmp_path).issue("server", expires=NOW + timedelta(days=90))
    listen = configured(tmp_path, TLS + USERS)
    assert told(listen) == [f"ok    web: {tmp_path}/web.yml: TLS, password or certificate needed"]


@pytest.mark.parametrize(
    ("days", "line"),
    [
        (22, None),
        (20, "warn  web: the certificate expires on 2026-03-21; renew it"),
        (-1, "FAIL  web: the certificate expired on 2026-02-28, clients refuse it; renew it"),
    ],
)
def test_certificates_expire(tmp_path: Path, days: int, line: str | None) -> None:
    """A certificate that expires soon is a warning, one that has expired a failure."""
    Authority(tmp_path).issue("server", expires=NOW + timedelta(days=days))
    assert told(configured(tmp_path, TLS + USERS))[:-1] == ([] if line is None else [line])


def test_without_tls(tmp_path: Path) -> None:
    """Users without TLS: the password travels in the clear, which is a warning for other hosts only."""
    listen = configured(tmp_path, USERS)
    assert told(listen) == [
        (
            "warn  web: 0.0.0.0 serves other hosts without TLS; "
            "name a listen.web_config_file, or let a firewall admit Prometheus only"
        ),
        f"ok    web: {tmp_path}/web.yml: no TLS, password or certificate needed",
    ]
    assert told(Listen(web_config_file=listen.web_config_file))[0].startswith("ok ")


def test_secrets_that_everybody_can_read(tmp_path: Path) -> None:
    """A key, or a file with hashes, that every user of the machine can read is a warning with the remedy."""
    _, key = Authority(tmp_path).issue("server", expires=NOW + timedelta(days=90))
    key.chmod(0o644)
    lines = told(configured(tmp_path, TLS + USERS, 0o644))
    assert lines[0] == (
        f"warn  web: {tmp_path}/web.yml: every user of this machine can read it, and it holds password hashes and "
        f"perhaps a key; run `chmod o-r {tmp_path}/web.yml`"
    )
    assert f"{key}: every user of this machine can read it, and it holds the private key" in lines[1]
    key.chmod(0o640)
    assert told(configured(tmp_path, TLS, 0o644))[0].startswith("warn  web: 0.0.0.0 serves other hosts without auth")


def test_dear_hashes(tmp_path: Path) -> None:
    """A hash that takes a second to check is a warning: the first scrape after each start would time out."""
    line = told(configured(tmp_path, USERS.replace("$10$", "$14$")))[0]
    assert line.startswith("warn  web: basic_auth_users.prometheus: a hash of cost 14 delays the first scrape")


def test_a_broken_file(tmp_path: Path) -> None:
    """Every problem of the file is a failed check, and nothing else is said."""
    assert told(configured(tmp_path, "basic_auth_users: {a: b}\nx: 1\n")) == [
        (
            f"FAIL  web: {tmp_path}/web.yml:1: basic_auth_users.a: is no bcrypt hash; make one with "
            "`htpasswd -nBC 10 USER`, and put it in quotes"
        ),
        (
            f"FAIL  web: {tmp_path}/web.yml:2: x: unknown key; known here are tls_server_config, http_server_config, "
            "basic_auth_users, rate_limit"
        ),
    ]
