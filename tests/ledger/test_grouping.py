from __future__ import annotations

import pytest

from exporter.ledger.grouping import Grouping
from exporter.model import VIOLATED, Violated

AT = 1_760_000_000.0


def test_every_failed_save_counts() -> None:
    """Failed saves with one key at one time are as many violations."""
    grouping = Grouping({})
    assert [grouping.counts(b"k", "failed_save", AT) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize(
    ("apart", "counts"), [(0.0, False), (60.0, False), (60.5, True), (-60.0, False), (-60.5, True)]
)
def test_a_report_near_a_failed_save_does_not_count(apart: float, *, counts: bool) -> None:
    """A failed save covers reports of its key up to 60 s of event time before and after it."""
    grouping = Grouping({})
    grouping.counts(b"k", "failed_save", AT)
    assert grouping.counts(b"k", "report", AT + apart) is counts


@pytest.mark.parametrize(("apart", "counts"), [(0.0, False), (1.0, False), (1.5, True), (-1.0, False), (-1.5, True)])
def test_equal_reports_within_a_second_are_one(apart: float, *, counts: bool) -> None:
    """A report without a failed save counts unless an equal one is within a second."""
    grouping = Grouping({})
    assert grouping.counts(b"k", "report", AT)
    assert grouping.counts(b"k", "report", AT + apart) is counts


def test_other_keys_do_not_matter() -> None:
    """A failed save covers reports of its own key only."""
    grouping = Grouping({})
    grouping.counts(b"k", "failed_save", AT)
    assert grouping.counts(b"other", "report", AT)


@pytest.mark.parametrize("role", ["failed_save", "report"])
def test_violated_is_known_for_sixty_seconds(role: str) -> None:
    """A violation in either role, counted or not, is the cause of what follows within 60 s."""
    grouping = Grouping({})
    grouping.counts(b"k", role, AT)
    assert grouping.violated(b"k", AT + 60.0)
    assert not grouping.violated(b"k", AT + 61.0)
    assert not grouping.violated(b"other", AT)


def test_bounded_with_the_oldest_arrival_dropped() -> None:
    """Beyond the limit the violation that arrived first is forgotten, whatever its time."""
    grouping = Grouping({}, limit=2)
    for key, time in ((b"a", AT + 9), (b"b", AT), (b"b", AT), (b"c", AT)):
        grouping.counts(key, "failed_save", time)
    assert not grouping.violated(b"a", AT + 9)
    assert grouping.violated(b"b", AT)
    assert grouping.violated(b"c", AT)
    assert list(grouping.state()) == [2, 3]


def page(grouping: Grouping) -> tuple[int, list[bytes], int, bool] | None:
    """Return what is to be committed: the first number, the keys, the front, and whether that is all."""
    one = grouping.changes()
    if one is None:
        return None
    keys = [key.rstrip(b"\0") for key, _, _ in VIOLATED.iter_unpack(one.entries)]
    return one.start, keys, one.front, one.anew


def test_state_is_continued() -> None:
    """After a restart the remembered violations cover reports, numbers go on rising, and excess is deleted."""
    held = {8: Violated(b"old", "report", AT), 9: Violated(b"k", "failed_save", AT)}
    grouping = Grouping(held, front=8, limit=2)
    assert page(grouping) is None
    assert not grouping.counts(b"k", "report", AT + 5)
    assert page(grouping) == (10, [b"k"], 9, False)
    grouping.committed()
    assert page(grouping) is None
    assert list(grouping.state()) == [9, 10]


def test_what_an_older_version_wrote_is_written_anew() -> None:
    """Without numbers from a front on, all that is held becomes one page, in the order of arrival."""
    grouping = Grouping({8: Violated(b"k", "failed_save", AT), 3: Violated(b"old", "report", AT)}, limit=1)
    assert page(grouping) == (1, [b"k"], 1, True)
    assert not grouping.counts(b"k", "report", AT + 5)
    assert page(grouping) == (2, [b"k"], 2, True)
    grouping.committed()
    assert page(grouping) is None


def test_nothing_piles_up_while_commits_fail() -> None:
    """Violations that came and went between commits leave nothing to write."""
    grouping = Grouping({}, front=0, limit=3)
    for step in range(100):
        grouping.counts(b"%d" % step, "failed_save", AT + step)
        grouping.changes()
    assert page(grouping) == (97, [b"97", b"98", b"99"], 97, False)
    assert len(grouping._pages._fresh) == 3
