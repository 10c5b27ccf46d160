"""Serves an ASGI application from a thread of its own, with bounds on what clients can hold.

A client may hold a connection open only for as long as it asks something: each request has to be
complete, and its answer taken, within `REQUEST_SECONDS`. There are `MAX_CONNECTIONS` at most, as each
takes a file descriptor that the logs may need; beyond them the one that was served longest ago gives
way to a new one, so that half-open connections cannot keep Prometheus out. What a connection can take of
memory is bounded by what is read at once, and by one answer that waits to be taken. uvicorn's own
`limit_concurrency` is not used: it would refuse requests on connections that Prometheus has.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.errors import UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MAX_CONNECTIONS = 600
REQUEST_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75
"""Longer than the usual scrape intervals, so that Prometheus can keep its connection."""

_LAST_PORT = 65535
_BACKLOG = 512
_HEADER_BYTES = 16 * 1024
"""A request's size, since it has no body. It is also what is read at once: asyncio's 256 KiB would add up."""
_SEND_BUFFER = 128 * 1024
"""What the kernel holds of answers that a client does not take; several megabytes where nothing is said."""
_PATIENCE_SECONDS = 2.0
"""How long a connection is left alone, after it was made or served, before it has to give way."""
_GRACE_SECONDS = 1
"""How long stop() lets answers be finished before it aborts their connections."""


class ListenError(UserError):
    """The address cannot be listened on; the message says which, why, and what to do."""


class Server:
    """Serves `app` on `address` (IPv4, IPv6 or a host name) and `port` (0: any free one).

    `::` listens on all addresses of both families. start() and stop() may be called once each.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: str,
        port: int,
        *,
        request_seconds: float = REQUEST_SECONDS,
        keep_alive_seconds: int = KEEP_ALIVE_SECONDS,
    ) -> None:
        """Prepare to serve; nothing is opened yet."""
        self.address = address
        self.port = port
        self._config = _configure(app, request_seconds, keep_alive_seconds)
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


def _configure(app: ASGIApp, request_seconds: float, keep_alive_seconds: int) -> uvicorn.Config:
    """Return uvicorn's configuration: everything named, as several defaults depend on the environment."""

    class Protocol(_Protocol):
        seconds = request_seconds
        served = {}  # noqa: RUF012  (one for each server: its protocol is a class of its own)

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
        h11_max_incomplete_event_size=_HEADER_BYTES,
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
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)  # lets the transports close before the loop does


class _Protocol(H11Protocol):
    """One connection, which is aborted where its client does not get on with a request.

    uvicorn itself has a timeout only between an answer and the next byte: a client that sends
    nothing, or one byte a minute, or never takes the answer, could hold its connection for ever.
    """

    seconds: float
    served: ClassVar[dict[_Protocol, float]]
    """All connections of the server, by the loop's time when they were made or last served, the oldest first."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base does
        super().connection_made(transport)
        transport.max_size = _HEADER_BYTES  # type: ignore[attr-defined]  # no parameter leads to it
        transport.set_write_buffer_limits(high=0)  # the next answer waits until this one is taken
        if len(self.served) >= MAX_CONNECTIONS and not self._make_room():
            transport.abort()
            return
        self.served[self] = self.loop.time()
        self._set_deadline()

    def _make_room(self) -> bool:
        oldest, since = next(iter(self.served.items()))
        if self.loop.time() - since < _PATIENCE_SECONDS:
            return False
        del self.served[oldest]
        oldest.transport.abort()
        return True

    def data_received(self, data: bytes) -> None:
        if self._deadline is None:
            self._set_deadline()
        super().data_received(data)

    def on_response_complete(self) -> None:
        if not self.transport.is_closing():  # where it is closing, the client has to take the answer in time
            self._clear_deadline()
        if self.served.pop(self, None) is not None:
            self.served[self] = self.loop.time()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # close() would wait for a client that does not read

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self.served.pop(self, None)
        super().connection_lost(exc)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.seconds, self.transport.abort)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


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
