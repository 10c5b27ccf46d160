"""Plans as the databases word them; the cases that a test cannot provoke with a few rows."""

from __future__ import annotations

import json

import pytest

from exporter.database.plans import uses_index


@pytest.mark.parametrize(
    ("row", "used"),
    [
        ({"type": "ref", "key": "k", "Extra": ""}, True),
        ({"type": "const", "key": "k", "Extra": ""}, True),
        ({"TYPE": "ref", "KEY": "k", "EXTRA": ""}, True),
        ({"type": "ref", "key": "deleted", "Extra": ""}, False),
        ({"type": "index", "key": "k", "Extra": "Using where; Using index"}, False),
        ({"type": "ALL", "key": None, "Extra": "Using where"}, False),
        ({"type": None, "key": None, "Extra": "no matching row in const table"}, True),
        ({"type": None, "key": None, "Extra": "Impossible WHERE noticed after reading const tables"}, True),
    ],
)
def test_mysql(row: dict[str, object], used: bool) -> None:  # noqa: FBT001  # a table's cell
    """A lookup by a key is a seek, a scan of a whole index is none."""
    assert uses_index("mysql", [row], {"deleted"}) is used


@pytest.mark.parametrize("as_text", [True, False])
def test_postgresql(*, as_text: bool) -> None:
    """Bitmap scans seek in a node below; an index without condition is scanned in full."""
    below = {"Node Type": "Bitmap Index Scan", "Index Name": "k", "Index Cond": "(b = 'x')"}
    plan = [{"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Bitmap Heap Scan", "Plans": [below]}]}}]
    assert uses_index("postgresql", [{"QUERY PLAN": json.dumps(plan) if as_text else plan}], {"deleted"})
    assert not uses_index("postgresql", [{"QUERY PLAN": plan}], {"k"})
    del below["Index Cond"]
    assert not uses_index("postgresql", [{"QUERY PLAN": plan}])


def test_sqlite() -> None:
    """A search names its index; a scan may name one too, and is none."""
    assert uses_index("sqlite", [{"detail": "SEARCH appointments USING INDEX k (b=?)"}])
    assert uses_index("sqlite", [{"detail": "SEARCH appointments USING COVERING INDEX k (b=?)"}])
    assert not uses_index("sqlite", [{"detail": "SCAN appointments USING COVERING INDEX k"}])
    assert not uses_index("sqlite", [{"detail": "SCAN appointments"}])
    assert not uses_index("sqlite", [{"detail": "SEARCH appointments USING INDEX k (b=?)"}], {"k"})
