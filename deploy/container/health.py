#!/opt/booking-exporter/bin/python -I
"""Ask the exporter in this container whether it is healthy; exit code 0 if so.

It is asked where it listens by its command line (that of process 1), the environment and its configuration, in this
order as for the exporter itself. Where it serves TLS, its certificate is not verified: the question does not leave the
container, and carries nothing secret. An exporter that wants a certificate of its clients refuses this one; that it
answers in TLS shows that it is alive.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONFIG = "/etc/booking-exporter/config.yaml"
PORT = 10877
SECONDS = 1.5
EVERYWHERE = ("", "0.0.0.0", "::", "[::]")  # noqa: S104  # not listened on here
TLS_RECORDS = (b"\x15", b"\x16")
"""How an alert and a handshake begin: https://www.rfc-editor.org/rfc/rfc8446#section-5.1."""


def option(words: Sequence[str], *names: str) -> str | None:
    """Return the value of the last of these options on a command line."""
    found = None
    for word, after in itertools.pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name in names:
            found = value if equals else after
    return found


def place(words: Sequence[str], environ: Mapping[str, str]) -> tuple[str, int]:
    """Return address and port of the exporter that was started with these words."""
    try:
        document = yaml.safe_load(Path(option(words, "--config", "-c") or CONFIG).read_text("utf-8"))
        listen = document.get("listen") or {}
        address, port = str(listen.get("address", "")), int(listen.get("port", PORT))
    except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError):  # which the exporter would refuse
        address, port = "", PORT
    address = environ.get("BOOKING_EXPORTER_LISTEN_ADDRESS", address)
    port = int(environ.get("BOOKING_EXPORTER_LISTEN_PORT", port))
    given = option(words, "--listen")
    if given:
        address, _, text = given.rpartition(":")
        port = int(text)
    return "127.0.0.1" if address in EVERYWHERE else address.strip("[]"), port


def status(connection: http.client.HTTPConnection) -> int:
    """Return the status of /-/healthy. OSError or HTTPException where nobody answers in this protocol."""
    try:
        connection.request("GET", "/-/healthy")
        return connection.getresponse().status
    finally:
        connection.close()


def answers_in_tls(address: str, port: int, context: ssl.SSLContext) -> bool:
    """Tell whether a greeting is answered in TLS, be it by a refusal. OSError where nobody answers."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    with socket.create_connection((address, port), timeout=SECONDS) as connection:
        connection.sendall(outgoing.read())
        return connection.recv(1) in TLS_RECORDS


def problem(address: str, port: int) -> object:
    """Try HTTP, then HTTPS; return what is wrong, or None."""
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        answer = status(http.client.HTTPConnection(address, port, timeout=SECONDS))
    except (OSError, http.client.HTTPException) as error:
        try:
            answer = status(http.client.HTTPSConnection(address, port, timeout=SECONDS, context=unverified))
        except (OSError, http.client.HTTPException):
            try:
                return None if answers_in_tls(address, port, unverified) else error
            except OSError:
                return error
    return None if answer == http.client.OK else f"status {answer}"


def main() -> int:
    """Return the exit code."""
    try:
        words = Path("/proc/1/cmdline").read_text("utf-8", "replace").split("\0")
    except OSError:
        words = []
    found = problem(*place(words if "run" in words else (), os.environ))
    if found is None:
        return 0
    sys.stderr.write(f"not healthy: {found}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
