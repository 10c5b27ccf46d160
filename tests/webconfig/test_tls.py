"""exporter.webconfig.tls: certificates, keys and settings that fit each other, and those that do not."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from exporter.webconfig.schema import TlsSettings
from exporter.webconfig.tls import Material, Tls, TlsError, build
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = TlsSettings(
    certificate="",
    key="",
    client_ca=None,
    client_auth="NoClientCert",
    allowed_sans=frozenset(),
    oldest="TLS12",
    newest="TLS13",
    ciphers=(),
    prefer_server_ciphers=True,
    curve=None,
)


def settings(**changes: Any) -> TlsSettings:  # noqa: ANN401  (any field)
    return replace(SETTINGS, **changes)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def material(authority: Authority) -> Material:
    certificate, key = authority.issue("server", expires=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))
    return Material(certificate.read_bytes(), key.read_bytes(), None)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def test_the_expiry_is_known(material: Material) -> None:
    """The time at which the served certificate expires is read from it."""
    assert build(settings(), material).expires == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


def test_an_expired_certificate_is_served(authority: Authority) -> None:
    """An expired certificate is no reason not to start: some clients do not care, and `check` tells."""
    past = datetime(2020, 1, 1, tzinfo=UTC)
    certificate, key = authority.issue("past", expires=past)
    assert build(settings(), Material(certificate.read_bytes(), key.read_bytes(), None)).expires == past.timestamp()


def test_what_is_set(authority: Authority, material: Material) -> None:
    """Versions, client certificates, the server's preference and renegotiation are as the settings say."""
    ca = authority.file.read_bytes()
    tls = build(
        settings(newest="TLS12", client_auth="RequireAndVerifyClientCert", prefer_server_ciphers=False),
        replace(material, client_ca=ca),
    )
    context = tls.context
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert build(settings(), material).context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_optional_client_certificates(authority: Authority, material: Material) -> None:
    """VerifyClientCertIfGiven asks for a certificate and goes on without."""
    tls = build(
        settings(client_auth="VerifyClientCertIfGiven"), replace(material, client_ca=authority.file.read_bytes())
    )
    assert tls.context.verify_mode == ssl.CERT_OPTIONAL


@pytest.mark.parametrize("curve", [None, "prime256v1", "secp384r1", "X25519"])
def test_cipher_suites_and_curves(material: Material, curve: str | None) -> None:
    """A cipher suite for the certificate's kind of key works, with every curve."""
    tls = build(
        settings(oldest="TLS12", newest="TLS12", ciphers=("ECDHE-ECDSA-AES128-GCM-SHA256",), curve=curve), material
    )
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in {one["name"] for one in tls.context.get_ciphers()}


def test_cipher_suites_that_do_not_fit_the_key(material: Material) -> None:
    """Suites for RSA keys and a certificate with an EC key cannot meet: told before a client finds out."""
    with pytest.raises(TlsError, match=r"no client could connect \(OpenSSL says: .*must fit its key"):
        build(settings(newest="TLS12", ciphers=("ECDHE-RSA-AES128-GCM-SHA256",)), material)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"certificate": b"hello"}, "cert_file: holds no certificate"),
        ({"key": b"hello"}, "key_file: holds no private key"),
        ({"client_ca": b"hello"}, "client_ca_file: holds no certificate"),
        ({"client_ca": b"\xff"}, "client_ca_file: holds no certificate"),
        (
            {"certificate": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
            "OpenSSL cannot read them",
        ),
    ],
)
def test_what_is_no_certificate(material: Material, changes: dict[str, bytes], message: str) -> None:
    """A file that holds something else is named."""
    with pytest.raises(TlsError, match=message):
        build(settings(client_auth="RequireAndVerifyClientCert"), replace(material, **changes))


def test_a_key_of_another_certificate(authority: Authority, material: Material) -> None:
    """Certificate and key that were not made together are refused."""
    _, other = authority.issue("other")
    with pytest.raises(TlsError, match="key_file: does not belong to the certificate in cert_file"):
        build(settings(), replace(material, key=other.read_bytes()))


def test_a_key_with_a_passphrase(material: Material, tmp_path: Path) -> None:
    """An encrypted key is refused at once: nobody is asked for a passphrase at a terminal."""
    (tmp_path / "key").write_bytes(material.key)
    openssl(tmp_path, "pkcs8", "-topk8", "-in", "key", "-out", "locked", "-passout", "pass:x")
    with pytest.raises(TlsError, match="key_file: is protected by a passphrase"):
        build(settings(), replace(material, key=(tmp_path / "locked").read_bytes()))


def test_a_weak_key(tmp_path: Path) -> None:
    """A key that OpenSSL holds for broken is refused with the remedy."""
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "k", "-out", "c", "-subj", "/CN=x")
    with pytest.raises(TlsError, match="cert_file: is too weak for OpenSSL; make one with an RSA key of 2048 bits"):
        build(settings(), Material((tmp_path / "c").read_bytes(), (tmp_path / "k").read_bytes(), None))


def test_nothing_of_a_key_is_told(material: Material) -> None:
    """Where certificate and key are exchanged, the message holds nothing of either."""
    with pytest.raises(TlsError) as raised:
        build(settings(), replace(material, certificate=material.key, key=material.certificate))
    assert material.key.splitlines()[1].decode() not in str(raised.value)


@pytest.mark.parametrize(
    ("allowed", "admitted"),
    [
        ((), True),
        (("prometheus.example.org",), True),
        (("::1",), True),
        (("ops@example.org",), True),
        (("https://example.org/x",), True),
        (("example.org",), False),
        (("PROMETHEUS.example.org",), False),
        (("/CN=x",), False),
    ],
)
def test_allowed_names(material: Material, allowed: tuple[str, ...], *, admitted: bool) -> None:
    """A client's alternative names are compared exactly, of the kinds DNS, IP, e-mail and URI; none set admits all."""
    tls = Tls(build(settings(), material).context, frozenset(allowed), 0.0)
    certificate = {
        "subjectAltName": (
            ("DNS", "prometheus.example.org"),
            ("IP Address", "0:0:0:0:0:0:0:1"),
            ("email", "ops@example.org"),
            ("URI", "https://example.org/x"),
            ("DirName", "/CN=x"),
        )
    }
    assert tls.admits(certificate) is admitted
    assert tls.admits(None) is not bool(allowed)
