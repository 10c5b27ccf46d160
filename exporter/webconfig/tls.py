"""From settings and PEM texts to what a connection is encrypted with (OpenSSL; files only in memory).

Whether the settings work is found out by a handshake with ourselves: certificate and key, versions,
cipher suites and curve have to fit each other.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.webconfig.schema import TlsSettings

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_IGNORE_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name: how an expired certificate is read all the same."""
_ROUNDS = 10
"""More than any handshake of TLS 1.2 or 1.3 needs between its two ends."""


class TlsError(UserError):
    """Certificates or keys cannot be used: what is wrong, and the remedy. Nothing of a key stands in it."""


@dataclass(frozen=True, slots=True)
class Material:
    """The PEM texts that the settings name."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None


@dataclass(frozen=True, slots=True, eq=False)
class Tls:
    """What connections are encrypted with: a context, and when its certificate expires (Unix seconds)."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str]
    expires: float

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Tell whether a client may go on whose verified certificate this is (as ssl.SSLObject.getpeercert has it)."""
        return not self.allowed_sans or not self.allowed_sans.isdisjoint(_names(certificate or {}))


def build(settings: TlsSettings, material: Material) -> Tls:
    """Return what connections are encrypted with; TlsError where it would not work."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.oldest]
    context.maximum_version = _VERSIONS[settings.newest]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not settings.prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if settings.ciphers:
        context.set_ciphers(":".join(settings.ciphers))
    if settings.curve is not None:
        context.set_ecdh_curve(settings.curve)
    context.set_alpn_protocols(["http/1.1"])
    _load_chain(context, material)
    expires = _rehearse(context, material.certificate)
    if material.client_ca is not None:
        _trust(context, material.client_ca, "client_ca_file")
        context.verify_mode = _VERIFY[settings.client_auth]
    return Tls(context, settings.allowed_sans, expires)


def _load_chain(context: ssl.SSLContext, material: Material) -> None:
    try:
        with _file(material.certificate) as certificate, _file(material.key) as key:
            context.load_cert_chain(certificate, key, password=_no_password)
    except _EncryptedError:
        raise TlsError("key_file: is protected by a passphrase, which nobody could type; store it without") from None
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            text = "key_file: does not belong to the certificate in cert_file; name the two that were made together"
        elif b"-----BEGIN CERTIFICATE-----" not in material.certificate:
            text = "cert_file: holds no certificate; name a file with `BEGIN CERTIFICATE`, the server's own first"
        elif b"PRIVATE KEY-----" not in material.key:
            text = "key_file: holds no private key; name a file with `BEGIN PRIVATE KEY`"
        elif error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
            text = "cert_file: is too weak for OpenSSL; make one with an RSA key of 2048 bits or more, or EC P-256"
        else:
            text = "cert_file, key_file: OpenSSL cannot read them; look at them with `openssl x509` and `openssl pkey`"
        raise TlsError(text) from None


class _EncryptedError(Exception):
    """OpenSSL asked for a passphrase."""


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal.
    raise _EncryptedError


@contextmanager
def _file(text: bytes) -> Iterator[str]:
    """Lend a name for `text`, as load_cert_chain() takes nothing else; it is in memory, and no other user's."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(text)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _trust(context: ssl.SSLContext, pem: bytes, key: str) -> None:
    try:
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError):
        raise TlsError(f"{key}: holds no certificate; name a file with `BEGIN CERTIFICATE`") from None


def _rehearse(server: ssl.SSLContext, certificate: bytes) -> float:
    """Return when the certificate expires; TlsError where no client could connect."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _IGNORE_TIME
    _trust(client, certificate, "cert_file")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server)
    pending = [asking, server.wrap_bio(to_server, to_client, server_side=True)]
    try:
        for _ in range(_ROUNDS):
            pending = [end for end in pending if not _done(end)]
        found = asking.getpeercert()
    except (ssl.SSLError, ValueError) as error:
        reason = (getattr(error, "reason", None) or "unknown").lower().replace("_", " ")
        raise TlsError(
            f"tls_server_config: no client could connect (OpenSSL says: {reason}); the certificate must be one for "
            "servers, and cipher_suites and curve_preferences must fit its key"
        ) from None
    return ssl.cert_time_to_seconds(str(found["notAfter"])) if found else 0.0


def _done(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Return the certificate's alternative names of the four kinds that the toolkit compares, IPs as Go writes them."""
    return frozenset(
        str(ipaddress.ip_address(value.strip())) if kind == "IP Address" else value
        for kind, value in certificate.get("subjectAltName", ())
        if kind in ("DNS", "IP Address", "email", "URI")
    )
