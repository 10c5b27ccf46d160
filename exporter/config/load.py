"""Loads the configuration: reads the file, lays environment and command line over it, checks it all.

Every problem of a configuration is reported in one go, each as `place: name: what is wrong;
remedy`. The place is `file:line` for a value of the file, else the environment variable or
the option that it came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from exporter.config.overrides import Layers, Overrides
from exporter.config.problems import describe
from exporter.config.schema import ConfigModel, Settings
from exporter.document import Document, DocumentError, parse
from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

__all__ = ["ConfigError", "Overrides", "default_state_path", "load"]

DEFAULT_STATE_DIRECTORY = Path("/var/lib/booking-exporter")
STATE_FILE = "state.sqlite"

_LARGEST = 1 << 20


class ConfigError(UserError):
    """The configuration cannot be used; `problems` names each place and remedy."""

    @property
    def problems(self) -> tuple[str, ...]:
        """All problems, in the order of the file."""
        return self.messages


def load(path: Path | None, environ: Mapping[str, str], overrides: Overrides) -> Settings:
    """Return the settings in force.

    `path` names a YAML file, or None for defaults. `environ` holds the BOOKING_EXPORTER_…
    variables among others, `overrides` what the command line gives. Relative paths are
    relative to the working directory. Nothing but the file itself and the time zone
    database is opened. Raises ConfigError with every problem found.
    """
    document = Document("", {}) if path is None else _read(path)
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        raise ConfigError(document.problem((), "is no mapping; write keys and values such as `logs:`"))
    found = [_Problem(line, text) for line, text in (*document.duplicates, *_shared_names(document))]
    layers = Layers(data)
    layers.apply(environ, overrides)
    settings = None
    try:
        settings = ConfigModel.model_validate(data).settings()
    except ValidationError as invalid:
        found += [_problem(error, document, layers) for error in invalid.errors()]
    if settings is None or found or layers.problems:
        found.sort(key=lambda one: one.line)
        raise ConfigError(*(one.text for one in found), *layers.problems)
    return settings


def default_state_path(environ: Mapping[str, str]) -> Path:
    """Return where the state is kept if nothing names a place.

    That is `state.sqlite` in systemd's state directory ($STATE_DIRECTORY, see StateDirectory=
    in systemd.exec(5), which separates several by colons), else in /var/lib/booking-exporter.
    """
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return (Path(given) if given else DEFAULT_STATE_DIRECTORY) / STATE_FILE


class _Problem:
    """A message and the line that orders it; those that are not from the file come last."""

    def __init__(self, line: int, text: str) -> None:
        self.line = line
        self.text = text


def _read(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigError(f"{path}: {reason}; give the path of a readable YAML file to --config") from None
    if len(raw) > _LARGEST:
        raise ConfigError(f"{path}: is larger than 1 MiB; give the path of a configuration file to --config")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8; save the file in this encoding") from None
    try:
        return parse(text, str(path))
    except DocumentError as error:
        raise ConfigError(str(error)) from None


def _shared_names(document: Document) -> Iterator[tuple[int, str]]:
    """Yield what the schema cannot see: names that two logs share."""
    logs = document.data.get("logs") if isinstance(document.data, dict) else None
    names: dict[str, int] = {}
    for index, log in enumerate(logs if isinstance(logs, list) else ()):
        name = log.get("name") if isinstance(log, dict) else None
        if isinstance(name, str) and names.setdefault(name, index) != index:
            where = ("logs", index, "name")
            text = f"is also the name of logs[{names[name]}]; give each log a name of its own"
            yield document.line(where), document.problem(where, text)


def _problem(error: ErrorDetails, document: Document, layers: Layers) -> _Problem:
    loc = error["loc"]
    place = layers.place(loc)
    if place is not None:
        return _Problem(_LARGEST, f"{place}: {describe(error, from_file=False)}")
    return _Problem(document.line(loc), document.problem(loc, describe(error, from_file=True)))
