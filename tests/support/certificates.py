"""Certificates for tests, made by trustme: a CA, servers and clients that it signs."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Authority:
    """A CA whose files are written into `folder`: `NAME.pem` and `NAME-key.pem`, its own certificate as `ca.pem`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *identities: str, expires: datetime | None = None) -> tuple[Path, Path]:
        """Make a certificate for the identities (127.0.0.1 without any); return the paths of it and its key."""
        made = self._ca.issue_cert(*(identities or ("127.0.0.1", "localhost")), not_after=expires)
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        certificate.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        key.chmod(0o600)
        return certificate, key

    def client_context(self, certificate: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Return what a client needs that trusts this CA, and shows a certificate if one is given."""
        context = ssl.create_default_context(cafile=str(self.file))
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return context


def exchange(
    port: int,
    context: ssl.SSLContext,
    request: bytes = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
) -> bytes:
    """Send one request over TLS and return all that is answered; ssl.SSLError or OSError where TLS fails."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(request)
        received = b""
        while block := connection.recv(1 << 16):
            received += block
        return received


def refused(port: int, context: ssl.SSLContext) -> bool:
    """Tell whether a client is cut off without an answer: in TLS 1.3 after its side of the handshake is done."""
    try:
        return not exchange(port, context)
    except OSError:
        return True
