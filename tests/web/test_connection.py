"""exporter.web.connection: TLS, and clients that misbehave in it. Those of plain HTTP are in test_server.py."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from http.client import HTTPSConnection
from typing import TYPE_CHECKING

import pytest

from exporter.web.connection import MAX_TLS_CONNECTIONS
from exporter.webconfig.current import load
from tests.support.certificates import Authority, exchange, refused
from tests.support.waiting import wait_until
from tests.web.test_server import APP, REQUEST, read_to_end, stuck, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from exporter.web.server import Server
    from exporter.webconfig.tls import Tls

    Serve = Callable[..., Server]
    Connect = Callable[[Server], socket.socket]

SERVER = "cert_file: server.pem, key_file: server-key.pem"
SIGNED = f"{SERVER}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"


async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with more than the kernel's buffers hold."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(16 << 20)})


class Site:
    """A CA, and what a server of its certificates encrypts with at present."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.authority.issue("server")
        self.tls = self.load(SERVER)

    def load(self, text: str) -> Tls:
        """Return what the text says, which is then in force."""
        file = self.folder / "web.yml"
        file.write_text(f"tls_server_config: {{{text}}}\n")
        tls = load(file).tls
        assert tls is not None
        self.tls = tls
        return tls

    def current(self) -> Tls:
        return self.tls


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def secure(site: Site, serve: Serve) -> Callable[..., Server]:
    """Start servers of the site."""

    def start(app: ASGIApp = APP, **limits: float) -> Server:
        return serve(app, tls=site.current, **limits)

    return start


@pytest.fixture
def encrypted(site: Site) -> Iterator[Callable[[Server], HTTPSConnection]]:
    """Open HTTPS connections that last for several requests."""
    opened: list[HTTPSConnection] = []

    def open_one(server: Server) -> HTTPSConnection:
        connection = HTTPSConnection("127.0.0.1", server.port, timeout=5, context=site.authority.client_context())
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


def held(server: Server) -> int:
    """Tell how many connections the server holds, those in their handshakes as well."""
    running = server._uvicorn
    assert running is not None
    return len(running._shaking_hands())


def test_a_page_over_tls(site: Site, secure: Serve) -> None:
    """A client that trusts the CA is answered; one that does not ends the handshake."""
    server = secure()
    assert exchange(server.port, site.authority.client_context()).startswith(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange(server.port, ssl.create_default_context())


def test_a_connection_serves_many_requests(secure: Serve, encrypted: Callable[[Server], HTTPSConnection]) -> None:
    """Prometheus can keep its encrypted connection, on which answers come at once."""
    connection = encrypted(secure(request_seconds=0.5))
    took, ports = [], set()
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        began = time.monotonic()
        connection.request("GET", "/metrics")
        assert connection.getresponse().read().endswith(b"\n")
        took.append(time.monotonic() - began)
        ports.add(connection.sock.getsockname()[1])
    assert len(ports) == 1
    assert sorted(took)[len(took) // 2] < 0.03


def test_http2_is_not_offered(site: Site, secure: Serve) -> None:
    """Of HTTP/2 and HTTP/1.1 the second is agreed on."""
    context = site.authority.client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", secure().port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        assert connection.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize(
    ("text", "newest", "agreed"),
    [
        (SERVER, ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (SERVER, ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (f"{SERVER}, max_version: TLS12", ssl.TLSVersion.TLSv1_3, "TLSv1.2"),
        (f"{SERVER}, min_version: TLS13", ssl.TLSVersion.TLSv1_2, None),
    ],
)
def test_versions(site: Site, secure: Serve, text: str, newest: ssl.TLSVersion, agreed: str | None) -> None:
    """Only the configured versions are agreed on."""
    site.load(text)
    context = site.authority.client_context()
    context.maximum_version = newest
    with socket.create_connection(("127.0.0.1", secure().port)) as plain:
        if agreed is None:
            with pytest.raises(ssl.SSLError):  # asyncio closes without an alert
                context.wrap_socket(plain, server_hostname="127.0.0.1")
        else:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                assert connection.version() == agreed


def test_client_certificates(site: Site, secure: Serve, tmp_path: Path) -> None:
    """With a client CA only those are answered who show a certificate that it has signed."""
    site.load(SIGNED)
    server = secure()
    ours = site.authority.issue("client", "prometheus.example.org")
    foreign = Authority(tmp_path / "foreign").issue("client", "prometheus.example.org")

    assert exchange(server.port, site.authority.client_context(ours)).startswith(b"HTTP/1.1 200")
    assert refused(server.port, site.authority.client_context())
    assert refused(server.port, site.authority.client_context(foreign))


def test_only_some_client_certificates(site: Site, secure: Serve) -> None:
    """With client_allowed_sans a certificate of the CA is not enough: it must bear one of the names."""
    site.load(f"{SIGNED}, client_allowed_sans: [prometheus.example.org]")
    server = secure()
    named = site.authority.client_context(site.authority.issue("one", "prometheus.example.org"))
    other = site.authority.client_context(site.authority.issue("two", "grafana.example.org"))
    assert exchange(server.port, named).startswith(b"HTTP/1.1 200")
    assert refused(server.port, other)


def test_a_request_behind_the_handshake(site: Site, secure: Serve) -> None:
    """A client that sends the end of its handshake and its request in one piece is answered."""
    server = secure()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = site.authority.client_context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        done = False
        while not done:
            try:
                end.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(1 << 16))
        end.write(REQUEST)
        connection.sendall(outgoing.read())
        answer = b""
        while b"healthy\n" not in answer:
            try:
                answer += end.read(1 << 16)
            except ssl.SSLWantReadError:
                block = connection.recv(1 << 16)
                assert block, answer
                incoming.write(block)
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_a_renewed_certificate_is_served(site: Site, secure: Serve) -> None:
    """New connections get the new certificate, without a restart."""
    server = secure()
    before = ssl.get_server_certificate(("127.0.0.1", server.port))
    site.authority.issue("server")
    site.load(SERVER)
    after = ssl.get_server_certificate(("127.0.0.1", server.port))
    assert before != after
    assert after.strip() in (site.folder / "server.pem").read_text()


def test_an_old_connection_does_not_outlive_its_terms(
    site: Site, secure: Serve, encrypted: Callable[[Server], HTTPSConnection]
) -> None:
    """A client that got in before a client CA was asked for gets no further answer on its old connection."""
    connection = encrypted(secure())
    connection.request("GET", "/-/healthy")
    assert connection.getresponse().read() == b"healthy\n"
    site.load(SIGNED)
    with suppress(OSError):  # whether the kernel knows already
        connection.request("GET", "/-/healthy")
    with pytest.raises(ConnectionError):
        connection.getresponse()


def test_pipelined_requests_do_not_outlive_their_terms(site: Site, secure: Serve, connect: Connect) -> None:
    """Nor does a client that has always asked for more before its answer is complete."""
    asked = 0

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        site.load(SIGNED)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one\n"})

    server = secure(app)
    context = site.authority.client_context()
    with context.wrap_socket(connect(server), server_hostname="127.0.0.1") as encrypted:
        encrypted.sendall(REQUEST * 3)
        assert read_to_end(encrypted).count(b"HTTP/1.1 200") == 1
    assert asked == 1


@pytest.mark.parametrize(
    "begun", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00", REQUEST, b"\x16\x03\x01" + b"x" * 70_000]
)
def test_a_handshake_that_does_not_get_on(
    secure: Serve, connect: Connect, caplog: pytest.LogCaptureFixture, begun: bytes
) -> None:
    """A client that says nothing, half a greeting, plain HTTP or rubbish is cut off in time, and fills no log."""
    server = secure(request_seconds=0.3)
    connection = connect(server)
    connection.sendall(begun)
    assert not read_to_end(connection).startswith(b"HTTP/1.1 200")
    wait_until(lambda: not held(server), deadline=4, what="the server gives the connection up")
    assert not caplog.records


def test_a_handshake_byte_by_byte(site: Site, secure: Serve, connect: Connect) -> None:
    """Slow bytes do not prolong a handshake, and it delays nobody."""
    server = secure(request_seconds=0.4)
    outgoing = ssl.MemoryBIO()
    end = site.authority.client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        end.do_handshake()
    hello = outgoing.read()
    connection = connect(server)
    connection.settimeout(0.02)
    began, sent, closed = time.monotonic(), 0, False
    while not closed:
        try:
            connection.send(hello[sent : sent + 1])
            sent += 1
            closed = not connection.recv(10)
        except TimeoutError:
            assert exchange(server.port, site.authority.client_context()).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            closed = True
    assert time.monotonic() - began < 4
    assert sent < len(hello)


def test_handshakes_are_bounded(site: Site, secure: Serve, connect: Connect) -> None:
    """Connections that never finish their handshake are bounded in number, and give way to those that do."""
    server = secure()
    silent = [connect(server) for _ in range(MAX_TLS_CONNECTIONS)]
    wait_until(lambda: held(server) == MAX_TLS_CONNECTIONS, deadline=4, what="all are held")
    assert read_to_end(connect(server)) == b""

    def answered() -> bool:
        try:
            return exchange(server.port, site.authority.client_context()).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    wait_until(answered, deadline=5, what="the oldest give way")
    assert held(server) <= MAX_TLS_CONNECTIONS
    assert len(silent) == MAX_TLS_CONNECTIONS


def test_an_answer_that_is_not_taken(site: Site, secure: Serve, connect: Connect) -> None:
    """A client that never reads its encrypted answer does not hold its connection for ever."""
    server = secure(large, request_seconds=0.5, keep_alive_seconds=1)
    context = site.authority.client_context()
    with context.wrap_socket(connect(server), server_hostname="127.0.0.1") as encrypted:
        encrypted.sendall(REQUEST)
        assert encrypted.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: not held(server), deadline=4, what="the server gives the connection up")


@pytest.mark.parametrize("app", [APP, large, stuck])
def test_stop_with_encrypted_connections(site: Site, secure: Serve, connect: Connect, app: ASGIApp) -> None:
    """Handshakes, idle connections and answers under way do not hold up stop(); all are closed."""
    server = secure(app)
    silent = connect(server)
    context = site.authority.client_context()
    with context.wrap_socket(connect(server), server_hostname="127.0.0.1") as asking:
        asking.sendall(REQUEST)
        if app is not stuck:
            assert asking.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: held(server) == 2, deadline=4, what="both are held")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2
        assert threads() == []
        assert read_to_end(silent) == b""
