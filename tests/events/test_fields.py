"""Tests of exporter.events.fields."""

from __future__ import annotations

import math

import pytest

from exporter.events.fields import MALFORMED, MISSING, identifier, number, parse_path, read, status_class, text


@pytest.mark.parametrize(
    ("path", "keys"),
    [("context.a", ("a",)), ("context.a-b.0.c_D", ("a-b", "0", "c_D")), ("context.context", ("context",))],
)
def test_path_is_parsed(path: str, keys: tuple[str, ...]) -> None:
    """A path gives the keys below the context."""
    assert parse_path(path) == keys


@pytest.mark.parametrize("path", ["", "context", "context.", "a.b", "context.a b", "context.a\n", "context..a"])
def test_other_texts_are_no_path(path: str) -> None:
    """What is no path is refused with the way to write one."""
    with pytest.raises(ValueError, match=r"write context\.<key>"):
        parse_path(path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("a",), 1),
        (("b", "c"), None),
        (("l", "1"), "y"),
        (("l", "2"), MISSING),
        (("l", "-1"), MISSING),
        (("l", "²"), MISSING),
        (("z",), MISSING),
        (("a", "b"), MISSING),
        (("b", "c", "d"), MISSING),
    ],
)
def test_read_follows_keys_and_indexes(path: tuple[str, ...], value: object) -> None:
    """A path leads through mappings and lists; where it leads nowhere the field is missing."""
    assert read({"a": 1, "b": {"c": None}, "l": ["x", "y"]}, path) == value


def test_nothing_is_in_an_unparsed_context() -> None:
    """Every field of a context that could not be parsed is missing."""
    assert read(None, ("a",)) is MISSING


@pytest.mark.parametrize(
    "value",
    [True, False, "1", math.nan, math.inf, -math.inf, 1e9 + 1, -(10**400), 10**400, [1], {"a": 1}, MISSING],
)
def test_malformed_numbers(value: object) -> None:
    """Booleans, texts, NaN, infinities, magnitudes beyond 1e9 and anything that is no number are malformed."""
    assert number(value, "abs") is MALFORMED


def test_numbers_are_transformed() -> None:
    """Values of either sign are taken with abs, milliseconds become seconds, null is no value."""
    assert number(-2041.5, "abs") == 2041.5
    assert number(-1_000_000_000, "abs") == 1e9
    assert number(250, "milliseconds_to_seconds") == 0.25
    assert number(3, None) == 3.0
    assert number(None, "abs") is None


@pytest.mark.parametrize("transform", [None, "milliseconds_to_seconds"])
def test_negative_observations_are_malformed(transform: None) -> None:
    """A negative result is refused: the histogram's sum would fall."""
    assert number(-0.5, transform) is MALFORMED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12000037, "12000037"),
        (7.0, "7"),
        (7.5, "7.5"),
        ("RL0", "RL0"),
        (None, None),
        ("", MALFORMED),
        (True, MALFORMED),
        (math.nan, MALFORMED),
        (math.inf, MALFORMED),
        ([7], MALFORMED),
        (MISSING, MALFORMED),
    ],
)
def test_identifiers(value: object, expected: object) -> None:
    """Numbers and their decimal text are one identifier; null is none, anything else is malformed."""
    assert identifier(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, "true"), (False, "false"), (3, "3"), ("a", "a"), (None, None), (1.5, None), ([], None)],
)
def test_label_texts(value: object, expected: str | None) -> None:
    """Booleans read as PHP writes them in JSON, whole numbers as decimal text."""
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (100, "1xx"),
        (404, "4xx"),
        (599, "5xx"),
        (600, None),
        (99, None),
        (0, None),
        (None, None),
        ("404", MALFORMED),
        (True, MALFORMED),
        (404.0, MALFORMED),
    ],
)
def test_status_classes(value: object, expected: object) -> None:
    """A status gives its class, another number none, and anything else is malformed."""
    assert status_class(value) == expected
