"""Settings from the environment and the command line, laid over those of the file; pure.

Environment variables are named after the dotted path of a scalar setting: `listen.port` is
BOOKING_EXPORTER_LISTEN_PORT. The scalars of a log (`timezone`, `start`, …) have no list index
in their name, BOOKING_EXPORTER_TIMEZONE, and need a configuration with exactly one log.
The command line wins over the environment, and the environment over the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel

from exporter.config.schema import DEFAULT_ADDRESS, DEFAULT_PORT, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.document import Location

PREFIX = "BOOKING_EXPORTER_"
COMMAND_LINE_LOG = "app"

_LOG = "logs"
_URLS: tuple[tuple[str, str], ...] = (("database", "url"), ("database", "url_file"))
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line gives: globs that replace the configured logs, and single values."""

    logs: tuple[str, ...] = ()
    timezone: str | None = None
    state: str | None = None
    listen: str | None = None
    database_url: str | None = None


class Layers:
    """Plain configuration data, and for each value that is not from the file its place.

    `problems` holds complete messages: those of overrides that no setting could take.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        """Take the file's data, which is changed in place."""
        self.data = data
        self.problems: list[str] = []
        self._places: dict[Location, str] = {}

    def place(self, path: Location) -> str | None:
        """Return where the value at `path` comes from; None means from the file."""
        return next((self._places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._places), None)

    def apply(self, environ: Mapping[str, str], overrides: Overrides) -> None:
        """Lay the command line over the environment over the file."""
        if overrides.logs:
            self._set((_LOG,), [{"name": COMMAND_LINE_LOG, "paths": list(overrides.logs)}], "--log")
        self._environment(environ)
        if overrides.timezone is not None:
            self._set_log("timezone", overrides.timezone, "--timezone")
        if overrides.state is not None:
            self._set(("state", "path"), overrides.state, "--state")
        if overrides.listen is not None:
            self._listen(overrides.listen)
        if overrides.database_url is not None:
            self._set_url("url", overrides.database_url, "--database-url")

    def _environment(self, environ: Mapping[str, str]) -> None:
        known = variables()
        for name, text in sorted(environ.items()):
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                bare = {one.removeprefix(PREFIX): one for one in known}
                near = get_close_matches(name.removeprefix(PREFIX), bare, n=1)
                remedy = f"did you mean {bare[near[0]]}?" if near else f"known are {', '.join(known)}"
                self.problems.append(f"{name}: no setting has this environment variable; {remedy}")
                continue
            path, annotation = known[name]
            value = _convert(text, annotation)
            if path[0] == _LOG:
                self._set_log(str(path[1]), value, name)
            elif path in _URLS:
                self._set_url(str(path[1]), value, name)
            else:
                self._set(path, value, name)

    def _listen(self, text: str) -> None:
        address, colon, port = text.rpartition(":")
        if not (colon and address and port.isascii() and port.isdigit()):
            self.problems.append(f"--listen: is not ADDR:PORT; write for example {DEFAULT_ADDRESS}:{DEFAULT_PORT}")
            return
        self._set(("listen", "address"), address, "--listen")
        self._set(("listen", "port"), int(port), "--listen")

    def _set_log(self, key: str, value: object, place: str) -> None:
        logs = self.data.get(_LOG)
        count = len(logs) if isinstance(logs, list) else 0
        if count != 1:
            remedy = "give --log or write the log into the file" if count == 0 else "set it per log in the file"
            self.problems.append(f"{place}: is for a configuration with one log, this one has {count}; {remedy}")
            return
        self._set((_LOG, 0, key), value, place)

    def _set_url(self, key: str, value: object, place: str) -> None:
        """Set one of `url` and `url_file`, and drop the other unless the same layer gave both."""
        for path in _URLS:
            section = self.data.get(path[0])
            if path[1] != key and isinstance(section, dict) and (path not in self._places or place.startswith("--")):
                section.pop(path[1], None)
        self._set((_URLS[0][0], key), value, place)

    def _set(self, path: Location, value: object, place: str) -> None:
        here: Any = self.data
        for step in path[:-1]:
            here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
        if isinstance(here, dict):  # else the file has the wrong type there, which is reported for the file
            here[path[-1]] = value
            self._places[path] = place


def variables() -> dict[str, tuple[Location, Any]]:
    """Return every environment variable that sets something: the path of its setting, and its type."""
    return {PREFIX + "_".join(steps).upper(): (path, annotation) for steps, path, annotation in _scalars()}


def _scalars() -> Iterator[tuple[tuple[str, ...], Location, Any]]:
    for section, model in SECTIONS.items():
        for path, annotation in _leaves(model):
            steps = path if section == _LOG else (section, *path)
            yield steps, (section, *path), annotation


def _leaves(model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and the type of each scalar below a section."""
    for key, field in model.model_fields.items():
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from (((key, *path), kind) for path, kind in _leaves(annotation))
        elif get_origin(annotation) is not list:
            yield (key,), annotation


def _convert(text: str, annotation: object) -> object:
    """Return the value that YAML would have given; text that does not fit stays, and validation refuses it."""
    if annotation is bool:
        return _WORDS.get(text.lower(), text)
    if annotation is int and text.isascii() and text.isdigit():
        return int(text)
    return text
