"""The README's pictures: the renderer draws every panel from answers, and the committed files are what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

import pytest

from tests.pictures.canvas import Canvas
from tests.pictures.dashboard import BOARD, DAY, ROWS, STEP, draw
from tests.support.dashboards import load

if TYPE_CHECKING:
    from tests.support.stretch import Stretch

ROOT = Path(__file__).parent.parent
END = 1_760_000_000
LABELS = {"layer": "layer1", "environment": "production", "status": "stale", "le": "10.0"}
SVG = "{http://www.w3.org/2000/svg}"


class Answers:
    """Stands for a Prometheus: one line of rising values for each query."""

    def instant(self, _: str) -> list[dict[str, Any]]:
        return [{"metric": LABELS, "value": [END, "1"]}]

    def over_time(self, _: str, *, seconds: float, step: float) -> list[dict[str, Any]]:
        count = int(seconds / step)
        return [{"metric": LABELS, "values": [[END - (count - at) * step, str(at)] for at in range(count)]}]


def texts(canvas: Canvas) -> list[str]:
    return [one.text or "" for one in ET.fromstring(canvas.svg()).iter(f"{SVG}text")]  # noqa: S314  # our own drawing


def test_every_panel_of_the_rows_is_drawn() -> None:
    """The picture has each panel of its rows by its title, with what was answered, and is well-formed."""
    board = load()[BOARD]
    drawn = texts(draw(cast("Stretch", Answers()), board))
    heads = {one["title"]: one["gridPos"]["y"] for one in board["panels"] if one["type"] == "row"}
    titles = [
        panel["title"]
        for row, end in ROWS
        for panel in board["panels"]
        if panel["type"] != "row" and heads[row] < panel["gridPos"]["y"] < end
    ]
    assert len(titles) == 13
    assert [title for title in titles if title not in drawn] == []
    assert {"in place", "100%", "1, 100%"} <= set(drawn)


def test_bars_are_as_high_as_their_values() -> None:
    """A day of rising values is a row of rising bars, the highest under the upper end of the scale."""
    board = load()[BOARD]
    tree = ET.fromstring(draw(cast("Stretch", Answers()), board).svg())  # noqa: S314  # our own drawing
    rectangles = [one for one in tree.iter(f"{SVG}rect") if one.get("fill") == "#fade2a" and one.get("rx") == "0"]
    heights = [float(one.get("height", "")) for one in rectangles]
    assert len(heights) == DAY / STEP
    assert heights == sorted(heights)
    assert heights[-1] / heights[1] == pytest.approx(DAY / STEP - 1, rel=0.01)


def test_no_answer_is_no_picture() -> None:
    """A panel without data is an error, not an empty frame."""

    class Nothing(Answers):
        def instant(self, _: str) -> list[dict[str, Any]]:
            return []

    with pytest.raises(AssertionError, match="no data for Firing alerts"):
        draw(cast("Stretch", Nothing()), load()[BOARD])


def test_texts_are_escaped() -> None:
    """A text cannot become markup."""
    canvas = Canvas(10, 10)
    canvas.text(1, 1, "<b> & 'x'", "#fff")
    assert texts(canvas) == ["<b> & 'x'"]


def test_pictures_of_the_readme() -> None:
    """The README shows two pictures with words for each; both are PNG and load quickly."""
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+\.png)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [path for _, path in shown] == ["docs/status-page.png", "docs/dashboard.png"]
    for words, path in shown:
        data = (ROOT / path).read_bytes()
        assert len(words) > 40
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(data) < 200_000
