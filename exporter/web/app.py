"""The addresses of the daemon: `/metrics`, `/-/healthy`, `/-/ready` and the status page at `/`.

Handlers only read the latest snapshot: no request starts or awaits work of the daemon's loop, so
they run in the event loop itself and need no thread of their own.
"""

from __future__ import annotations

from pathlib import PurePath
from traceback import extract_tb
from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from exporter.web.health import not_ready
from exporter.web.page import StatusPage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from logging import Logger

    from starlette.requests import Request
    from starlette.types import ExceptionHandler

    from exporter.web.exposition import Exposition

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def create_app(exposition: Exposition, logger: Logger) -> Starlette:
    """Return the ASGI application that serves `exposition`; `logger` hears of a scrape or page that fails."""
    pages = _Pages(exposition, logger)
    app = Starlette(
        routes=[
            Route("/", pages.status),
            Route("/metrics", pages.metrics),
            Route("/-/healthy", pages.healthy),
            Route("/-/ready", pages.ready),
        ],
        exception_handlers={HTTPException: cast("ExceptionHandler", _refused)},
    )
    app.router.redirect_slashes = False  # its redirects repeat the request's Host header
    return app


class _Pages:
    def __init__(self, exposition: Exposition, logger: Logger) -> None:
        self._exposition = exposition
        self._page = StatusPage(exposition)
        self._logger = logger
        self._failing: set[str] = set()

    async def status(self, _: Request) -> Response:
        try:
            body = await self._page.body()
        except Exception as error:  # noqa: BLE001 - whatever fails, /metrics must not suffer and the reason be told
            self._report("status page", error)
            return _text(500, "the status page failed; the exporter's log names the place")
        self._failing.discard("status page")
        return Response(body, media_type="text/html", headers=_HEADERS | self._page.headers)

    async def healthy(self, _: Request) -> Response:
        return _text(200, "healthy")

    async def ready(self, _: Request) -> Response:
        moment = self._exposition.collector.moment()
        reason = not_ready(moment.snapshot, moment.health)
        return _text(200, "ready") if reason is None else _text(503, f"not ready: {reason}")

    async def metrics(self, request: Request) -> Response:
        accept, encoding = (",".join(request.headers.getlist(name)) for name in ("accept", "accept-encoding"))
        try:
            rendered = self._exposition.render(accept, encoding)
        except Exception as error:  # noqa: BLE001 - whatever fails, Prometheus must see 500 and no half of a scrape
            self._report("exposition", error)
            return _text(500, "the exposition failed; the exporter's log names the place")
        self._failing.discard("exposition")
        return Response(rendered.body, headers=_HEADERS | rendered.headers)

    def _report(self, what: str, error: Exception) -> None:
        """Log the first of a row of failures: by type and place, as an exception's text may quote anything."""
        if what not in self._failing:
            self._failing.add(what)
            place = extract_tb(error.__traceback__)[-1]
            file = PurePath(place.filename).name
            self._logger.error("the %s fails: %s in %s line %s", what, type(error).__name__, file, place.lineno)


async def _refused(_: Request, error: HTTPException) -> Response:
    """Answer a wrong address (404) or method (405) in one line of plain text."""
    return _text(error.status_code, error.detail, error.headers or {})


def _text(status: int, line: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(f"{line}\n", status, _HEADERS | dict(headers or {}), media_type="text/plain")
