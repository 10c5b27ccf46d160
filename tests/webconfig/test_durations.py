"""exporter.webconfig.durations: durations as Go writes them."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from exporter.webconfig.durations import seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1s", 1.0),
        ("100ms", 0.1),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("250us", 0.00025),
        ("0", 0.0),
        (0, 0.0),
        ("0s", 0),
    ],
)
def test_what_go_reads(text: object, value: float) -> None:
    """Numbers with units, one or several, and a bare 0 are read into seconds."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "1", 5, True, False, "1 s", "-1s", "1s!", "s", "1d", None, "9" * 400 + "s"])
def test_what_is_refused(text: object) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(PydanticCustomError, match="write a number with its unit, such as 100ms or 1s"):
        seconds(text)
