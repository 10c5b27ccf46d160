"""Paths that cannot be read: counted, told and retried at rising intervals."""

from __future__ import annotations

from itertools import pairwise

from exporter.tail.trouble import LONGEST, Troubles


class World:
    def __init__(self) -> None:
        self.counted: list[tuple[str, ...]] = []
        self.told: list[tuple[str, str, str]] = []
        self.troubles = Troubles(
            lambda _metric, labels, _amount: self.counted.append(labels),
            lambda *what: self.told.append(what),
        )


def test_waits_double_up_to_a_minute() -> None:
    """A path is tried again after 1, 2, 4 … 60 seconds, counted each time and told once."""
    world, times, now = World(), [], 0.0
    while now < 300:
        if not world.troubles.waits("app", "/a", now):
            times.append(now)
            world.troubles.note("app", "/a", "io", now)
            world.troubles.note("app", "/a", "io", now)
        now += 1.0
    gaps = [second - first for first, second in pairwise(times)]
    assert gaps == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert world.counted == [("app", "io")] * len(times)
    assert world.told == [("app", "io", "/a")]


def test_solved_ends_it() -> None:
    """A path that could be read again begins anew with its next failure."""
    world = World()
    world.troubles.note("app", "/a", "io", 0.0)
    world.troubles.solved("app", "/a")
    assert world.troubles.paths == set()
    assert not world.troubles.waits("app", "/a", 0.1)
    world.troubles.note("app", "/a", "io", 0.2)
    assert len(world.told) == 2


def test_clock_set_back_ends_a_wait() -> None:
    """A wait does not outlast a clock that is set back."""
    world = World()
    world.troubles.note("app", "/a", "io", 1000.0)
    assert world.troubles.waits("app", "/a", 1000.5)
    assert not world.troubles.waits("app", "/a", 500.0)


def test_paths_nobody_asks_for_are_forgotten() -> None:
    """Memory does not grow with the paths that ever failed."""
    world = World()
    world.troubles.note("app", "/a", "io", 0.0)
    world.troubles.begin()
    world.troubles.end(10.0)
    assert world.troubles._waits
    world.troubles.end(2 * LONGEST + 1)
    assert not world.troubles._waits


def test_two_logs_in_one_folder() -> None:
    """A folder that two logs have in common is a trouble of both, each counted and told."""
    world = World()
    for log in ("app", "other"):
        world.troubles.note(log, "/a", "permission", 0.0)
    assert world.troubles.paths == {("app", "/a"), ("other", "/a")}
    assert world.counted == [("app", "permission"), ("other", "permission")]
    world.troubles.solved("app", "/a")
    assert world.troubles.waits("other", "/a", 0.1)
