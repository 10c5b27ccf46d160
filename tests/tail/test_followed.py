"""The set of followed files."""

from __future__ import annotations

from exporter.tail.followed import Followed


def test_places_that_were_left_are_forgotten() -> None:
    """Where a file was seen last is known for one look more; then its place was seen to be vacant, or taken."""
    followed = Followed((), {}, lambda *_: None)
    followed.left = {"/logs/a": 10.0, "/logs/b": 15.0}
    followed.forget_left(10.0)
    assert followed.left == {"/logs/a": 10.0, "/logs/b": 15.0}
    followed.forget_left(15.0)
    assert followed.left == {"/logs/b": 15.0}
