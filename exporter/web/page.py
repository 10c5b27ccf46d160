"""The status page as bytes: the view of `exporter.web.status` in a template, and the headers that bind the browser.

The page needs no script and nothing from elsewhere, and its policy allows neither; the one style sheet is named by
its hash. It is drawn in a thread beside the server's loop and at most once in `FRESH_SECONDS`, whoever asks how
often: a scrape never waits for it.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from exporter.web.status import status
from exporter.web.timeline import HEIGHT

if TYPE_CHECKING:
    from exporter.web.collector import SnapshotCollector
    from exporter.web.exposition import Exposition

FRESH_SECONDS: Final = 1.0
_ICONS: Final = {
    "ok": "M6.5 12.5l3.8 3.8 7.2-8",
    "notice": "M12 11v6M12 7v.01",
    "warning": "M12 6.5v7M12 17.4v.01",
    "critical": "M8 8l8 8M16 8l-8 8",
}


def _read(name: str) -> str:
    return files("exporter.web").joinpath(name).read_text("utf-8")


class StatusPage:
    """Draws what `exposition` shows at the moment. `draw` may run in any thread, `body` in the server's loop."""

    def __init__(self, exposition: Exposition) -> None:
        """Compile the template. The page tells the present as the time since when it is served."""
        self._exposition = exposition
        self._started = exposition.collector.moment().now
        self._style = _read("status.css")
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._template = environment.from_string(_read("status.html"))
        self._drawing = asyncio.Lock()
        self._drawn: tuple[float, bytes] | None = None
        self.headers: Final = {"Content-Security-Policy": self._policy(), "Referrer-Policy": "no-referrer"}

    async def body(self) -> bytes:
        """Return the page, at most `FRESH_SECONDS` old. Whatever drawing raises is passed on."""
        async with self._drawing:
            collector = self._exposition.collector
            now = collector.moment().now
            if self._drawn is None or not 0 <= now - self._drawn[0] < FRESH_SECONDS:
                self._drawn = now, await asyncio.to_thread(self.draw, collector)
            return self._drawn[1]

    def draw(self, collector: SnapshotCollector) -> bytes:
        """Return the page of what `collector` shows now."""
        page = status(collector.moment(), collector.catalogue, self._started)
        text = self._template.render(
            page=page,
            icons=_ICONS,
            height=HEIGHT,
            style=Markup(self._style),  # noqa: S704  (our own file, as it is hashed)
        )
        return text.encode()

    def _policy(self) -> str:
        """Return the Content-Security-Policy (https://www.w3.org/TR/CSP3/): this style, and nothing else.

        An empty icon is named by a data: address, so that browsers do not ask for /favicon.ico.
        """
        digest = b64encode(sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
