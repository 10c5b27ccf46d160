"""exporter.webconfig.current: read again on change, and what happens where the change cannot be used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from exporter.webconfig.current import LOOK_SECONDS, WebConfig, WebConfigError, load
from tests.support.certificates import Authority
from tests.webconfig.test_schema import HASH

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.webconfig.current import Loaded

USERS = f"basic_auth_users: {{prometheus: {HASH}}}\n"
TLS = "tls_server_config: {cert_file: server.pem, key_file: server-key.pem}\n"


class Watched:
    """A web configuration whose file, clock and reports a test has in its hand."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "web.yml"
        self.file.write_text(text)
        self.reports: list[tuple[Loaded, str | None]] = []
        self._now = 100.0
        self.config = WebConfig(self.file, lambda: self._now, lambda *report: self.reports.append(report))

    def after(self, seconds: float) -> Loaded:
        """Return what is in force some time later."""
        self._now += seconds
        return self.config.current()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.issue("server")
    return made


def test_a_change_is_in_force_a_second_later(tmp_path: Path) -> None:
    """Files are looked at once a second at most, and a change of users holds from then on; each is reported."""
    watched = Watched(tmp_path, USERS)
    first = watched.config.current()
    watched.file.write_text("")
    assert watched.after(LOOK_SECONDS / 2) is first
    assert not watched.after(LOOK_SECONDS).settings.users
    assert [problem for _, problem in watched.reports] == [None, None]


def test_without_a_change_nothing_is_made_anew(tmp_path: Path, authority: Authority) -> None:
    """The same texts leave the same configuration, also where the files were written again."""
    watched = Watched(tmp_path, TLS)
    first = watched.config.current()
    authority.file.touch()
    watched.file.write_text(TLS)
    assert watched.after(1) is first
    assert len(watched.reports) == 1


def test_a_renewed_certificate(tmp_path: Path, authority: Authority) -> None:
    """A new certificate and key under the old names are served from then on."""
    watched = Watched(tmp_path, TLS)
    first = watched.config.tls()
    authority.issue("server")
    watched.after(1)
    assert watched.config.tls() is not first


@pytest.mark.usefixtures("authority")
def test_users_change_without_tls(tmp_path: Path) -> None:
    """A change of users ends no encrypted connection: TLS stays the very same."""
    watched = Watched(tmp_path, TLS)
    first = watched.config.tls()
    watched.file.write_text(TLS + USERS)
    assert watched.after(1).settings.users
    assert watched.config.tls() is first


def test_a_certificate_without_its_key(tmp_path: Path, authority: Authority) -> None:
    """Between the writing of a certificate and of its key the ones before them stay, and it is told once."""
    watched = Watched(tmp_path, TLS)
    first = watched.config.tls()
    key = (tmp_path / "server-key.pem").read_bytes()
    authority.issue("server")
    new_key = (tmp_path / "server-key.pem").read_bytes()
    (tmp_path / "server-key.pem").write_bytes(key)
    watched.after(1)
    watched.after(1)
    assert watched.config.tls() is first
    assert [problem for _, problem in watched.reports[1:]] == [
        (
            f"{watched.file}: key_file: does not belong to the certificate in cert_file; "
            "name the two that were made together"
        )
    ]
    (tmp_path / "server-key.pem").write_bytes(new_key)
    watched.after(1)
    assert watched.config.tls() is not first
    assert watched.reports[-1][1] is None


@pytest.mark.parametrize("text", ["basic_auth_users: {", "basic_auth_user: {}", None])
def test_a_broken_file_opens_nothing(tmp_path: Path, text: str | None) -> None:
    """A broken file, or none, leaves users and passwords as they were, and is told."""
    watched = Watched(tmp_path, USERS)
    first = watched.config.current()
    if text is None:
        watched.file.unlink()
    else:
        watched.file.write_text(text)
    assert watched.after(1) is first
    loaded, problem = watched.reports[-1]
    assert loaded is first
    assert str(problem).startswith(str(watched.file))


def test_repaired_without_a_change(tmp_path: Path) -> None:
    """Where the file that was broken holds what is in force again, that is told, too."""
    watched = Watched(tmp_path, USERS)
    watched.file.write_text("x")
    watched.after(1)
    watched.file.write_text(USERS)
    watched.after(1)
    assert [problem is None for _, problem in watched.reports] == [True, False, True]


@pytest.mark.usefixtures("authority")
def test_tls_is_not_switched_while_running(tmp_path: Path) -> None:
    """TLS that is removed from the file stays in force, as does a plain server: each takes a restart."""
    watched = Watched(tmp_path, TLS)
    watched.file.write_text(USERS)
    assert watched.after(1).tls is not None
    assert "TLS is switched on or off by a restart only" in str(watched.reports[-1][1])
    plain = Watched(tmp_path, USERS)
    plain.file.write_text(TLS)
    assert plain.after(1).tls is None


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            (
                "tls_server_config: {cert_file: none.pem, key_file: folder, client_ca_file: pipe, "
                "client_auth_type: RequireAndVerifyClientCert}"
            ),
            [
                "cert_file: DIR/none.pem: no such file or directory; name a file that the exporter's user can read",
                "key_file: DIR/folder: is a directory; name a file that the exporter's user can read",
                "client_ca_file: DIR/pipe: is no regular file; name one",
            ],
        ),
        (
            "tls_server_config: {cert_file: large, key_file: large}",
            ["cert_file: DIR/large: is larger than 1 MiB; name the right file"] * 2,
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, messages: list[str]) -> None:
    """Every file that cannot be read is named with the reason; a FIFO is not waited for."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes((1 << 20) + 1))
    file = tmp_path / "web.yml"
    file.write_text(text)
    with pytest.raises(WebConfigError) as raised:
        load(file)
    told = [one.replace(f"{file}: ", "").replace(str(tmp_path), "DIR") for one in raised.value.messages]
    assert [one.removeprefix("key_file: ").removeprefix("cert_file: ") for one in told] == [
        one.removeprefix("key_file: ").removeprefix("cert_file: ") for one in messages
    ]


def test_no_file_at_the_start(tmp_path: Path) -> None:
    """A web configuration that is not there keeps the daemon from starting: it would serve everybody."""
    with pytest.raises(WebConfigError, match=r"web\.yml: no such file or directory"):
        WebConfig(tmp_path / "web.yml", lambda: 0.0, lambda *_: None)


def test_who_is_guarded(tmp_path: Path, authority: Authority) -> None:
    """A configuration is guarded if it takes a password, or a certificate that the client CA signed."""
    file = tmp_path / "web.yml"
    ca = f", client_ca_file: {authority.file}, client_auth_type: "
    for text, guarded in (
        ("", False),
        (USERS, True),
        (TLS, False),
        (TLS.replace("}", f"{ca}RequireAndVerifyClientCert}}"), True),
        (TLS.replace("}", f"{ca}VerifyClientCertIfGiven}}"), False),
    ):
        file.write_text(text)
        assert load(file).guarded is guarded, text


def test_certificate_and_key_in_the_file_itself(tmp_path: Path, authority: Authority) -> None:
    """PEM texts in the file need no other file."""
    certificate, key = authority.issue("inline")
    file = tmp_path / "web.yml"

    def indented(path: Path) -> str:
        return "\n".join(f"    {line}" for line in path.read_text().splitlines())

    file.write_text(f"tls_server_config:\n  cert: |\n{indented(certificate)}\n  key: |\n{indented(key)}\n")
    assert load(file).tls is not None
