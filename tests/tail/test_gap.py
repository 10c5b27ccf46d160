"""Places where content may have come and gone unseen, as the checkpoint remembers them."""

from __future__ import annotations

import pytest

from exporter.tail.follow import Tail
from exporter.tail.gap import Gap, dump, load


def test_what_is_dumped_is_loaded() -> None:
    """A gap is the same after a restart, and belongs to the same file."""
    tails = [Tail(7, "app", "/logs/laravel.log.1", 1, 2), Tail(8, "app", "/logs/laravel.log", 1, 3)]
    gap = Gap(tails[1], "/logs/laravel.log", 10.5, 11.25, told=False, deleted=True)
    assert load(dump([gap]), tails) == {"/logs/laravel.log": gap}


def test_file_that_is_known_no_more() -> None:
    """Where the file of a gap is gone, what came behind it is sought all the same."""
    gap = Gap(Tail(7, "app", "/logs/laravel.log", 1, 2), "/logs/laravel.log", 10.5, 11.25, told=True, deleted=False)
    found = load(dump([gap]), [])["/logs/laravel.log"]
    assert (found.tail.log, found.tail.key, found.since, found.told) == ("app", (0, 0), 10.5, True)


def test_nothing_to_remember() -> None:
    """No gap is no text, which is what a state of an older version has."""
    assert dump([]) == ""
    assert load("", []) == {}


@pytest.mark.parametrize("text", ["{", "[[1]]", "[1]", '[[1,"app","/l","x",2,false,false]]', "7"])
def test_damaged(text: str) -> None:
    """What is damaged is refused as such, whatever it holds instead."""
    with pytest.raises(ValueError, match=r"."):
        load(text, [])
