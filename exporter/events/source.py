"""Where event definitions come from: files and the shipped one, as YAML with line numbers.

`read_sources` is the package's only I/O. YAML is read with PyYAML's safe loader (YAML 1.1);
a key that stands twice in one mapping is refused, which YAML demands and PyYAML does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import yaml

from exporter.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Location = tuple[str | int, ...]

BUILTIN_NAME = "booking.yaml"


class EventError(UserError):
    """The event definitions are wrong; each message names file, line, dotted place and remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of definitions: the name that messages show, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its data, and the line of each node by its location."""

    name: str
    data: object
    lines: Mapping[Location, int]

    def problem(self, location: Location, text: str) -> str:
        """Return a message that begins with file, line and dotted place."""
        known = location
        while known not in self.lines and known:
            known = known[:-1]
        place = dotted(location)
        return f"{self.name}:{self.lines.get(known, 1)}: {place + ': ' if place else ''}{text}"


def dotted(location: Location) -> str:
    """Return a location as people write it: `events[2].match.message`."""
    place = ""
    for part in location:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place


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
    return Source(BUILTIN_NAME, text)


def parse_document(source: Source) -> Document:
    """Parse a source; EventError where it is no YAML or a key stands twice."""
    try:
        data, lines, doubled = _parse(source.text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise EventError(f"{source.name}:{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:  # a control character; a date that does not exist
        raise EventError(f"{source.name}:1: not valid YAML: {str(error).splitlines()[0]}") from None
    except (LookupError, AttributeError, TypeError):  # how PyYAML fails on `!!bool x` and the like
        raise EventError(f"{source.name}:1: not valid YAML: a value is not what its tag says") from None
    except RecursionError:
        raise EventError(f"{source.name}:1: not valid YAML: values are nested too deeply") from None
    if doubled:
        raise EventError(*(f"{source.name}:{one}" for one in doubled))
    return Document(source.name, data, lines)


def _parse(text: str) -> tuple[object, dict[Location, int], list[str]]:
    loader = yaml.SafeLoader(text)
    node = loader.get_single_node()
    lines: dict[Location, int] = {}
    doubled: list[str] = []
    if node is None:
        return None, lines, doubled
    _walk(node, (), lines, doubled, set())
    return loader.construct_document(node), lines, doubled


def _walk(node: yaml.Node, at: Location, lines: dict[Location, int], doubled: list[str], seen: set[int]) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if id(node) in seen:  # an alias, perhaps to a node around it: its lines are known under its first place
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*at, index), lines, doubled, seen)
    elif isinstance(node, yaml.MappingNode):
        keys = set()
        for key, child in node.value:
            name = str(key.value)
            if name in keys:
                doubled.append(f"{key.start_mark.line + 1}: {dotted((*at, name))}: stands twice; keep one")
            keys.add(name)
            lines[*at, name] = key.start_mark.line + 1
            _walk(child, (*at, name), lines, doubled, seen)
