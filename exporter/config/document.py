"""A YAML text with the line of each of its values, so that an error can say where it is.

Format: YAML 1.1 as PyYAML's safe loader reads it (https://pyyaml.org), with two differences:
a key that stands twice in a mapping is reported, and dates stay text. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

Path = tuple[str | int, ...]
"""Keys and list indexes that lead to a value."""

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


class DocumentError(Exception):
    """The text is not YAML, or not one document. Lines and columns count from 1."""

    def __init__(self, text: str, line: int | None = None, column: int | None = None) -> None:
        """Take what is wrong, and where it is if that is known."""
        super().__init__(text)
        self.text = text
        self.line = line
        self.column = column


class _Loader(yaml.SafeLoader):
    """The safe loader, whose every failure carries its place."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # typed so by the base class
        first: [(tag, regexp) for tag, regexp in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  # as the base class has it
        """Construct the node; a value that its tag refuses (`!!int x`) is an error with its place."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            tag = node.tag.removeprefix("tag:yaml.org,2002:")
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


class Document:
    """A parsed YAML text: `data` as plain Python values, and the lines of its parts.

    `duplicates` holds each key that stands twice in one mapping: its path, its line and the
    line of the first.
    """

    def __init__(
        self, data: object, root: yaml.Node | None = None, duplicates: tuple[tuple[Path, int, int], ...] = ()
    ) -> None:
        """Take the values, the node tree that they were made from, and the keys that stand twice."""
        self.data = data
        self.duplicates = duplicates
        self._root = root

    def line(self, path: Sequence[str | int]) -> int:
        """Return the line of the key or list item at `path`, or of its nearest parent that exists."""
        line = self._root.start_mark.line if self._root is not None else 0
        node = self._root
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            line, node = found
        return line + 1


def parse(text: str) -> Document:
    """Parse one YAML document; an empty text gives `data` None. Raises DocumentError."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Document(None)
        # Before the values are made: that puts the keys of merged mappings (`<<`) among the others.
        duplicates = tuple(_duplicates(root, (), set()))
        return Document(loader.construct_document(root), root, duplicates)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
        what = ", ".join(one for one in (error.context, error.problem) if one)
        raise DocumentError(what, *where) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError("a character that YAML does not allow", line) from None
    except RecursionError:
        raise DocumentError("values are nested too deeply") from None


def _step(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # The last one of equal keys is the one whose value counts.
        for key, value in reversed(node.value):
            if str(key.value) == str(step):
                return key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line, item
    return None


def _duplicates(node: yaml.Node, path: Path, seen: set[int]) -> Iterator[tuple[Path, int, int]]:
    if id(node) in seen:  # an alias, perhaps of a node that holds it
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if key.tag != _MERGE and name in lines:
                yield (*path, name), line, lines[name]
            lines.setdefault(name, line)
            yield from _duplicates(value, (*path, name), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _duplicates(value, (*path, index), seen)
