"""Where event definitions come from: files and the shipped one, as YAML with line numbers.

`read_sources` is the package's only I/O. A key that stands twice in one mapping is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from exporter.document import Document, DocumentError, parse
from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BUILTIN_NAME = "booking.yaml"


class EventError(UserError):
    """The event definitions are wrong; each message names file, line, dotted place and remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of definitions: the name that messages show, and its text."""

    name: str
    text: str
    shipped: bool = False


def read_sources(files: Iterable[Path], *, builtin: bool = True) -> tuple[Source, ...]:
    """Read the files in order, then the shipped definitions; EventError names every unreadable file."""
    sources, problems = [], []
    for path in files:
        try:
            sources.append(Source(str(path), path.read_text(encoding="utf-8-sig")))
        except OSError as error:
            problems.append(f"{path}: cannot read the event definitions: {error.strerror}")
        except UnicodeDecodeError:
            problems.append(f"{path}: is not UTF-8 text; save it as UTF-8")
    if problems:
        raise EventError(*problems)
    return (*sources, builtin_source()) if builtin else tuple(sources)


def builtin_source() -> Source:
    """Return the shipped definitions."""
    text = resources.files("exporter.events").joinpath(BUILTIN_NAME).read_text(encoding="utf-8")
    return Source(BUILTIN_NAME, text, shipped=True)


def parse_source(source: Source) -> Document:
    """Parse a source; EventError where it is no YAML or a key stands twice."""
    try:
        document = parse(source.text, source.name, sound=source.shipped)
    except DocumentError as error:
        raise EventError(str(error)) from None
    if document.duplicates:
        raise EventError(*(problem for _, problem in document.duplicates))
    return document
