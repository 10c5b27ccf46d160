"""What an attacker tries on the running daemon: through files beside the log, at its port, in its memory."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = "[2025-10-06 18:22:12] production.INFO: hello \n"
SECRET = "hunter2-the-database-password"  # noqa: S105  (made up)


@pytest.fixture
def daemon(tmp_path: Path, logs: Path) -> Iterator[Daemon]:
    """Return a daemon that follows `laravel*.log`, of which one file is there."""
    (logs / "laravel.log").write_text(RECORD)
    with Daemon(tmp_path / "daemon", "--log", f"{logs}/laravel*.log") as one:
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Return a daemon for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "laravel.log").write_text(RECORD)
    with Daemon(folder / "daemon", "--log", f"{folder}/laravel*.log") as one:
        yield one


def ask(port: int, request: bytes) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        try:
            while block := connection.recv(1 << 16):
                received += block
        except (ConnectionResetError, TimeoutError):
            pass
    return received


def test_what_somebody_lays_beside_the_log(daemon: Daemon, tmp_path: Path, logs: Path) -> None:
    """Links to secrets, to the state, in circles, pipes and devices stop nothing, and nothing of a secret is told."""
    secret = tmp_path / "secret"
    secret.write_text(f"mysql://exporter:{SECRET}@127.0.0.1/app\n")
    os.mkfifo(logs / "laravel-pipe.log")
    for name, target in (
        ("secret", secret),
        ("state", daemon.state),
        ("circle", logs / "laravel-circle.log"),
        ("nowhere", tmp_path / "nothing"),
        ("zero", Path("/dev/zero")),
        ("terminal", Path("/dev/tty")),
        ("memory", Path("/proc/self/mem")),
        ("environment", Path("/proc/self/environ")),
        ("folder", tmp_path),
    ):
        (logs / f"laravel-{name}.log").symlink_to(target)
    (logs / "laravel-hard.log").hardlink_to(secret)
    before = daemon.scrape()
    daemon.wait_for(
        lambda now: (
            now['booking_exporter_read_errors_total{cause="not_a_file",log="app"}']
            > before['booking_exporter_read_errors_total{cause="not_a_file",log="app"}']
        ),
        "the folder was looked at",
    )
    with (logs / "laravel.log").open("a") as log:
        log.write(RECORD * 3)
    name = 'api_gateway_log_records_total{level="info"}'
    daemon.wait_for(lambda now: now[name] == 4, "the log is followed all the while")

    state = b"".join(path.read_bytes() for path in daemon.state.parent.iterdir() if path.is_file())
    assert SECRET.encode() not in state
    assert SECRET not in daemon.stderr
    assert SECRET not in ask(daemon.port, b"GET /metrics HTTP/1.0\r\n\r\n").decode()


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 405}),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", {400, 501}),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\nHost: x\nX: a\rb\n\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", {400}),
        (b"GET /\r\nX HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    ],
)
def test_smuggled_requests(shared: Daemon, request_: bytes, statuses: set[int]) -> None:
    """What two servers could read in two ways is refused, and the connection ends: no second request hides in it."""
    hidden = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = ask(shared.port, request_ + hidden)
    assert int(answer.split()[1]) in statuses, answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"healthy\n" not in answer


@pytest.mark.parametrize(
    "path", ["/<script>alert(1)</script>", "/%0d%0aSet-Cookie:%20a=b", "/..%2f..%2fetc/passwd", "//evil.example"]
)
def test_error_pages_repeat_nothing(shared: Daemon, path: str) -> None:
    """An address that does not exist gets one line of plain text that holds nothing of the request."""
    request = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    answer = ask(shared.port, request.encode()).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 404 ")
    assert body == "Not Found\n"
    for trace in ("script", "Set-Cookie", "passwd", "evil", "uvicorn", "python", "location"):
        assert trace.lower() not in head.lower(), head


def test_bodies_are_not_kept(shared: Daemon) -> None:
    """A body of endless length takes neither memory nor a connection for long."""
    before = shared.scrape()["process_resident_memory_bytes"]
    with socket.create_connection(("127.0.0.1", shared.port), timeout=15) as connection:
        connection.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n")
        sent = 0
        connection.settimeout(1)
        try:
            while sent < 1 << 28:
                sent += connection.send(bytes(1 << 20))
        except OSError:
            pass
    after = shared.scrape()["process_resident_memory_bytes"]
    assert after - before < 8e6


def test_no_image_of_the_memory_is_left(shared: Daemon) -> None:
    """A crash writes no core file, in which records, passwords and keys would stand."""
    limits = Path(f"/proc/{shared.pid}/limits").read_text()
    found = re.search(r"^Max core file size +(\d+)", limits, re.MULTILINE)
    assert found
    assert found.group(1) == "0"


def test_nothing_listens_but_on_this_machine(shared: Daemon) -> None:
    """Unless told otherwise the port is bound to the loopback address."""
    addresses = {socket.gethostbyname(socket.gethostname()), _outer_address()} - {"127.0.0.1", "127.0.1.1", ""}
    for address in addresses:
        with pytest.raises(OSError), socket.create_connection((address, shared.port), timeout=2):  # noqa: PT011
            pass
    wait_until(lambda: ask(shared.port, b"GET /-/healthy HTTP/1.0\r\n\r\n"), deadline=5, what="it serves this machine")


def _outer_address() -> str:
    """Return the address that this machine would use towards others, "" without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
