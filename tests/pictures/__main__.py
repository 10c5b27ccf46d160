"""The README's two pictures: `python -m tests.pictures [FOLDER]`, or `make pictures`, which writes them to docs/.

The status page is a screenshot in headless Chromium of the real page of a real daemon that lived through a day of
the simulated app. The dashboard is drawn by tests/pictures/dashboard.py from what a real Prometheus with such a day
answers to the queries of the shipped JSON. Needs chromium and prometheus, and a minute.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from exporter.web.app import create_app
from exporter.web.server import Server
from tests.pictures.dashboard import BOARD, draw
from tests.support.browser import launch
from tests.support.dashboards import load
from tests.support.pages import busy
from tests.support.stretch import Stretch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

DESK: ViewportSize = {"width": 1100, "height": 955}
"""The first screen of the page, down to the timeline."""


def status_page(browser: Browser, folder: Path, target: Path) -> None:
    """Write a screenshot of the first screen of the status page on a busy day."""
    with busy(folder) as scene:
        server = Server(create_app(scene.exposition, logging.getLogger("pictures")), "127.0.0.1", 0)
        server.start()
        page = browser.new_page(viewport=DESK, color_scheme="light")
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.screenshot(path=target)
        server.stop()


def dashboard(browser: Browser, folder: Path, target: Path) -> None:
    """Write a picture of what the main dashboard's first rows show."""
    with Stretch(folder) as prometheus:
        canvas = draw(prometheus, load()[BOARD])
    page = browser.new_page(viewport={"width": int(canvas.width), "height": int(canvas.height)})
    page.set_content(f'<body style="margin:0">{canvas.svg()}</body>')
    page.screenshot(path=target)


def main() -> None:
    """Write both pictures."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, launch(playwright) as browser, tempfile.TemporaryDirectory() as name:
        status_page(browser, Path(name) / "page", target / "status-page.png")
        dashboard(browser, Path(name) / "prometheus", target / "dashboard.png")


if __name__ == "__main__":
    main()
