"""Documents that are nearly right: YAML text, values and changes of values for the loaders to refuse."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypothesis.strategies import DrawFn, SearchStrategy

_MARKS = (
    *(": ", "- ", "? ", "[", "]", "{", "}", ",", "&a ", "*a", "<<: *a", "%YAML 1.1\n", "---\n", "...\n", "#", "'", '"'),
    *("!!int ", "!!timestamp ", "!!bool ", "!!binary ", "!!set ", "!!float ", "!!python/name:os ", "!x ", "!!map "),
    *("\n", "\n  ", "\n    ", "|\n", ">\n", "\t", "\0", "\x85", "\ufeff", "\ud83d", "é🚨", "=", "9" * 5000),
    *("null", "~", "yes", "0x1F", "1_000", "1e3", ".inf", ".nan", "2001-13-45", "2001-01-01", "12:30:45"),
)
DEEP = tuple(mark * 1100 for mark in ("[", "{", "- ", "? ", "{a: ", "&a [", "!x ["))
"""Values in one another: more than Python's own limit on calls."""


def values(words: Iterable[str]) -> SearchStrategy[Any]:
    """Return a strategy for plain values of any shape, with `words` as likely texts and keys."""
    texts = st.one_of(st.sampled_from([*words, "", "\0", "é🚨", "${x}", "a" * 300]), st.text(max_size=12))
    numbers = st.one_of(st.integers(), st.floats(), st.just(10**400))
    plain = st.one_of(st.none(), st.booleans(), numbers, texts, st.dates())
    keys = st.one_of(texts, st.integers(0, 3), st.booleans(), st.none())
    return st.recursive(
        plain,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
        max_leaves=12,
    )


def texts(words: Iterable[str]) -> SearchStrategy[str]:
    """Return a strategy for text made of YAML's marks and `words`, a tenth of it with deeply nested text behind.

    A deep text takes a hundred times as long to read as another, so each of DEEP by itself is better tried just once.
    """
    piece = st.one_of(st.sampled_from([*_MARKS, *words]), st.text(max_size=6))
    shallow = st.lists(piece, max_size=40).map("".join)
    deep = st.tuples(shallow, st.sampled_from(DEEP)).map("".join)
    return st.integers(0, 9).flatmap(lambda kind: deep if kind == 9 else shallow)


@st.composite
def changed(draw: DrawFn, document: object, words: Iterable[str]) -> Any:  # noqa: ANN401  (a plain value of any shape)
    """Draw `document` with one to three of its parts replaced, removed, doubled or renamed."""
    document = deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, document, words)
    return document


def _change(draw: DrawFn, document: object, words: Iterable[str]) -> None:
    holders = [holder for holder in _holders(document) if holder]
    if not holders:
        return
    holder = draw(st.sampled_from(holders))
    key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
    match draw(st.sampled_from(["replace", "remove", "double", "rename"])):
        case "remove":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        case "rename" if isinstance(holder, dict):
            holder[draw(st.sampled_from(list(words)))] = holder.pop(key)
        case _:
            holder[key] = draw(values(words))


def _holders(document: object) -> list[Any]:
    if isinstance(document, dict):
        return [document, *(one for value in document.values() for one in _holders(value))]
    if isinstance(document, list):
        return [document, *(one for value in document for one in _holders(value))]
    return []


@st.composite
def damaged(draw: DrawFn, text: str) -> str:
    """Draw `text` with some of its characters removed, doubled or replaced by YAML's marks."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 0, 1, 2, 10, 200]))
        put = draw(st.one_of(st.sampled_from(_MARKS), st.just(text[at : at + length] * 2), st.text(max_size=3)))
        text = text[:at] + put + text[at + length :]
    return text
