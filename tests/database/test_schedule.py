"""When queries are due."""

from __future__ import annotations

from exporter.database.schedule import Schedule


def test_all_are_due_at_first_in_order() -> None:
    """The order is that of the intervals."""
    schedule = Schedule({"b": 10, "a": 5}, 100)
    assert schedule.due(100) == ["b", "a"]
    assert schedule.due(99) == []


def test_those_that_wait_longest_come_first() -> None:
    """A query that was due earlier is asked earlier."""
    schedule = Schedule({"a": 10, "b": 5}, 0)
    schedule.ended("a", 0, 0)
    schedule.ended("b", 0, 0)
    assert schedule.due(10) == ["b", "a"]
    assert schedule.wait(2) == 3
    assert schedule.wait(7) == 0


def test_slow_queries_rest() -> None:
    """A query takes a twentieth of the time at most, a slice of long work a fifth."""
    schedule = Schedule({"a": 10}, 0)
    schedule.ended("a", 0, 0.1)
    assert schedule.at("a") == 10
    schedule.ended("a", 0, 2)
    assert schedule.at("a") == 40
    schedule.sliced("a", 0, 2)
    assert schedule.at("a") == 10


def test_failed_queries_are_tried_again_soon() -> None:
    """A query that is asked seldom is tried again with the most frequent one, but no failure is a burden."""
    schedule = Schedule({"a": 5, "b": 300}, 0)
    schedule.failed("b", 0, 0)
    assert schedule.at("b") == 5
    schedule.failed("b", 0, 2)
    assert schedule.at("b") == 40
