"""How hard the property tests search: as few examples as find what has gone wrong before, or many times as many."""

from __future__ import annotations

import os


def examples(few: int) -> int:
    """Return the number of examples for `max_examples`: `few` times EFFORT, which `make fuzz` sets."""
    return few * int(os.environ.get("EFFORT", "1"))
