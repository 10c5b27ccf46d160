"""Tests of exporter.events.source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.events.source import (
    Document,
    EventError,
    Source,
    builtin_source,
    dotted,
    parse_document,
    read_sources,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_files_come_before_the_shipped_definitions(tmp_path: Path) -> None:
    """Sources keep the order of the configuration, and the shipped one is the last."""
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("version: 1")
    second.write_bytes(b"\xef\xbb\xbfversion: 1")
    assert read_sources([first, second]) == (
        Source(str(first), "version: 1"),
        Source(str(second), "version: 1"),
        builtin_source(),
    )
    assert read_sources([], builtin=False) == ()


def test_all_unreadable_files_are_named(tmp_path: Path) -> None:
    """A missing file and one in another encoding are reported together."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"caf\xe9")
    with pytest.raises(EventError) as caught:
        read_sources([tmp_path / "none.yaml", latin])
    assert caught.value.messages == (
        f"{tmp_path}/none.yaml: cannot read the event definitions: No such file or directory",
        f"{latin}: is not UTF-8 text; save it as UTF-8",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "a.yaml:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\nb: !!python/x 1", "a.yaml:2: not valid YAML: could not determine a constructor"),
        ("a: 1\n---\nb: 2", "a.yaml:2: not valid YAML: but found another document"),
        ("a: 2025-13-45", "a.yaml:1: not valid YAML: month must be in 1..12"),
        ("a: \x07", "a.yaml:1: not valid YAML: unacceptable character #x0007"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "a.yaml:4: b.c: stands twice; keep one"),
    ],
)
def test_broken_yaml_is_placed(text: str, message: str) -> None:
    """What is no YAML is refused with its line, without a traceback's words."""
    with pytest.raises(EventError) as caught:
        parse_document(Source("a.yaml", text))
    assert caught.value.messages[0].startswith(message)


def test_problems_carry_line_and_place() -> None:
    """A problem stands at the line of its node, or of the nearest node around it."""
    document = parse_document(Source("a.yaml", "version: 1\nevents:\n  - name: x\n    match:\n      levels: [a]\n"))
    assert document.data == {"version": 1, "events": [{"name": "x", "match": {"levels": ["a"]}}]}
    assert document.problem(("events", 0, "match", "levels", 0), "no") == "a.yaml:5: events[0].match.levels[0]: no"
    assert document.problem(("events", 0, "count", "x"), "no") == "a.yaml:3: events[0].count.x: no"
    assert document.problem((), "no") == "a.yaml:1: no"


def test_an_empty_file_is_no_data() -> None:
    """An empty file parses to nothing and has no lines."""
    document = parse_document(Source("a.yaml", "# nothing\n"))
    assert document == Document("a.yaml", None, {})
    assert document.problem(("version",), "no") == "a.yaml:1: version: no"


def test_aliases_may_not_run_away() -> None:
    """A mapping that holds itself is walked once."""
    document = parse_document(Source("a.yaml", "a: &a\n  b: *a\n"))
    assert document.lines[("a", "b")] == 2


def test_dotted_places() -> None:
    """Places read as people write them."""
    assert dotted(("events", 2, "match", "message")) == "events[2].match.message"
    assert dotted(()) == ""
