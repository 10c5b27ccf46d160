"""A YAML text with the line of each of its values, so that a problem can say where it is.

Format: YAML 1.1 as PyYAML's safe loader reads it (https://pyyaml.org), with four differences:
a key that stands twice in a mapping is reported, keys are words as they are written, dates
stay text, and every text can be written as UTF-8. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

Location = tuple[str | int, ...]
"""Keys and list indexes that lead to a value."""

_TAGS = "tag:yaml.org,2002:"
_TIMESTAMP = _TAGS + "timestamp"
_TEXT = _TAGS + "str"
_MERGE = _TAGS + "merge"
_REFUSALS = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
"""How PyYAML fails on some texts, beside its own errors: `!!int ""`, `!!bool x`, `"\\UFFFFFFFF"`, `1:1:…:1.0`."""


class DocumentError(Exception):
    """The text is not YAML, or not one document: one message for the user, with the place and the remedy.

    `line` and `column` count from 1 and are None where they are not known.
    """

    def __init__(self, name: str, text: str, line: int | None = None, column: int | None = None) -> None:
        """Take the file's name, what is wrong, and where it is if that is known."""
        place = ":".join(str(one) for one in (name, line, column) if one is not None)
        super().__init__(f"{place}: is not valid YAML: {text}; correct it there or just before")
        self.line = line
        self.column = column


class _Constructor(yaml.constructor.SafeConstructor, yaml.resolver.Resolver):
    """The safe constructor, whose every failure but running out of stack is an error of YAML with its place."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # typed so by the base class
        first: [(tag, regexp) for tag, regexp in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  # as the base class has it
        """Construct the node; a value that its tag refuses (`!!int x`) is an error with its place."""
        try:
            return super().construct_object(node, deep=deep)
        except _REFUSALS:
            tag = node.tag.removeprefix(_TAGS)
            raise yaml.constructor.ConstructorError(None, None, f"no {tag} value", node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # as the base class has it
        """Construct the mapping with its keys as they are written: `no` is no boolean there, nor 1 a number."""
        if isinstance(node, yaml.MappingNode):  # `!!map []` is none, which the base class reports
            self.flatten_mapping(node)
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
                key.tag = _TEXT
        return super().construct_mapping(node, deep=deep)


class _Loader(_Constructor, yaml.SafeLoader):
    """The safe loader, strict in reading as well."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:  # noqa: ANN401  # as the base class has it
        """Return the text; an escape for half of a surrogate pair, which no file can hold, is an error."""
        text = super().construct_scalar(node)
        try:
            text.encode()
        except UnicodeEncodeError:
            what = "half of a surrogate pair is no character, write the character itself"
            raise yaml.constructor.ConstructorError(None, None, what, node.start_mark) from None
        return text

    def get_single_node(self) -> yaml.Node | None:
        """Read the text; an escape or a version that no number can be is an error with its place."""
        try:
            return super().get_single_node()
        except _REFUSALS:
            raise yaml.scanner.ScannerError(None, None, "a number out of range", self.get_mark()) from None


_QuickLoader: Any = type("_QuickLoader", (_Constructor, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})
"""Reads by libyaml where PyYAML has it, ten times as fast. It differs in what it refuses, and how."""


class Document:
    """A parsed YAML text: `name` for messages, `data` as plain Python values, and the lines of its parts.

    `duplicates` holds each key that stands twice in one mapping: its line, and the problem as the
    user is told it.
    """

    def __init__(
        self, name: str, data: object, root: yaml.Node | None = None, duplicates: tuple[tuple[int, str], ...] = ()
    ) -> None:
        """Take the values, the node tree that they were made from, and the keys that stand twice."""
        self.name = name
        self.data = data
        self.duplicates = duplicates
        self._root = root

    def line(self, location: Location) -> int:
        """Return the line of the key or list item at `location`, or of its nearest parent that exists."""
        line = self._root.start_mark.line if self._root is not None else 0
        node = self._root
        for step in location:
            found = _step(node, step)
            if found is None:
                break
            line, node = found
        return line + 1

    def place(self, location: Location) -> str:
        """Return file, line and dotted place as messages begin with them."""
        return _place(self.name, self.line(location), location)

    def problem(self, location: Location, text: str) -> str:
        """Return a message that begins with the place."""
        return f"{self.place(location)}: {text}"


def parse(text: str, name: str, *, sound: bool = False) -> Document:
    """Parse one YAML document of the file `name`; an empty text gives `data` None. Raises DocumentError.

    Of a text that is known to be `sound`, as tests hold the shipped ones to be, it makes the same faster.
    """
    try:
        loader = _QuickLoader(text) if sound else _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Document(name, None)
        # Before the values are made: that puts the keys of merged mappings (`<<`) among the others.
        duplicates = tuple(
            (line, f"{_place(name, line, location)}: stands twice, first in line {first}; remove one of them")
            for location, line, first in _duplicates(root, (), set())
        )
        return Document(name, loader.construct_document(root), root, duplicates)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
        what = ", ".join(one for one in (error.context, error.problem) if one)
        raise DocumentError(name, what, *where) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(name, "a character that YAML does not allow", line) from None
    except RecursionError:
        raise DocumentError(name, "values are nested too deeply") from None


def dotted(location: Location) -> str:
    """Return a location as people write it: `logs[0].timezone`."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _place(name: str, line: int, location: Location) -> str:
    return f"{name}:{line}" + (f": {dotted(location)}" if location else "")


def _step(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # The last one of equal keys is the one whose value counts.
        for key, value in reversed(node.value):
            if key.value == str(step):
                return key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line, item
    return None


def _duplicates(node: yaml.Node, location: Location, seen: set[int]) -> Iterator[tuple[Location, int, int]]:
    """Yield each key that stands twice: its location, its line and the line of the first."""
    if id(node) in seen:  # an alias, perhaps of a node that holds it
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):  # which is refused where the values are made
                continue
            name = key.value
            line = key.start_mark.line + 1
            if key.tag != _MERGE and name in lines:
                yield (*location, name), line, lines[name]
            lines.setdefault(name, line)
            yield from _duplicates(value, (*location, name), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _duplicates(value, (*location, index), seen)
