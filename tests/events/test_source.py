"""Tests of exporter.events.source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.events.source import EventError, Source, builtin_source, parse_source, read_sources

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
    ("text", "messages"),
    [
        (
            "a: 1\nb: !!python/x 1",
            [
                (
                    "a.yaml:2:4: is not valid YAML: could not determine a constructor for the tag "
                    "'tag:yaml.org,2002:python/x'; correct it there or just before"
                )
            ],
        ),
        (
            "a: 1\nb:\n  c: 1\n  c: 2\na: 3",
            [
                "a.yaml:4: b.c: stands twice, first in line 3; remove one of them",
                "a.yaml:5: a: stands twice, first in line 1; remove one of them",
            ],
        ),
    ],
)
def test_broken_yaml_is_placed(text: str, messages: list[str]) -> None:
    """What is no YAML is refused with its place, and so is every key that stands twice."""
    with pytest.raises(EventError) as caught:
        parse_source(Source("a.yaml", text))
    assert list(caught.value.messages) == messages


def test_a_source_becomes_a_document() -> None:
    """Problems of a source that is sound carry its name, line and dotted place."""
    document = parse_source(Source("a.yaml", "version: 1\nevents:\n  - name: x\n    match:\n      levels: [a]\n"))
    assert document.data == {"version": 1, "events": [{"name": "x", "match": {"levels": ["a"]}}]}
    assert document.problem(("events", 0, "match", "levels", 0), "no") == "a.yaml:5: events[0].match.levels[0]: no"
    assert document.problem(("events", 0, "count", "x"), "no") == "a.yaml:3: events[0].count.x: no"
