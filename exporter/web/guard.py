"""What the web configuration asks of every request: authentication, a limit of their number, headers.

Stands before the whole application, so that a page that is added later is guarded, too, and an address that does
not exist looks like every other to who may see none. Only `/-/healthy`, which tells nothing, is open to all. As in
Prometheus's exporter-toolkit (https://github.com/prometheus/exporter-toolkit/blob/master/web/handler.go)
the limit comes first and counts all requests.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from exporter.web.passwords import BusyError, Passwords

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from exporter.webconfig.current import Loaded
    from exporter.webconfig.schema import RateLimit, WebSettings

OPEN_PATH = "/-/healthy"

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="booking-exporter", charset="UTF-8"', "Cache-Control": "no-store"}
_POLICY = "Content-Security-Policy"


class Guard:
    """An ASGI application around another one, which lets through what the configuration in force allows.

    `current` returns that configuration; `monotonic` is a clock in seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        current: Callable[[], Loaded],
        monotonic: Callable[[], float],
        passwords: Passwords | None = None,
    ) -> None:
        """Guard `app`."""
        self._app = app
        self._current = current
        self._passwords = Passwords() if passwords is None else passwords
        self._limiter = _Limiter(monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        settings = self._current().settings
        headers = settings.headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(headers, MutableHeaders(raw=message["headers"]))
            await send(message)

        refusal = None if scope["path"] == OPEN_PATH else await self._refusal(settings, Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_with_headers)

    async def _refusal(self, settings: WebSettings, headers: Headers) -> Response | None:
        if not self._limiter.allows(settings.rate_limit):
            return PlainTextResponse("too many requests; rate_limit in the web configuration sets how many\n", 429)
        if not settings.users:
            return None
        given = _credentials(headers.getlist("authorization"))
        try:
            if given is not None and await self._passwords.check(settings.users, *given):
                return None
        except BusyError:
            return PlainTextResponse("too many passwords are being checked; try again\n", 503, {"Retry-After": "5"})
        return PlainTextResponse("user name and password are needed\n", 401, _CHALLENGE)


def _credentials(values: list[str]) -> tuple[bytes, bytes] | None:
    """Return name and password of `Authorization: Basic …` (RFC 7617); None where there are none, or several."""
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(token.strip(" ").encode("latin-1"), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


def _add(wanted: tuple[tuple[str, str], ...], headers: MutableHeaders) -> None:
    for name, value in wanted:
        if name == _POLICY:
            headers.append(name, value)  # beside the page's own: browsers obey both, so none can weaken the other
        else:
            headers[name] = value


class _Limiter:
    """A token bucket that begins full, and again whenever its configuration changes."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._limit: RateLimit | None = None
        self._tokens = 0.0
        self._time = 0.0

    def allows(self, limit: RateLimit | None) -> bool:
        if limit is None:
            self._limit = None
            return True
        now = self._monotonic()
        if limit != self._limit:
            self._limit, self._tokens = limit, float(limit.burst)
        else:
            self._tokens = min(float(limit.burst), self._tokens + (now - self._time) / limit.interval)
        self._time = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
