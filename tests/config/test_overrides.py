"""The variables of the environment."""

from __future__ import annotations

from exporter.config.overrides import variables
from exporter.config.schema import SECTIONS, ConfigModel


def test_every_scalar_has_one_variable() -> None:
    """The variables are named after the dotted paths of the scalar settings, and no name is taken twice."""
    known = variables()
    names = sorted(name.removeprefix("BOOKING_EXPORTER_") for name in known)
    assert "DATABASE_COLUMNS_BOOKING_ID" in names
    assert "DATABASE_INTERVALS_TOTALS" in names
    assert [name for name in names if not name.startswith("DATABASE_")] == [
        "EVENTS_BUILTIN",
        "LISTEN_ADDRESS",
        "LISTEN_PORT",
        "LISTEN_WEB_CONFIG_FILE",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "NAME",
        "QUIET_AFTER",
        "START",
        "STATE_PATH",
        "TIMEZONE",
    ]
    assert len({path for path, _ in known.values()}) == len(known)


def test_sections_are_those_of_the_file() -> None:
    """The table of sections and the schema of the file name the same ones."""
    assert list(SECTIONS) == list(ConfigModel.model_fields)
