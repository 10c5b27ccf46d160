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

from exporter.web.status import status
from exporter.web.timeline import HEIGHT

if TYPE_CHECKING:
    from jinja2 import Template

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


def _compile(style: str) -> Template:
    """Return the template, which needs a `page`. Whoever never looks at it does without its three megabytes."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  # see above
    from markupsafe import Markup  # noqa: PLC0415  # see above

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    trusted = Markup(style)  # noqa: S704  # our own file, as it is hashed
    return environment.from_string(_read("status.html"), {"icons": _ICONS, "height": HEIGHT, "style": trusted})


class StatusPage:
    """Draws what `exposition` shows at the moment. `body` is for the server's loop, `draw` for one thread at a time."""

    def __init__(self, exposition: Exposition) -> None:
        """Prepare to draw. The page tells the present as the time since when it is served."""
        self._exposition = exposition
        self._started = exposition.collector.moment().now
        self._style = _read("status.css")
        self._template: Template | None = None
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
        if self._template is None:
            self._template = _compile(self._style)
        page = status(collector.moment(), collector.catalogue, self._started)
        return self._template.render(page=page).encode()

    def _policy(self) -> str:
        """Return the Content-Security-Policy (https://www.w3.org/TR/CSP3/): this style, and nothing else.

        An empty icon is named by a data: address, so that browsers do not ask for /favicon.ico.
        """
        digest = b64encode(sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
