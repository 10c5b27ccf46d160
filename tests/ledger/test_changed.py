from __future__ import annotations

from exporter.ledger.changed import Changed


def test_hands_out_again_what_was_not_settled() -> None:
    """A failed commit loses no change, and later changes join it."""
    changed: Changed[str] = Changed()
    changed.touch("a")
    assert changed.hand_out({"a", "b"}) == ("a",)
    changed.touch("b")
    assert changed.hand_out({"a", "b"}) == ("a", "b")


def test_keeps_what_was_touched_during_the_commit() -> None:
    """A change between hand-out and settling is handed out to the next commit."""
    changed: Changed[str] = Changed()
    changed.touch("a")
    changed.hand_out({"a"})
    changed.touch("a")
    changed.settle()
    assert changed.hand_out({"a"}) == ("a",)
    changed.settle()
    assert changed.hand_out({"a"}) == ()


def test_forgets_what_came_and_went_without_a_commit() -> None:
    """While commits fail, keys that are no longer there do not pile up."""
    changed: Changed[int] = Changed()
    for number in range(100):
        changed.touch(number, held=False)
        changed.hand_out({number})
        changed.touch(number)
    assert changed.hand_out(()) == ()


def test_deletes_what_a_commit_wrote() -> None:
    """A key that the state holds and the mapping no longer does is handed out, for deletion."""
    changed: Changed[str] = Changed()
    changed.touch("a", held=False)
    changed.hand_out({"a"})
    changed.touch("a")
    changed.settle()
    assert changed.hand_out(()) == ("a",)
