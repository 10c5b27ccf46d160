"""The web configuration in force: read from its file, and read again when that or a certificate changes (I/O).

A change that cannot be used changes nothing: the configuration before it stays, a line of our log
and a series say so. That never opens more than was open before, and it rides out the moment in
which a renewed certificate and its key are not both there. TLS itself is switched on or off by a
restart only, so that a broken file cannot take it away.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from exporter.config.problems import describe
from exporter.document import DocumentError, parse
from exporter.errors import UserError
from exporter.webconfig.schema import WebModel, WebSettings
from exporter.webconfig.tls import Material, Tls, build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.webconfig.schema import TlsSettings

LOOK_SECONDS: Final = 1.0
"""A change is in force after this time: files are read at most so often, and only when somebody asks something."""

_LARGEST: Final = 1 << 20
_USERS: Final = "basic_auth_users"
_CRYPTED: Final = re.compile(r"\$\w{1,8}\$[./$=,\w]*")
"""A hash of a password, as crypt(5) and htpasswd write it."""


class WebConfigError(UserError):
    """The web configuration cannot be used; one message for each problem, with place and remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A web configuration that can be used. `digest` tells it, `tls_digest` its TLS part, from another."""

    settings: WebSettings
    tls: Tls | None
    digest: bytes
    tls_digest: bytes

    @property
    def guarded(self) -> bool:
        """Whether it takes a password or a certificate to be answered."""
        required = self.settings.tls is not None and self.settings.tls.client_auth == "RequireAndVerifyClientCert"
        return bool(self.settings.users) or required


def load(path: Path, before: Loaded | None = None) -> Loaded:
    """Read the file at `path` and what it names; WebConfigError with every problem found.

    What is as it was `before` is taken from there: the same Tls goes on where its part has not changed.
    """
    raw = _read(path, "")
    settings = parse_settings(raw, path)
    material = None if settings.tls is None else _material(settings.tls, path)
    tls_digest = _digest(repr(settings.tls), *(() if material is None else _parts(material)))
    digest = _digest(raw, tls_digest)
    if before is not None and before.digest == digest:
        return before
    if settings.tls is None or material is None:
        return Loaded(settings, None, digest, tls_digest)
    if before is not None and before.tls_digest == tls_digest:
        return Loaded(settings, before.tls, digest, tls_digest)
    try:
        tls = build(settings.tls, material)
    except UserError as error:
        raise WebConfigError(*(f"{path}: {message}" for message in error.messages)) from None
    return Loaded(settings, tls, digest, tls_digest)


def parse_settings(raw: bytes, path: Path) -> WebSettings:
    """Return what the text of the file at `path` says; WebConfigError with every problem found."""
    try:
        document = parse(raw.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError:
        raise WebConfigError(f"{path}: is not UTF-8; save the file in this encoding") from None
    except DocumentError as error:
        raise WebConfigError(_discreet(str(error), None)) from None
    problems = [text for _, text in document.duplicates]
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        raise WebConfigError(document.problem((), "is no mapping; write keys such as `tls_server_config:`"))
    try:
        settings = WebModel.model_validate(data).settings(path.parent)
    except ValidationError as invalid:
        # A user's name is a key twice over for pydantic, which names its part then.
        places = [(tuple(step for step in one["loc"] if step != "[key]"), one) for one in invalid.errors()]
        problems += [document.problem(loc, describe(one, from_file=True, root=WebModel)) for loc, one in places]
        raise WebConfigError(*(_discreet(one, data) for one in problems)) from None
    if problems:
        raise WebConfigError(*(_discreet(one, data) for one in problems))
    return settings


def _discreet(message: str, data: dict[str, object] | None) -> str:
    """Return a message without what a line of htpasswd (`user:hash`) says behind the user, where it became a key."""
    users = (data or {}).get(_USERS)
    for name in sorted(users, key=len, reverse=True) if isinstance(users, dict) else ():
        if ":" in name:
            message = message.replace(f"{_USERS}.{name}", f"{_USERS}.{name.partition(':')[0]}:…")
    return _CRYPTED.sub("…", message)


class WebConfig:
    """The configuration in force. For one thread, the one that serves HTTP."""

    def __init__(
        self, path: Path, monotonic: Callable[[], float], report: Callable[[Loaded, str | None], None]
    ) -> None:
        """Read the file at `path`; WebConfigError where it cannot be used.

        `monotonic` is a clock in seconds. `report` hears of every change: the configuration that is
        in force then, and what is wrong with the one that is not, or None.
        """
        self._path = path
        self._monotonic = monotonic
        self._report = report
        self._loaded = load(path)
        self._problem: str | None = None
        self._due = monotonic() + LOOK_SECONDS
        report(self._loaded, None)

    def current(self) -> Loaded:
        """Return the configuration in force, after a look at the files if the last one was a second ago."""
        now = self._monotonic()
        if now >= self._due:
            self._due = now + LOOK_SECONDS
            self._look()
        return self._loaded

    def tls(self) -> Tls:
        """Return what connections are encrypted with at present; for a configuration that had TLS at the start."""
        tls = self.current().tls
        if tls is None:
            raise AssertionError
        return tls

    def _look(self) -> None:
        problem, found = None, self._loaded
        try:
            found = load(self._path, self._loaded)
        except WebConfigError as error:
            problem = str(error)
        if (found.tls is None) != (self._loaded.tls is None):
            problem = f"{self._path}: TLS is switched on or off by a restart only; restart the exporter"
            found = self._loaded
        if found is not self._loaded or problem != self._problem:
            self._loaded, self._problem = found, problem
            self._report(found, problem)


def _material(settings: TlsSettings, path: Path) -> Material:
    problems: list[str] = []
    texts: dict[str, bytes] = {}
    for key, source in (
        ("cert_file", settings.certificate),
        ("key_file", settings.key),
        ("client_ca_file", settings.client_ca),
    ):
        if isinstance(source, str):
            texts[key] = source.encode()
        elif source is not None:
            try:
                texts[key] = _read(source, f"{path}: {key}: ")
            except WebConfigError as error:
                problems += error.messages
    if problems:
        raise WebConfigError(*problems)
    return Material(texts["cert_file"], texts["key_file"], texts.get("client_ca_file"))


def _read(path: Path, place: str) -> bytes:
    """Return what is in a file that an administrator named; a FIFO or a device is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WebConfigError(f"{place}{path}: is no regular file; name one")
            raw = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "cannot be read").lower()
        raise WebConfigError(f"{place}{path}: {reason}; name a file that the exporter's user can read") from None
    if len(raw) > _LARGEST:
        raise WebConfigError(f"{place}{path}: is larger than 1 MiB; name the right file")
    return raw


def _parts(material: Material) -> tuple[bytes, bytes, bytes]:
    return material.certificate, material.key, material.client_ca or b""


def _digest(*parts: bytes | str) -> bytes:
    found = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        found.update(len(raw).to_bytes(8, "big") + raw)
    return found.digest()
