"""Each shape of record that real logs hold counts as its table says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.golden.shapes.table import SHAPES, Shape
from tests.support.oneshot import counted
from tests.support.oracle import APP, sample

if TYPE_CHECKING:
    from pathlib import Path


def test_table_is_large_enough() -> None:
    """At least 30 shapes, each with a name of its own."""
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 30


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_shape(tmp_path: Path, shape: Shape) -> None:
    """Records per level, unparsed lines and events are exactly those of the table."""
    log = tmp_path / "laravel.log"
    log.write_bytes(shape.data)
    shown = counted(log).samples
    expected = {sample(APP + "log_records_total", {"level": level}): float(n) for level, n in shape.levels.items()}
    expected[sample("booking_exporter_unparsed_lines_total", {"log": "app"})] = shape.unparsed
    expected[sample(APP + "appointments_created_total", {"source": "public"})] = shape.created
    expected |= shape.samples
    compared = expected.keys() | {key for key in shown if key.startswith(APP + "log_records_total")}
    assert {key: shown.get(key, 0) for key in compared} == {key: expected.get(key, 0) for key in compared}
