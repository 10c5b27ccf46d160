"""The daemon's own condition, from what is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.config.schema import LogSettings
from exporter.health import Condition
from exporter.tail.follow import State, Tail
from exporter.tail.track import Remembered, Tracker

if TYPE_CHECKING:
    from exporter.model import LogHealth


def shown(*states: State, catching_up: bool = False, **fields: float) -> LogHealth:
    tails = [Tail(number, "app", f"/{number}", 1, number, state=state) for number, state in enumerate(states)]
    for tail in tails:
        for name, value in fields.items():
            setattr(tail, name, value)
    return condition(tails, catching_up=catching_up)


def condition(tails: list[Tail], *, catching_up: bool) -> LogHealth:
    logs = [LogSettings("app", ("/none/*",))]
    tracker = Tracker(logs, Remembered(tails), report=lambda *_: None, warn=lambda *_: None)
    one = Condition(("app",))
    health = one.health(tracker, {"app": 0.5}, {"app": 7.5}, catching_up=catching_up, started=not catching_up)
    assert health.ready is not catching_up
    assert health.uncommitted_bytes == sum(tail.uncommitted for tail in tails)
    assert (health.logs["app"].clock_offset, health.logs["app"].last_record) == (0.5, 7.5)
    return health.logs["app"]


def test_up_needs_a_file_and_none_refused() -> None:
    """A log is up if a file that is to be read is there, and none is refused."""
    assert shown("active").up
    assert shown("copy", "rotated").up
    assert not shown("rotated").up
    assert not shown("active", "refused").up
    assert not shown(catching_up=True).up


def test_files_by_state() -> None:
    """Files are counted by the states of the series; refused ones as unreadable, missing ones not at all."""
    assert shown("active", "active", "rotated", "unlinked", "copy", "compressed", "refused", "missing").files == {
        "active": 2,
        "rotated": 1,
        "unlinked": 1,
        "copy": 1,
        "compressed": 1,
        "unreadable": 1,
    }


def test_lag() -> None:
    """Lag is the sum of unread bytes, and the oldest time at which some waited."""
    log = shown("active", "rotated", size=100, position=40, since=7.0, uncommitted=3)
    assert (log.lag_bytes, log.oldest_uncommitted) == (120, 7.0)
    assert shown("active").oldest_uncommitted is None


def test_last_written() -> None:
    """A log was written to when the newest of its files was; it is not known before one was looked at."""
    tails = [Tail(number, "app", f"/{number}", 1, number, modified=10.0 * number) for number in range(3)]
    assert condition(tails, catching_up=False).written == 20.0
    assert condition(tails[:1], catching_up=False).written is None


def test_a_commit_ends_a_failure() -> None:
    """A failing commit is shown until one succeeds."""
    one = Condition(())
    one.commit_failing = True
    one.committed(5.0)
    assert (one.commit_failing, one.last_commit) == (False, 5.0)
