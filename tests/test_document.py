"""YAML with lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.document import Document, DocumentError, dotted
from exporter.document import parse as parse_document
from exporter.events.source import builtin_source

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "a.yaml"
TEXT = """\
a:
  - b: 1
    c: [x,
        y]
d: 2025-01-01
"""


def parse(text: str) -> Document:
    return parse_document(text, NAME)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("a",), 1),
        (("a", 0), 2),
        (("a", 0, "c"), 3),
        (("a", 0, "c", 1), 4),
        (("a", 0, "c", 7), 3),
        (("a", 0, "none", "deeper"), 2),
        (("d", "x"), 5),
    ],
)
def test_each_value_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    """The line is that of the key or item, or of its nearest parent that exists."""
    assert parse(TEXT).line(path) == line


def test_an_empty_text_has_one_line() -> None:
    """Without any value there is no data, and everything is in line 1."""
    document = parse("")
    assert document.data is None
    assert document.line(("a",)) == 1
    assert document.duplicates == ()


@pytest.mark.parametrize("text", ['a: "b\\ud800"', '"a\\udfff": b', 'a: ["\\ud83d\\ude00"]'])
def test_every_text_can_be_written(text: str) -> None:
    """An escape that is half of a surrogate pair is refused, before somebody fails to encode it."""
    with pytest.raises(DocumentError, match=r"a.yaml:1:\d+: .*half of a surrogate pair.*; correct it"):
        parse(text)


def test_dates_stay_text() -> None:
    """What looks like a date is text, also where no such day exists."""
    assert parse("a: 2025-01-01\nb: 2025-02-31\n").data == {"a": "2025-01-01", "b": "2025-02-31"}


def test_the_last_of_equal_keys_counts_and_is_found() -> None:
    """Both keys are reported with their lines; the line of the value is that of the second."""
    document = parse("a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert document.duplicates == (
        (2, "a.yaml:2: b.c: stands twice, first in line 2; remove one of them"),
        (3, "a.yaml:3: a: stands twice, first in line 1; remove one of them"),
    )
    assert document.line(("a",)) == 3
    assert document.data == {"a": 2, "b": {"c": 2}}


def test_merge_keys_are_no_duplicates() -> None:
    """Several `<<` in one mapping are YAML's way to merge several."""
    document = parse("a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: *a, <<: *b}\n")
    assert document.duplicates == ()


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [", 1, 5),
        ("? [1, 2]\n: x\n", 1, 3),
        ("a: !!map [1]\n", 1, 4),
        ("a: !!bool maybe\n", 1, 4),
        ("a:\n  !!timestamp soon\n", 2, 3),
        ("a: *none\n", 1, 4),
        ("a: !!int ''\n", 1, 4),
        ("a: 1" + ":1" * 200 + ".0\n", 1, 4),
        ("%YAML 1." + "1" * 5000 + "\n---\n", 1, 9),
        ('a: "\\UFFFFFFFF"\n', 1, 7),
        ("x: &a {y: z}\n? *a\n: 1\n", 1, 4),
        ("? &a [*a]\n: b\n", 1, 3),
        ("a\x00b", 1, None),
        ("[" * 5000, None, None),
        ("<<: 5\n", 1, 5),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, line: int | None, column: int | None) -> None:
    """Every way to be wrong is one DocumentError with line and column as far as they are known."""
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    place = ":".join(str(one) for one in (NAME, line, column) if one is not None)
    assert str(caught.value).startswith(f"{place}: is not valid YAML: ")
    assert str(caught.value).endswith("; correct it there or just before")


def test_a_problem_begins_with_its_place() -> None:
    """A message names file and line, and the dotted place where there is one."""
    document = parse(TEXT)
    assert document.problem(("a", 0, "c", 1), "no") == "a.yaml:4: a[0].c[1]: no"
    assert document.problem((), "no") == "a.yaml:1: no"
    assert parse("# nothing\n").problem(("version",), "no") == "a.yaml:1: version: no"


def test_an_alias_is_found_where_its_anchor_is() -> None:
    """A mapping that holds itself is walked once, and its parts are found at any depth."""
    document = parse("a: &a\n  b: *a\n")
    assert document.line(("a", "b", "b", "b")) == 2


def test_dotted_locations() -> None:
    """Locations read as people write them."""
    assert dotted(("events", 2, "match", "message")) == "events[2].match.message"
    assert dotted(()) == ""


@given(st.text(alphabet="ab:{}[]-?&*!<>|#'\" \n\t,1.~%@`", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than by DocumentError."""
    try:
        document = parse(text)
    except DocumentError:
        return
    assert document.line(("a", 0)) >= 1
    assert all(line >= 1 and problem.startswith(f"{NAME}:{line}: ") for line, problem in document.duplicates)


def places(data: object, location: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the locations of all values."""
    yield location
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*location, key))


@pytest.mark.parametrize("text", [builtin_source().text, TEXT], ids=["shipped", "small"])
def test_a_sound_text_is_read_faster_to_the_same(text: str) -> None:
    """Values and lines are those that the strict way gives."""
    strict, quick = parse(text), parse_document(text, NAME, sound=True)
    assert quick.data == strict.data
    assert [quick.line(one) for one in places(quick.data)] == [strict.line(one) for one in places(strict.data)]
    assert quick.duplicates == strict.duplicates == ()
