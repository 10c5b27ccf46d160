"""Serves an ASGI application from a thread of its own; what its clients can hold is bounded in `connection`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from exporter.errors import UserError
from exporter.web.connection import HEADER_BYTES, Connection, Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from exporter.webconfig.tls import Tls

REQUEST_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75
"""Longer than the usual scrape intervals, so that Prometheus can keep its connection."""

_LAST_PORT = 65535
_BACKLOG = 512
_SEND_BUFFER = 128 * 1024
"""What the kernel holds of answers that a client does not take; several megabytes where nothing is said."""
_GRACE_SECONDS = 1
"""How long stop() lets answers be finished before it aborts their connections."""


class ListenError(UserError):
    """The address cannot be listened on; the message says which, why, and what to do."""


class Server:
    """Serves `app` on `address` (IPv4, IPv6 or a host name) and `port` (0: any free one).

    `::` listens on all addresses of both families. `tls` is asked, for every connection and request, what is to be
    encrypted with; None serves plain HTTP. start() and stop() may be called once each.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: str,
        port: int,
        *,
        tls: Callable[[], Tls] | None = None,
        request_seconds: float = REQUEST_SECONDS,
        keep_alive_seconds: int = KEEP_ALIVE_SECONDS,
    ) -> None:
        """Prepare to serve; nothing is opened yet."""
        self.address = address
        self.port = port
        self._config = _configure(app, tls, request_seconds, keep_alive_seconds)
        self._uvicorn: _Uvicorn | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, and serve from a daemon thread; `port` is then the port in use.

        Raises ListenError if the address cannot be listened on.
        """
        listener = _listen(self.address, self.port)
        self.port = listener.getsockname()[1]
        self._uvicorn = _Uvicorn(self._config)
        self._thread = threading.Thread(target=self._uvicorn.run, args=([listener],), name="http", daemon=True)
        self._thread.start()
        self._uvicorn.serving.wait()

    def stop(self, timeout: float = 2.0) -> None:
        """Stop listening, finish answers begun, close all connections; returns after `timeout` seconds at most."""
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.request_stop()
            self._thread.join(timeout)


def _configure(
    app: ASGIApp, current: Callable[[], Tls] | None, request_seconds: float, keep_alive_seconds: int
) -> uvicorn.Config:
    """Return uvicorn's configuration: everything named, as several defaults depend on the environment."""

    class Protocol(Connection):
        terms = Terms(request_seconds, current)

    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        workers=1,
        log_config=None,
        log_level=logging.CRITICAL,  # its lines tell of clients' faults: any client could fill our log
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, which another thread can stop, and which wakes once a second instead of ten times."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def request_stop(self) -> None:
        """Ask the serving thread to end; for any thread, also after it has ended."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._stopping.set)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.serving.set()  # start() must not wait for a thread that has failed

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            await self.on_tick(0)  # sets the Date header
            self.serving.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().shutdown(sockets)
        finally:
            for connection in (*self.server_state.connections, *self._shaking_hands()):
                connection.transport.abort()
            await asyncio.sleep(0)  # lets the transports close before the loop does

    def _shaking_hands(self) -> tuple[Connection, ...]:
        """Return connections that uvicorn does not know yet."""
        return tuple(cast("type[Connection]", self.config.http_protocol_class).terms.served)


def _listen(address: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise ListenError(explain(OverflowError(), address, port))
    try:
        # The port is put in afterwards, as getaddrinfo takes any number and uses its lowest 16 bits.
        family, *_, (host, _, *scope) = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        target: Any = (host, port, *scope)
        listener = socket.create_server(target, family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:
        raise ListenError(explain(error, address, port)) from error
    # Connections inherit this; asyncio does not set it on them. Without it the body, written after the
    # headers, waits for the client's delayed acknowledgement: 40 ms per scrape.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    return listener


def explain(error: Exception, address: str, port: int) -> str:
    """Return the message for the user: where listening failed with `error`, why, and the remedy.

    >>> explain(OverflowError(), "::1", 99999)
    'cannot listen on [::1]:99999: ports go from 0 to 65535; choose another with --listen'
    """
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if isinstance(error, socket.gaierror | UnicodeError):
        reason = "no such address is known; give an IP address of this machine, such as 127.0.0.1, with --listen"
    elif isinstance(error, OverflowError):
        reason = "ports go from 0 to 65535; choose another with --listen"
    else:
        reason = _reason(error)
    return f"cannot listen on {place}: {reason}"


def _reason(error: Exception) -> str:
    code: Any = getattr(error, "errno", None)
    match code:
        case errno.EADDRINUSE:
            return "another process listens there; stop it (`ss -ltnp` names it) or choose another port with --listen"
        case errno.EACCES | errno.EPERM:
            return "this needs privileges (ports below 1024 do); choose a higher port with --listen"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address; give one that `ip address` shows with --listen"
        case _:
            return f"{getattr(error, 'strerror', None) or error}; choose another address or port with --listen"
