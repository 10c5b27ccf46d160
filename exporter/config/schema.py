"""What can be configured: the settings that the daemon receives, and the schema of the file.

The frozen dataclasses are what the rest of the program sees: complete, checked, with every
default filled in. The pydantic models beside them describe the file, refuse unknown keys and
wrong types (nothing is converted: a port in quotes is an error), and say what is wrong in
words. Where it is wrong is the business of `exporter.config.load`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from exporter.config.database import DatabaseModel, DatabaseSettings
from exporter.config.values import AbsolutePath, Section, TimeZone, duration, wrong

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "text"]
Start = Literal["beginning", "end"]

DEFAULT_ADDRESS = "127.0.0.1"
DEFAULT_PORT = 10877
DEFAULT_QUIET_AFTER = 0.5
DEFAULT_IGNORED = frozenset({"testing"})
"""Test runs of the same app often write to the same file; what they reject is no rejection."""

_LOG_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]*\Z")
_HOST_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?\Z")
_PORTS = 65536


@dataclass(frozen=True, slots=True)
class Listen:
    """Where `/metrics` is served, and the absolute path of the web configuration. Port 0: any free one."""

    address: str = DEFAULT_ADDRESS
    port: int = DEFAULT_PORT
    web_config_file: Path | None = None

    @property
    def only_here(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return self.address == "localhost"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """One log: absolute globs, the zone of its header times, seconds of silence that end a record."""

    name: str
    paths: tuple[str, ...]
    rotated: tuple[str, ...] = ()
    timezone: str = "UTC"
    start: Start = "beginning"
    ignore_channels: frozenset[str] = DEFAULT_IGNORED
    quiet_after: float = DEFAULT_QUIET_AFTER


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Which event definitions apply: absolute paths of files, and whether the shipped ones do."""

    builtin: bool = True
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class StateSettings:
    """The absolute path of the state file; None where nothing names one."""

    path: Path | None = None


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """The daemon's own log: the lowest level that it writes, and how."""

    level: LogLevel = "info"
    format: LogFormat = "json"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, one part per component."""

    listen: Listen
    logs: tuple[LogSettings, ...]
    events: EventSettings
    state: StateSettings
    log: JournalSettings
    database: DatabaseSettings | None = None


def config_hash(settings: Settings) -> int:
    """Return a 32-bit number that is equal for equal settings, on every machine and Python version."""
    text = json.dumps(asdict(settings), sort_keys=True, default=_plain)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)


def _log_name(value: str) -> str:
    if not _LOG_NAME.match(value):
        raise wrong("is no name of a log; use letters, digits, _ and -, beginning with a letter or _")
    return value


def _address(value: str) -> str:
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        looks_numeric = not bare.strip("0123456789.")
        if looks_numeric or not _HOST_NAME.match(bare):
            raise wrong(
                "is neither an IP address nor a host name; write for example 127.0.0.1, or 0.0.0.0 for all"
            ) from None
        return bare


def _port(value: int) -> int:
    if not 0 <= value < _PORTS:
        raise wrong("is no port; write a number from 0 (any free port) to 65535")
    return value


def _not_empty(value: list[str]) -> list[str]:
    if not value:
        raise wrong("is empty; name at least one path or glob")
    return value


class ListenModel(Section):
    """`listen:` in the file."""

    address: Annotated[str, AfterValidator(_address)] = DEFAULT_ADDRESS
    port: Annotated[int, AfterValidator(_port)] = DEFAULT_PORT
    web_config_file: AbsolutePath | None = None

    def settings(self) -> Listen:
        """Return the section as the daemon sees it."""
        web = None if self.web_config_file is None else Path(self.web_config_file)
        return Listen(self.address, self.port, web)


class LogModel(Section):
    """One entry of `logs:` in the file."""

    name: Annotated[str, AfterValidator(_log_name)]
    paths: Annotated[list[AbsolutePath], AfterValidator(_not_empty)]
    rotated: list[AbsolutePath] = Field(default_factory=list)
    timezone: TimeZone = "UTC"
    start: Start = "beginning"
    ignore_channels: list[str] = Field(default_factory=lambda: sorted(DEFAULT_IGNORED))
    quiet_after: Annotated[float, BeforeValidator(duration("10ms", "60s"))] = DEFAULT_QUIET_AFTER

    def settings(self) -> LogSettings:
        """Return the section as the daemon sees it."""
        return LogSettings(
            name=self.name,
            paths=tuple(dict.fromkeys(self.paths)),
            rotated=tuple(dict.fromkeys(self.rotated)),
            timezone=self.timezone,
            start=self.start,
            ignore_channels=frozenset(self.ignore_channels),
            quiet_after=self.quiet_after,
        )


class EventsModel(Section):
    """`events:` in the file."""

    builtin: bool = True
    files: list[AbsolutePath] = Field(default_factory=list)

    def settings(self) -> EventSettings:
        """Return the section as the daemon sees it."""
        return EventSettings(self.builtin, tuple(Path(one) for one in dict.fromkeys(self.files)))


class StateModel(Section):
    """`state:` in the file."""

    path: AbsolutePath | None = None

    def settings(self) -> StateSettings:
        """Return the section as the daemon sees it."""
        return StateSettings(None if self.path is None else Path(self.path))


class JournalModel(Section):
    """`log:` in the file."""

    level: LogLevel = "info"
    format: LogFormat = "json"

    def settings(self) -> JournalSettings:
        """Return the section as the daemon sees it."""
        return JournalSettings(self.level, self.format)


class ConfigModel(Section):
    """The whole file."""

    listen: ListenModel = Field(default_factory=ListenModel)
    logs: list[LogModel] = Field(default_factory=list)
    events: EventsModel = Field(default_factory=EventsModel)
    state: StateModel = Field(default_factory=StateModel)
    log: JournalModel = Field(default_factory=JournalModel)
    database: DatabaseModel = Field(default_factory=DatabaseModel)

    @model_validator(mode="after")
    def _one_zone(self) -> Self:
        if self.database.named and self.database.timezone is None and len(self._zones()) > 1:
            raise wrong("database.timezone: is missing, and the logs have several; set it to the app's")
        return self

    def _zones(self) -> set[str]:
        return {one.timezone for one in self.logs}

    def settings(self) -> Settings:
        """Return the file as the daemon sees it."""
        zone = self.database.timezone or next(iter(self._zones()), "UTC")
        return Settings(
            listen=self.listen.settings(),
            logs=tuple(one.settings() for one in self.logs),
            events=self.events.settings(),
            state=self.state.settings(),
            log=self.log.settings(),
            database=self.database.settings(zone),
        )


SECTIONS: dict[str, type[BaseModel]] = {
    "listen": ListenModel,
    "logs": LogModel,
    "events": EventsModel,
    "state": StateModel,
    "log": JournalModel,
    "database": DatabaseModel,
}
"""The model of each section of the file; that of `logs` describes one entry."""
