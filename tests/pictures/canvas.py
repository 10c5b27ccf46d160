"""Shapes in one SVG: rectangles, lines, wedges and texts, in pixels."""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterable

FONT = "Inter, Roboto, 'DejaVu Sans', sans-serif"


class Canvas:
    """A drawing of a size; what is drawn later lies on top."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._shapes: list[str] = []

    def rectangle(self, x: float, y: float, width: float, height: float, fill: str, *, radius: float = 0) -> None:
        """Fill a rectangle."""
        self._add("rect", x=x, y=y, width=max(0.0, width), height=max(0.0, height), rx=radius, fill=fill)

    def line(self, points: Iterable[tuple[float, float]], stroke: str, *, width: float = 1) -> None:
        """Draw a line through points."""
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add("polyline", points=text, fill="none", stroke=stroke, stroke_width=width, stroke_linejoin="round")

    def wedge(self, centre: tuple[float, float], radius: float, share: tuple[float, float], fill: str) -> None:
        """Fill a part of a circle, from one share of it to another (0 to 1, clockwise from the top)."""
        (x, y), (begin, end) = centre, share
        if end - begin >= 1:
            self._add("circle", cx=x, cy=y, r=radius, fill=fill)
            return
        corners = [(x + radius * sin(2 * pi * one), y - radius * cos(2 * pi * one)) for one in share]
        (first, second), large = corners, int(end - begin > 1 / 2)
        arc = f"A{radius:.1f},{radius:.1f} 0 {large} 1 {second[0]:.1f},{second[1]:.1f}"
        self._add("path", d=f"M{x:.1f},{y:.1f} L{first[0]:.1f},{first[1]:.1f} {arc} Z", fill=fill)

    def text(
        self, x: float, y: float, text: str, fill: str, *, size: float = 12, anchor: str = "start", bold: bool = False
    ) -> None:
        """Write a text; `y` is its base line, `anchor` start, middle or end."""
        weight = 600 if bold else 400
        self._add("text", escape(text), x=x, y=y, fill=fill, font_size=size, text_anchor=anchor, font_weight=weight)

    def svg(self) -> str:
        """Return the drawing."""
        size = f'width="{self.width:g}" height="{self.height:g}"'
        body = "\n".join(self._shapes)
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}">\n{body}\n</svg>'

    def _add(self, tag: str, content: str = "", **attributes: object) -> None:
        named = {name.replace("_", "-"): value for name, value in attributes.items()}
        text = " ".join(
            f"{name}={quoteattr(f'{value:.6g}' if isinstance(value, float) else str(value))}"
            for name, value in named.items()
        )
        self._shapes.append(f"<{tag} {text}>{content}</{tag}>")
