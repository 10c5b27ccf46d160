"""The status page in a real browser (headless Chromium): on a desk and on a phone, by day and by night."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from exporter.web.app import create_app
from exporter.web.server import Server
from tests.support.browser import launch
from tests.support.pages import SCENES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from tests.support.pages import Scene

WIDTHS = {"desk": 1280, "phone": 390}
LEAST_CONTRAST = 4.5
"""WCAG 2.2, criterion 1.4.3 (level AA): of text against what is behind it."""

CONTRASTS = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = numbers(getComputedStyle(one).backgroundColor);
      if (color.length === 3) return color;
      if (color[3] !== 0) throw new Error('a background that lets others through');
    }
    throw new Error('no background');
  };
  const found = {};
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (!own || element.tagName === 'title' || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const color = numbers(element.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [bright, dark] = [light(color), light(behind(element))].sort((a, b) => b - a);
    found[`${element.tagName}.${element.className.baseVal ?? element.className}`] = (bright + 0.05) / (dark + 0.05);
  }
  return found;
}"""
"""Contrast of each kind of text that is shown, as WCAG computes it (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""

OUTSIDE = """() => [...document.body.querySelectorAll('*')]
  .filter((one) => one.checkVisibility() && !one.closest('thead'))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.right > window.innerWidth + 0.5 || box.left < -0.5))
  .map(([one]) => one.outerHTML.slice(0, 80))"""

CUT = """() => [...document.body.querySelectorAll('p, dt, dd, td, th, h1, h2, h3, li')]
  .filter((one) => one.checkVisibility() && !one.closest('thead') && one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 80))"""

BARS = """() => [...document.querySelectorAll('.bar')].map((bar) => {
  const [own, plot] = [bar.getBoundingClientRect(), bar.ownerSVGElement.getBoundingClientRect()];
  return own.width >= 1 && own.height >= 1 && own.left >= plot.left - 1 && own.right <= plot.right + 1
    && own.top >= plot.top - 1 && own.bottom <= plot.bottom + 1;
})"""


@dataclass
class Visit:
    """A page that was opened, and what the browser did and said meanwhile."""

    page: Page
    url: str
    requested: list[str]
    said: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return one browser for all tests; they are skipped without Chromium."""
    with sync_playwright() as playwright, launch(playwright) as one:
        yield one


@pytest.fixture(scope="module")
def address(scenes: Callable[[str], Scene]) -> Iterator[Callable[[str], str]]:
    """Serve scenes and return where."""
    served: dict[str, Server] = {}

    def serve(name: str) -> str:
        if name not in served:
            served[name] = Server(create_app(scenes(name).exposition, logging.getLogger("test")), "127.0.0.1", 0)
            served[name].start()
        return f"http://127.0.0.1:{served[name].port}/"

    yield serve
    for server in served.values():
        server.stop()


@pytest.fixture
def visit(browser: Browser, address: Callable[[str], str]) -> Iterator[Callable[..., Visit]]:
    """Open the page of a scene in a fresh context of the browser."""
    contexts = []

    def go(scene: str, width: int = 1280, **options: Any) -> Visit:  # noqa: ANN401 - those of playwright
        context = browser.new_context(viewport={"width": width, "height": 844}, **options)
        contexts.append(context)
        seen = Visit(context.new_page(), address(scene), [], [])
        seen.page.on("request", lambda request: seen.requested.append(request.url))
        seen.page.on("console", lambda message: seen.said.append(message.text))
        seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
        seen.page.goto(seen.url)
        return seen

    yield go
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scene", SCENES)
def test_seen(visit: Callable[..., Visit], scene: str, width: str, scheme: str) -> None:
    """It asks for nothing but itself, breaks no policy, fits the window, and every text stands out enough."""
    seen = visit(scene, WIDTHS[width], color_scheme=scheme)
    assert (seen.requested, seen.said) == ([seen.url], [])
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    assert (seen.page.evaluate(OUTSIDE), seen.page.evaluate(CUT)) == ([], [])
    seen.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert (seen.page.evaluate(OUTSIDE), seen.page.evaluate(CUT)) == ([], [])
    contrasts = seen.page.evaluate(CONTRASTS)
    assert len(contrasts) > 10
    assert {name: ratio for name, ratio in contrasts.items() if ratio < LEAST_CONTRAST} == {}
    assert (
        seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        in {
            "light": ["rgb(246, 247, 249)"],
            "dark": ["rgb(18, 22, 28)"],
        }[scheme]
    )


def test_drawn(visit: Callable[..., Visit]) -> None:
    """Each column that is not empty can be seen, inside its lane."""
    bars = visit("busy", 390).page.evaluate(BARS)
    assert len(bars) > 30
    assert all(bars)


@pytest.mark.parametrize(("width", "size"), [(320, "100%"), (640, "100%"), (1280, "200%")])
def test_enlarged(visit: Callable[..., Visit], width: int, size: str) -> None:
    """Enlarged to 200 % and 400 %, or with text of twice the size, nothing has to be scrolled sideways."""
    seen = visit("busy", width)
    seen.page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", size)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_heard(visit: Callable[..., Visit], width: str) -> None:
    """A screen reader is told headings, pictures in words, and tables as tables, also where a phone stacks them."""
    page = visit("broken", WIDTHS[width]).page
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["Logs app and calcom cannot be read."]
    assert page.get_by_role("img", name="Layer 1: none").count() == 1
    assert spoken_below(page, "table", "Logs") == {"row": 3, "rowheader": 2, "columnheader": 7, "cell": 12}
    assert page.get_by_role("list", name="Other things to look at").get_by_role("listitem").count() == 2


def spoken_below(page: Page, role: str, name: str) -> dict[str, int]:
    """Return how often each role of a table stands below the node of a role and name, in Chromium's own tree."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = {node["nodeId"]: node for node in tree}
    (top,) = (node for node in tree if (node["role"]["value"], node.get("name", {}).get("value")) == (role, name))
    counts: dict[str, int] = {}
    below = [top]
    while below:
        node = below.pop()
        below += [nodes[one] for one in node.get("childIds", ()) if one in nodes]
        if not node["ignored"] and node["role"]["value"] in {"row", "rowheader", "columnheader", "cell"}:
            counts[node["role"]["value"]] = counts.get(node["role"]["value"], 0) + 1
    return counts


def test_by_keyboard(visit: Callable[..., Visit]) -> None:
    """What can be opened or followed is reached by the keyboard, in the order of the page, and shows that it is."""
    page = visit("busy").page
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        text, outline = page.evaluate(
            "[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineWidth]"
        )
        reached.append(text)
        assert outline == "3px"
    assert reached == [
        "Rejected duplicates as a table",
        "Ages as a table",
        "Queries: when each was last answered",
        "/metrics",
        "/-/healthy",
        "/-/ready",
    ]


def test_links(visit: Callable[..., Visit]) -> None:
    """Its links lead to the other addresses, wherever a proxy has put the page."""
    seen = visit("busy")
    for name in ("/metrics", "/-/healthy", "/-/ready"):
        seen.page.goto(seen.url)
        with seen.page.expect_navigation() as navigation:
            seen.page.get_by_role("link", name=name, exact=True).click()
        response = navigation.value
        assert response is not None
        assert (response.url, response.status) == (seen.url.rstrip("/") + name, 200)


def test_still(visit: Callable[..., Visit]) -> None:
    """Nothing moves, so that nobody has to ask for less of it."""
    assert visit("busy", reduced_motion="no-preference").page.evaluate("document.getAnimations().length") == 0
