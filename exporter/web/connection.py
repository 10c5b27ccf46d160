"""One connection of a client, plain or encrypted, with bounds on what it can hold.

A client may hold a connection open only for as long as it asks something: TLS has to be agreed on, each
request has to be complete, and its answer taken, within the server's seconds. There are `MAX_CONNECTIONS` at
most (`MAX_TLS_CONNECTIONS` with TLS), as each takes a file descriptor that the logs may need; beyond them the one
that was served longest ago gives way to a new one, so that half-open connections cannot keep Prometheus out.
What a connection can take of memory is bounded by what is read at once, and by one answer that waits to be
taken. Of a body, which no request here needs, no more than 64 KiB is held. uvicorn's own `limit_concurrency` is not
used: it would refuse requests on connections that Prometheus has.

TLS begins here and not in asyncio's server, which would let clients that never finish their handshake take
descriptors without limit, and would hold on to the certificates of its start.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from exporter.webconfig.tls import Tls

MAX_CONNECTIONS = 600
MAX_TLS_CONNECTIONS = 100
"""Each of these takes a third of a megabyte, most of it a buffer of asyncio's."""

HEADER_BYTES = 16 * 1024
"""A request's size, since it has no body. It is also what is read at once: asyncio's 256 KiB would add up."""

_PATIENCE_SECONDS = 2.0
"""How long a connection is left alone, after it was made or served, before it has to give way."""


@dataclass(slots=True)
class Terms:
    """What holds for all connections of one server.

    `seconds` is the time for a request, `tls` returns what is to be encrypted with at present. `served` are the
    connections by the loop's time when they were made or last served, the oldest first.
    """

    seconds: float
    tls: Callable[[], Tls] | None
    served: dict[Connection, float] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """How many connections there may be."""
        return MAX_CONNECTIONS if self.tls is None else MAX_TLS_CONNECTIONS


class Connection(H11Protocol):
    """One connection, which is aborted where its client does not get on with a request.

    uvicorn itself has a timeout only between an answer and the next byte: a client that sends
    nothing, or one byte a minute, or never takes the answer, could hold its connection for ever.
    """

    terms: ClassVar[Terms]
    _deadline: asyncio.TimerHandle | None = None
    _handshake: asyncio.Task[None] | None = None
    _made_with: Tls | None = None
    _early = b""
    """What came in the same piece as the end of the handshake."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base does
        """Take the connection, or refuse it; with TLS, agree on that first."""
        self.transport = transport
        transport.max_size = HEADER_BYTES  # type: ignore[attr-defined]  # no parameter leads to it
        if len(self.terms.served) >= self.terms.most and not self._make_room():
            transport.abort()
            return
        self.terms.served[self] = self.loop.time()
        self._set_deadline()
        if self.terms.tls is None:
            self._begin(transport)
        else:
            self._handshake = self.loop.create_task(self._shake_hands(transport, self.terms.tls()))

    def _begin(self, transport: asyncio.Transport) -> None:
        """Let requests in: the connection is as safe as it is going to be."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=1)  # the next answer waits until this one is taken; 0 stops TLS for ever

    async def _shake_hands(self, transport: asyncio.Transport, tls: Tls) -> None:
        encrypted = None
        with contextlib.suppress(OSError):  # whatever the client does wrong is its own affair; ssl.SSLError is one
            encrypted = await self.loop.start_tls(
                transport,
                self,
                tls.context,
                server_side=True,
                ssl_handshake_timeout=self.terms.seconds,
                ssl_shutdown_timeout=self.terms.seconds,
            )
        self._handshake = None
        if encrypted is None or not tls.admits(encrypted.get_extra_info("peercert")):
            self._forget()
            transport.abort()
            return
        self._made_with = tls
        self._clear_deadline()
        self.transport = encrypted
        self._set_deadline()
        self._begin(encrypted)
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def _make_room(self) -> bool:
        oldest, since = next(iter(self.terms.served.items()))
        if self.loop.time() - since < _PATIENCE_SECONDS:
            return False
        del self.terms.served[oldest]
        oldest.transport.abort()
        return True

    def data_received(self, data: bytes) -> None:
        """Go on with a request."""
        if self._handshake is not None:
            self._early += data
            return
        if self._deadline is None:
            if self._is_outdated():
                self.transport.abort()
                return
            self._set_deadline()
        super().data_received(data)

    def _is_outdated(self) -> bool:
        """Tell whether this was agreed on with certificates, or a client CA, that do not hold any more."""
        return self.terms.tls is not None and self.terms.tls() is not self._made_with

    def on_response_complete(self) -> None:
        """Leave the client the time until its next request; end the connection if its length can be read in two ways.

        RFC 9112, section 6.3: what has both headers may be an attempt to hide a request in another.
        """
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in self.headers}:
            self.transport.close()
        if self._is_outdated():  # as the next request may be here already
            self.transport.close()
        if not self.transport.is_closing():  # where it is closing, the client has to take the answer in time
            self._clear_deadline()
        if self.terms.served.pop(self, None) is not None:
            self.terms.served[self] = self.loop.time()
        super().on_response_complete()
        if self._deadline is None and self._is_asked():  # no data may come any more, and uvicorn's own timer is off
            self._set_deadline()

    def _is_asked(self) -> bool:
        """Tell whether a request, or the beginning of one, was received before the answer to the one before it."""
        return not self.cycle.response_complete or bool(self.conn.trailing_data[0])

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that was idle for too long."""
        self.transport.abort()  # close() would wait for a client that does not read

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        self._clear_deadline()
        self.terms.served.pop(self, None)

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.terms.seconds, self.transport.abort)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
