"""The state between two blocks: what the checkpoint stores of it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from exporter.records.carry import Carry


def test_round_trip() -> None:
    """Every field survives the checkpoint."""
    carry = Carry("line", True, "event", True, "string", 3, 4, True, 1, 1761438600.5)  # noqa: FBT003  (all fields)
    assert all(getattr(carry, field.name) != getattr(Carry(), field.name) for field in fields(Carry))
    assert Carry.load(carry.dump()) == carry


def test_unremarkable() -> None:
    """A state with nothing to remember is an empty text."""
    assert Carry().dump() == ""
    assert Carry.load("") == Carry()


def test_other_versions() -> None:
    """Fields of later versions are passed over, and those that an earlier one did not have are at their defaults."""
    assert Carry.load('{"kind":"json","level":true,"later":[1]}') == Carry("json", level=True)


@pytest.mark.parametrize("text", ["{", "[]", "7", '"line"', "null"])
def test_no_state(text: str) -> None:
    """A text that is no state is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        Carry.load(text)


@pytest.mark.parametrize("text", ['{"level":1}', '{"depth":-1}', '{"kind":"xml"}', '{"fold":true}', '{"latest":"now"}'])
def test_no_values_of_a_state(text: str) -> None:
    """A field with a value that it cannot have is a ValueError."""
    with pytest.raises(ValueError, match="not a carry's values"):
        Carry.load(text)
