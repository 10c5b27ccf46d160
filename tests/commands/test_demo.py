"""`demo`: the command line of the tour."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.conftest import Cli


def test_a_directory_that_cannot_be_used_is_told(booking_exporter: Cli, tmp_path: Path) -> None:
    """The demo says so where it cannot write, with exit code 2."""
    (tmp_path / "file").write_bytes(b"")
    result = booking_exporter("demo", "--directory", tmp_path / "file", "--listen", "127.0.0.1:0", "--duration", "1")
    assert result.code == 2
    assert result.err.startswith(f"booking-exporter: {tmp_path}/file: ")


def test_a_wrong_address_is_told(booking_exporter: Cli, tmp_path: Path) -> None:
    """--listen without a port is told by its name."""
    result = booking_exporter("demo", "--directory", tmp_path / "demo", "--listen", "nowhere")
    assert result.code == 2
    assert result.err.startswith("booking-exporter: --listen")
