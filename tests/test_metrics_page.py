"""exporter.metrics_page and METRICS.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.catalogue import BUILTIN, Catalogue, Label, Series
from exporter.metrics_page import page

FILE = Path(__file__).parent.parent / "METRICS.md"


def test_the_file_is_up_to_date() -> None:
    """METRICS.md is what the catalogue says; write it anew with `python -m exporter.metrics_page > METRICS.md`."""
    assert FILE.read_text(encoding="utf-8") == page(Catalogue(BUILTIN))


def test_the_module_prints_the_page() -> None:
    """`python -m exporter.metrics_page` prints the page, to be redirected into the file."""
    done = subprocess.run([sys.executable, "-m", "exporter.metrics_page"], capture_output=True, check=True, timeout=30)

    assert done.stdout.decode() == page(Catalogue(BUILTIN))


def test_every_series_has_a_row() -> None:
    """Each declared series stands in the page once, with its type and help."""
    lines = page(Catalogue(BUILTIN)).splitlines()

    for series in BUILTIN:
        (row,) = [line for line in lines if line.startswith(f"| `{series.name}` |")]
        assert f"| {series.kind} |" in row
        assert series.help in row


def test_label_values_and_buckets_are_listed() -> None:
    """A row lists closed values, explains open ones, and gives a histogram's buckets."""
    series = Series(
        "booking_exporter_x_seconds", "histogram", "X.", "own", (Label("log"), Label("kind", ("a", "b"))), (0.5, 10.0)
    )

    assert (
        "| `booking_exporter_x_seconds` | histogram | `log`: the configured name of a log<br>`kind`: `a`, `b` | commit "
        "| X. Buckets: 0.5, 10. |"
    ) in page(Catalogue([series]))


def test_combinations_are_listed_as_such() -> None:
    """Where not every product of label values exists, the row lists those that do."""
    row = next(line for line in page(Catalogue(BUILTIN)).splitlines() if "rejections_total" in line)

    assert "`layer` with `reason`: `layer1` with `stale_booking`, `layer2` with `call_id_mismatch`" in row


def test_an_unexplained_label_is_refused() -> None:
    """An open label that the page has no words for is an error, not a gap in the documentation."""
    with pytest.raises(KeyError, match="shop"):
        page(Catalogue([Series("x_total", "counter", "X.", "log", (Label("shop"),))]))
