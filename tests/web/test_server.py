"""exporter.web.server: listening, stopping, and clients that misbehave."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from exporter.web.app import create_app
from exporter.web.collector import View
from exporter.web.connection import MAX_CONNECTIONS
from exporter.web.exposition import Exposition
from exporter.web.server import ListenError, Server, explain
from tests.support.scrape import fetch
from tests.support.snapshots import make_collector, make_health, make_snapshot
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPConnection

    from starlette.types import Receive, Scope, Send

    Serve = Callable[..., Server]
    Connect = Callable[[Server], socket.socket]
    Client = Callable[[Server], HTTPConnection]

APP = create_app(Exposition(make_collector(View(make_snapshot(), make_health()))), logging.getLogger("test"))
REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
HUGE = bytes(64 * 1024 * 1024)


async def huge(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with more than the kernel's buffers hold."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": HUGE})


async def stuck(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def status(server: Server, path: str = "/-/healthy") -> int:
    return fetch(f"http://{server.address}:{server.port}{path}")[0]


def stop_seconds(server: Server) -> float:
    began = time.monotonic()
    server.stop()
    return time.monotonic() - began


def read_to_end(connection: socket.socket) -> bytes:
    """Read until the server closes or aborts the connection; TimeoutError after the socket's time."""
    received = b""
    try:
        while block := connection.recv(1 << 20):
            received += block[:4096]
    except ConnectionResetError:
        pass
    return received


def connections(server: Server) -> int:
    """Tell how many connections the server holds; that of a client that does not read shows nowhere else."""
    running = server._uvicorn
    assert running is not None
    return len(running.server_state.connections)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "http"]


def test_a_free_port_is_chosen_and_told(serve: Serve) -> None:
    """Port 0 listens on a free port, which `port` then names."""
    server = serve(APP)

    assert server.port > 0
    assert status(server) == 200


@pytest.mark.parametrize("address", ["::1", "::"])
def test_ipv6(serve: Serve, address: str) -> None:
    """IPv6 addresses can be listened on."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = serve(APP, address)

    assert fetch(f"http://[::1]:{server.port}/-/healthy")[0] == 200


def test_the_ipv6_wildcard_serves_ipv4_too(serve: Serve) -> None:
    """`::` means all addresses of both families."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no dual-stack sockets")
    server = serve(APP, "::")

    assert fetch(f"http://127.0.0.1:{server.port}/-/healthy")[0] == 200


def test_a_port_in_use(serve: Serve) -> None:
    """A second server on a port is refused with address, port and remedy, and nothing is left running."""
    first = serve(APP)
    second = Server(APP, "127.0.0.1", first.port)

    with pytest.raises(ListenError) as raised:
        second.start()
    second.stop()

    assert str(raised.value) == (
        f"cannot listen on 127.0.0.1:{first.port}: another process listens there; "
        "stop it (`ss -ltnp` names it) or choose another port with --listen"
    )
    assert threads() == ["http"]


@pytest.mark.parametrize(
    ("address", "port", "message"),
    [
        ("192.0.2.1", 0, "cannot listen on 192.0.2.1:0: this machine does not have that address; "),
        ("a..b", 0, "cannot listen on a..b:0: no such address is known; "),
        ("127.0.0.1", 70000, "cannot listen on 127.0.0.1:70000: ports go from 0 to 65535; "),
    ],
)
def test_an_address_that_cannot_be_used(address: str, port: int, message: str) -> None:
    """A wrong address or port is one line with the remedy."""
    with pytest.raises(ListenError) as raised:
        Server(APP, address, port).start()

    assert str(raised.value).startswith(message)
    assert str(raised.value).endswith("with --listen")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EACCES, "denied"), "this needs privileges (ports below 1024 do); choose a higher port"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files; choose another address or port"),
        (socket.gaierror(-2, "unknown"), "no such address is known; give an IP address of this machine"),
    ],
)
def test_other_reasons(error: Exception, reason: str) -> None:
    """Each reason has its remedy; an IPv6 address stands in brackets."""
    assert explain(error, "::1", 80).startswith(f"cannot listen on [::1]:80: {reason}")


def test_half_open_clients_stop_nobody(serve: Serve, connect: Connect) -> None:
    """50 connections that say nothing, and one that goes byte by byte, do not delay a scrape."""
    server = serve(APP)
    silent = [connect(server) for _ in range(50)]
    slow = connect(server)
    took = []

    for byte in REQUEST:
        slow.send(bytes([byte]))
        began = time.monotonic()
        assert status(server, "/metrics") == 200
        took.append(time.monotonic() - began)

    assert slow.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert len(silent) == 50
    assert sorted(took)[len(took) // 2] < 0.1


def test_many_scrapes_at_once(serve: Serve) -> None:
    """200 scrapes in parallel all succeed."""
    server = serve(APP)
    began = threading.Barrier(200)

    def scrape(_: int) -> int:
        began.wait(20)
        return fetch(f"http://127.0.0.1:{server.port}/metrics", timeout=20)[0]

    with ThreadPoolExecutor(200) as pool:
        statuses = list(pool.map(scrape, range(200)))

    assert statuses == [200] * 200


@pytest.mark.parametrize("begun", [b"", b"GET /metr", REQUEST + b"GET /metr"])
def test_a_request_that_does_not_get_on(serve: Serve, connect: Connect, begun: bytes) -> None:
    """A client that does not finish its request within the time is cut off."""
    server = serve(APP, request_seconds=0.2, keep_alive_seconds=1)
    connection = connect(server)
    connection.send(begun)

    answers = read_to_end(connection)

    assert answers.count(b"HTTP/1.1 200 OK") == begun.count(REQUEST)
    assert status(server) == 200


def test_slow_bytes_do_not_prolong_a_request(serve: Serve, connect: Connect) -> None:
    """The time counts for the whole request, not from byte to byte, also on a connection used before."""
    server = serve(APP, request_seconds=0.3)
    connection = connect(server)
    connection.sendall(REQUEST)
    assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
    connection.settimeout(0.05)
    sent, closed = 0, False

    while not closed:
        try:
            connection.send(b"G")
            sent += 1
            closed = not connection.recv(10)
        except TimeoutError:
            pass
        except ConnectionError:
            closed = True

    assert 2 <= sent <= 12


@pytest.mark.parametrize("request_head", [b"", b"Connection: close\r\n"])
def test_an_answer_that_is_not_taken(serve: Serve, connect: Connect, request_head: bytes) -> None:
    """A client that never reads its answer does not hold its connection for ever."""
    server = serve(huge, request_seconds=0.2, keep_alive_seconds=1)
    connection = connect(server)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + request_head + b"\r\n")
    assert connection.recv(12) == b"HTTP/1.1 200"
    assert connections(server) == 1

    wait_until(lambda: not connections(server), deadline=4, what="the server gives the connection up")


@pytest.mark.parametrize("rest", [REQUEST, REQUEST * 49, b"GET / HT"])
def test_answers_to_pipelined_requests_that_are_not_taken(serve: Serve, connect: Connect, rest: bytes) -> None:
    """A client that asked for more before it took an answer does not hold its connection for ever either."""
    server = serve(huge, request_seconds=0.3, keep_alive_seconds=1)
    connection = connect(server)
    connection.sendall(REQUEST + rest)
    assert connection.recv(12) == b"HTTP/1.1 200"

    wait_until(lambda: not connections(server), deadline=4, what="the server gives the connection up")


def test_pipelined_requests_are_answered(serve: Serve, connect: Connect) -> None:
    """Requests sent at once are answered one after the other, each in a time of its own."""
    server = serve(APP, request_seconds=0.2)
    connection = connect(server)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        connection.sendall(REQUEST * 20)
        answers = b""
        while answers.count(b"healthy\n") < 20:
            block = connection.recv(1 << 16)
            assert block
            answers += block


def test_a_connection_serves_many_requests(serve: Serve, client: Client) -> None:
    """Prometheus can keep its connection: time between requests does not count as time of a request."""
    server = serve(APP, request_seconds=0.2)
    connection = client(server)
    ports = set()
    end = time.monotonic() + 0.5

    while time.monotonic() < end:
        connection.request("GET", "/-/healthy")
        assert connection.getresponse().read() == b"healthy\n"
        ports.add(connection.sock.getsockname()[1])

    assert len(ports) == 1


def test_a_kept_connection_is_answered_at_once(serve: Serve, client: Client) -> None:
    """No answer waits for the 40 ms after which a client acknowledges the headers."""
    connection = client(serve(APP))
    took = []

    for _ in range(21):
        began = time.monotonic()
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        took.append(time.monotonic() - began)

    assert sorted(took)[10] < 0.03


def test_connections_are_bounded(serve: Serve, connect: Connect, client: Client) -> None:
    """Beyond the bound a new connection is closed at once, and those that exist go on."""
    server = serve(APP)
    old = client(server)
    old.request("GET", "/-/healthy")
    assert old.getresponse().read() == b"healthy\n"
    kept = [connect(server) for _ in range(MAX_CONNECTIONS - 1)]

    assert read_to_end(connect(server)) == b""
    old.request("GET", "/-/healthy")
    assert old.getresponse().read() == b"healthy\n"
    kept.pop().close()
    wait_until(lambda: connections(server) < MAX_CONNECTIONS, deadline=4, what="room for another connection")
    assert status(server) == 200


@pytest.mark.parametrize(
    "request_", [b"\x16\x03\x01\x00\xa5\x01\x00\n\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000]
)
def test_what_is_no_http(serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture, request_: bytes) -> None:
    """TLS on the plain port or endless headers are refused, tell nothing to the log, and leave the server well."""
    server = serve(APP)
    connection = connect(server)
    connection.sendall(request_)

    answer = read_to_end(connection)

    assert answer.startswith(b"HTTP/1.1 400") or not answer
    assert status(server) == 200
    assert not caplog.records


def test_stop_frees_the_port(serve: Serve) -> None:
    """After stop() nobody is served, the port can be taken again at once, and the thread has ended."""
    server = serve(APP)
    assert status(server) == 200

    took = stop_seconds(server)

    with pytest.raises(OSError, match="refused"):
        status(server)
    again = Server(APP, "127.0.0.1", server.port)
    again.start()
    try:
        assert status(again) == 200
    finally:
        again.stop()
    assert took < 1
    assert threads() == []


def test_stop_with_open_connections(serve: Serve, connect: Connect, client: Client) -> None:
    """Half-open, half-asked and idle connections do not hold up stop(); all are closed."""
    server = serve(APP)
    silent, asking = connect(server), connect(server)
    asking.sendall(REQUEST[:10])
    idle = client(server)
    idle.request("GET", "/-/healthy")
    assert idle.getresponse().read() == b"healthy\n"

    took = stop_seconds(server)

    assert took < 2
    assert threads() == []
    assert [read_to_end(one) for one in (silent, asking, idle.sock)] == [b"", b"", b""]


@pytest.mark.parametrize("app", [huge, stuck])
def test_stop_with_answers_under_way(serve: Serve, connect: Connect, app: Callable[..., object]) -> None:
    """A client that does not read, or an answer that does not come, cannot hold up stop() beyond 2 seconds."""
    server = serve(app)
    connection = connect(server)
    connection.sendall(REQUEST)
    if app is huge:
        assert connection.recv(12) == b"HTTP/1.1 200"

    took = stop_seconds(server)

    assert took < 2
    assert threads() == []


def test_stop_without_start_and_twice(serve: Serve) -> None:
    """stop() is harmless before start() and after stop()."""
    Server(APP, "127.0.0.1", 0).stop()
    server = serve(APP)
    server.stop()

    assert stop_seconds(server) < 1
