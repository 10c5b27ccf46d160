"""exporter.web.page: the status page as HTML, for people who see, hear or feel it, and for nobody's secrets."""

from __future__ import annotations

import asyncio
import re
import resource
from base64 import b64encode
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from exporter.catalogue import APP, BUILTIN, Catalogue
from exporter.demo.stage import NAMES
from exporter.web.collector import SnapshotCollector, View
from exporter.web.exposition import Exposition
from exporter.web.health import Identity
from exporter.web.page import StatusPage
from tests.support.html import Element, read_html
from tests.support.pages import SCENES
from tests.support.snapshots import IDENTITY, NOW, make_collector, make_health, make_log_health, make_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.pages import Scene

HOSTILE = '"><script>alert(1)</script>&lt;'


def drawn(exposition: Exposition) -> str:
    return StatusPage(exposition).draw(exposition.collector).decode()


def shown(*, snapshot: dict[str, Any] | None = None, health: dict[str, Any] | None = None) -> Element:
    view = View(make_snapshot(**snapshot or {}), make_health(**health or {}))
    return read_html(drawn(Exposition(make_collector(view))))


@pytest.fixture(params=SCENES)
def scene(request: pytest.FixtureRequest, scenes: Callable[[str], Scene]) -> Scene:
    """Return each of the scenes in turn."""
    return scenes(request.param)


@pytest.fixture
def page(scene: Scene) -> Element:
    return read_html(drawn(scene.exposition))


def test_the_first_words_answer(scenes: Callable[[str], Scene]) -> None:
    """The only first heading says whether everything is all right, and so does the title of the tab."""
    said = {name: read_html(drawn(scenes(name).exposition)).one("h1").text for name in SCENES}
    assert said == {
        "empty": "Nothing is followed yet.",
        "busy": "Everything is all right.",
        "broken": "Logs app and calcom cannot be read.",
    }


def test_what_is_broken_is_listed(scenes: Callable[[str], Scene]) -> None:
    """Under the answer stands what to do first, then all else that is wrong, each with its runbook."""
    broken = read_html(drawn(scenes("broken").exposition))
    assert "Runbook: BookingLogUnreadable" in broken.one("div", class_="verdict").text
    others = [item.text for item in broken.one("ul", class_="problems").all("li")]
    assert [other.split(". ")[0] for other in others] == [
        "The app's database is not reached",
        "The state was damaged 25 min 2 s ago; counters began again at 0",
    ]
    assert [row.all("td")[0].text for row in broken.all("tbody")[1].all("tr")] != []


def test_a_document_that_can_be_read_aloud(page: Element) -> None:
    """Language, title, landmarks and headings in order; each section and table has a name that exists."""
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("head").one("title").children
    assert [len(page.all(tag)) for tag in ("header", "main", "footer")] == [1, 1, 1]
    levels = [int(one.tag[1]) for one in page.walk() if re.fullmatch("h[1-6]", one.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [one.attributes["id"] for one in page.walk() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    named = [one for one in page.walk() if one.tag == "section" or one.has({"class_": "stack"})]
    assert {one.attributes["aria-labelledby"] for one in named} <= set(ids)


def test_every_picture_has_words(page: Element) -> None:
    """A drawing is either named, and its numbers stand in a table too, or only decoration beside a word."""
    for one in page.all("svg"):
        assert one.attributes.get("aria-hidden") == "true" or (
            one.attributes["role"],
            bool(one.attributes["aria-label"]),
        ) == ("img", True)
    for one in page.all("rect", class_="bar"):
        assert one.one("title").children
    for section in ("rejections", "ages"):
        part = page.one("section", aria_labelledby=section)
        assert part.one("details").all("table") or "nothing to list" in part.one("details").text


def test_drawing_and_table_say_the_same(scenes: Callable[[str], Scene]) -> None:
    """The columns drawn for a layer are the cells of its column in the table, and their sum the total beside it."""
    part = read_html(drawn(scenes("busy").exposition)).one("section", aria_labelledby="rejections")
    rows = part.one("table").all("tr")
    names = [cell.text for cell in rows[0].all("th")][1:]
    assert names == ["Layer 1", "Layer 2", "Layer 3", "Layer 4"]
    for at, name in enumerate(names):
        cells = {row.one("th").text: row.all("td")[at].text for row in rows[1:]}
        lane = next(one for one in part.all("div", class_="lane") if one.text.startswith(name))
        bars = ["".join(map(str, bar.one("title").children)) for bar in lane.all("rect", class_="bar")]
        assert bars == [f"{when}: {count}" for when, count in cells.items() if count != "0"]
        assert lane.one("p", class_="total").text == str(sum(map(int, cells.values()))) != "0"


def test_tables_have_heads(page: Element) -> None:
    """Each table has heads for columns and rows; one that a phone stacks has a label in each cell.

    It also names its roles, since Safari forgets that a table is one where it is not laid out as one.
    """
    assert page.all("table")
    for table in page.all("table"):
        head = [cell.attributes["scope"] for cell in table.one("thead").all("th")]
        assert set(head) == {"col"}
        for row in table.one("tbody").all("tr"):
            assert row.one("th").attributes["scope"] == "row"
            assert len(row.all("th")) + len(row.all("td")) == len(head)
    for table in page.all("table", class_="stack"):
        labels = [cell.text for cell in table.one("thead").all("th")][1:]
        assert table.attributes["role"] == "table"
        assert {one.attributes["role"] for tag in ("thead", "tbody") for one in table.all(tag)} == {"rowgroup"}
        assert {row.attributes["role"] for row in table.all("tr")} == {"row"}
        assert {cell.attributes["role"] for cell in table.all("td")} == {"cell"}
        assert {cell.attributes["role"] for cell in table.all("th", scope="row")} == {"rowheader"}
        assert {cell.attributes["role"] for cell in table.all("th", scope="col")} == {"columnheader"}
        for row in table.one("tbody").all("tr"):
            assert [cell.attributes["data-label"] for cell in row.all("td")] == labels


def test_no_meaning_by_colour_alone(scenes: Callable[[str], Scene]) -> None:
    """A state is a word, too: the same page without any class still says which log is unreadable."""
    broken = read_html(drawn(scenes("broken").exposition))
    states = [one.text for one in broken.all("span", class_="state")]
    assert states == ["unreadable", "no file", "not reached"]
    assert all(one.all("svg") for one in broken.all("span", class_="state"))


def test_nothing_from_elsewhere(page: Element) -> None:
    """No script, no form, no address of another host, no style but the one that is named by its hash."""
    tags = {one.tag for one in page.walk()}
    assert not tags & {"script", "form", "iframe", "img", "object", "base", "input", "button"}
    for one in page.walk():
        assert not [name for name in one.attributes if name == "style" or name.startswith("on")]
        for name in ("href", "src", "action"):
            assert "//" not in one.attributes.get(name, "")
    assert {one.attributes["href"] for one in page.all("a")} >= {"metrics", "-/healthy", "-/ready"}


def test_the_policy_names_the_style(scenes: Callable[[str], Scene]) -> None:
    """The hash in the policy is that of the style as it stands in the page."""
    exposition = scenes("empty").exposition
    policy = StatusPage(exposition).headers["Content-Security-Policy"]
    (style,) = read_html(drawn(exposition)).one("style").children
    digest = b64encode(sha256(str(style).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in policy


def test_nothing_that_a_record_said(scenes: Callable[[str], Scene], tmp_path: Path) -> None:
    """No customer, service, booking or call of the day's records is on the page, nor a path of the machine."""
    scene = scenes("busy")
    text = drawn(scene.exposition)
    said = b"".join(path.read_bytes() for path in scene.folder.rglob("*.log*")).decode()
    words = {name for name in NAMES if name in said} | set(re.findall(r"\b1200\d{4}\b|call_[0-9a-f]{8,}", said))
    assert len(words) > 100
    assert [word for word in words if word in text] == []
    assert str(scene.folder) not in text
    assert tmp_path.anchor + "tmp" not in text


def test_hostile_names() -> None:
    """A name that nobody should be able to configure is still only text."""
    view = View(make_snapshot(last_events={HOSTILE: NOW}), make_health(logs={HOSTILE: make_log_health(up=False)}))
    catalogue = Catalogue(BUILTIN, logs=(HOSTILE,), events=(HOSTILE,))
    identity = Identity(HOSTILE, 1, 1)
    text = drawn(Exposition(SnapshotCollector(catalogue, view, lambda: NOW, identity)))
    assert "<script" not in text
    tree = read_html(text)
    assert tree.one("h1").text == f"Log {HOSTILE} cannot be read."
    assert not tree.all("script")


def test_while_the_history_is_counted() -> None:
    """Before event series are exposed, the page says so instead of showing zeros."""
    tree = shown(snapshot={"exposed": False}, health={"logs": {"app": make_log_health(lag_bytes=5000)}})
    assert tree.one("h1").text == "The history in the logs is being counted; 5.0 kB are left."
    for section in ("rejections", "ages", "events"):
        assert "Shown once the history" in tree.one("section", aria_labelledby=section).text
    assert not tree.all("section", aria_labelledby="totals")


def test_bounded() -> None:
    """A thousand logs and a thousand own events make a page of less than 150 kB, which says what it left out."""
    logs = {f"log-{number:04}": make_log_health() for number in range(1000)}
    events = {f"event_{number:04}": NOW - number for number in range(1000)}
    view = View(make_snapshot(last_events=events), make_health(logs=logs))
    collector = SnapshotCollector(Catalogue(BUILTIN, logs=logs, events=events), view, lambda: NOW, IDENTITY)
    text = drawn(Exposition(collector))
    assert len(text) < 150_000
    tree = read_html(text)
    assert "And 950 more" in tree.one("section", aria_labelledby="logs").text
    assert "And 940 more" in tree.one("section", aria_labelledby="events").text


def test_the_same_after_a_restart(scenes: Callable[[str], Scene]) -> None:
    """Rejections, totals and events are committed: a daemon that continues from the state shows the same."""
    scene = scenes("busy")
    before = read_html(drawn(scene.exposition))
    with scene.successor() as after:
        tree = read_html(drawn(after.exposition))
    for section in ("rejections", "ages", "events", "totals"):
        assert tree.one("section", aria_labelledby=section).text == before.one("section", aria_labelledby=section).text


def test_drawn_at_most_once_a_second() -> None:
    """Whoever asks how often, the page is drawn once a second; a clock that was set back does not freeze it."""
    now = [NOW]
    view = View(make_snapshot(), make_health())
    collector = SnapshotCollector(Catalogue(BUILTIN), view, lambda: now[0], IDENTITY)
    page = StatusPage(Exposition(collector))

    async def ask(times: int) -> set[bytes]:
        return set(await asyncio.gather(*(page.body() for _ in range(times))))

    async def story() -> list[set[bytes]]:
        answers = [await ask(50)]
        view.health = make_health(commit_failing=True)
        answers.append(await ask(50))
        now[0] += 1.0
        answers.append(await ask(2))
        view.health = make_health()
        now[0] -= 3600.0
        return [*answers, await ask(2)]

    first, same, later, back = asyncio.run(story())
    assert [len(one) for one in (first, same, later, back)] == [1, 1, 1, 1]
    assert first == same != later
    assert b"Counts cannot be saved" in next(iter(later))
    assert b"Everything is all right" in next(iter(back))


def test_cheap(scenes: Callable[[str], Scene]) -> None:
    """A busy day's page takes a small part of a second of processor time; `make bench` measures how much."""
    exposition = scenes("busy").exposition
    page = StatusPage(exposition)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_utime
    for _ in range(10):
        page.draw(exposition.collector)
    assert (resource.getrusage(resource.RUSAGE_THREAD).ru_utime - before) / 10 < 0.2


def test_every_counter_about_the_app_is_there(scenes: Callable[[str], Scene]) -> None:
    """No counter about the app is left out, and each total is the one on /metrics."""
    exposition = scenes("busy").exposition
    part = read_html(drawn(exposition)).one("section", aria_labelledby="totals")
    totals = {row.one("code").text: row.all("td")[0].text for row in part.one("tbody").all("tr")}
    metrics = exposition.render().body.decode().splitlines()
    for series in (one for one in BUILTIN if one.kind == "counter" and one.name.startswith(APP)):
        lines = [line for line in metrics if line.split("{")[0].split(" ")[0] == series.name]
        total = sum(float(line.rpartition(" ")[2]) for line in lines)
        assert totals.get(series.name, "0") == f"{total:,.0f}"
