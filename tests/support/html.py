"""HTML as a tree, read strictly: what is opened is closed, in order, or the test fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOID = {"link", "meta"}
_DRAWN_OUTSIDE = {"style", "title"}
"""Elements whose text stands on no page (a drawing's title is shown when it is pointed at)."""


@dataclass
class Element:
    """An element with its attributes and children; `text` is all that is written in it."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text in it, with single spaces."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in _DRAWN_OUTSIDE:
                yield from child._texts()
                yield " "

    def walk(self) -> Iterator[Element]:
        """Yield it and all that is in it, in the order of the text."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return all elements of a tag, with these attributes (`class_` holds the class among others)."""
        return [one for one in self.walk() if one.tag == tag and one.has(attributes)]

    def has(self, attributes: dict[str, str]) -> bool:
        """Tell whether it has these attributes."""
        named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return all(
            value in self.attributes.get(name, "").split() if name == "class" else self.attributes.get(name) == value
            for name, value in named.items()
        )

    def one(self, tag: str, **attributes: str) -> Element:
        """Return the only element of a tag with these attributes."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> in <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    def finish(self) -> Element:
        self.close()
        assert self._open == [self.root], f"<{self._open[-1].tag}> is not closed"
        return self.root


def read_html(text: str) -> Element:
    """Return the tree of a document; AssertionError where it is not well formed."""
    reader = _Reader()
    reader.feed(text)
    return reader.finish()
