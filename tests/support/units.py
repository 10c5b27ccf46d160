"""The shipped systemd units, read as systemd reads them: sections of `Name=value` lines, names may repeat."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "systemd"
SERVICE = FOLDER / "booking-exporter.service"
TEMPLATE = FOLDER / "booking-exporter@.service"


def directives(unit: Path) -> list[tuple[str, str]]:
    """Return names and values in their order; AssertionError for a line that is none."""
    found = []
    for line in unit.read_text().splitlines():
        if not line or line.startswith(("#", "[")):
            continue
        name, equals, value = line.partition("=")
        assert equals, line
        found.append((name, value))
    return found


def values(unit: Path, name: str) -> list[str]:
    """Return the values that a name has."""
    return [value for one, value in directives(unit) if one == name]
