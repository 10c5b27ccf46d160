"""Debian's Chromium, driven by playwright."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.packages import need_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Playwright


@contextmanager
def launch(playwright: Playwright) -> Iterator[Browser]:
    """Start a headless browser; a test that asks for it is skipped without the Debian package."""
    path = need_program("chromium", "chromium")
    # Its sandbox refuses to run as root; what it opens here are our own pages.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=path, args=arguments)
    try:
        yield browser
    finally:
        browser.close()
