from __future__ import annotations

import pytest

from exporter.ledger.windows import CREATED, REJECTIONS, Windows, prevention_rate

NOW = 1_760_000_000.0
MINUTE = int(NOW // 60)


@pytest.mark.parametrize(
    ("rejections", "created", "rate"),
    [
        ({}, {}, 0.0),
        ({}, {MINUTE: 5}, 0.0),
        ({MINUTE: 1}, {}, 100.0),
        ({MINUTE: 1, MINUTE - 1: 1}, {MINUTE - 9: 6}, 25.0),
        ({MINUTE - 1439: 1}, {MINUTE: 1}, 50.0),
        ({MINUTE - 1440: 1}, {MINUTE: 1}, 0.0),
        ({MINUTE + 1: 1}, {MINUTE: 1}, 50.0),
        ({MINUTE + 1440: 1}, {MINUTE: 1}, 0.0),
    ],
)
def test_prevention_rate(rejections: dict[int, int], created: dict[int, int], rate: float) -> None:
    """The rate is the share of rejections in percent, over 1,440 minutes, and 0 when nothing happened."""
    assert prevention_rate(rejections, created, NOW) == rate


def test_rate_decays_while_nothing_happens() -> None:
    """A day after the last happening the rate is 0 without any new record."""
    assert prevention_rate({MINUTE: 1}, {MINUTE: 1}, NOW + 86400.0) == 0.0


def test_future_counts_as_now_and_old_not_at_all() -> None:
    """A time ahead of the clock falls into the present minute; one older than a day is left out."""
    windows = Windows({})
    windows.add(CREATED, NOW + 7200.0, NOW)
    windows.add(CREATED, NOW - 86340.0, NOW)
    windows.add(CREATED, NOW - 86460.0, NOW)
    assert windows.state() == {(CREATED, MINUTE): 1, (CREATED, MINUTE - 1439): 1}


def test_old_minutes_are_forgotten() -> None:
    """A minute a day old is dropped, from the state as well."""
    windows = Windows({(CREATED, MINUTE - 1440): 4, (REJECTIONS, MINUTE): 1})
    windows.add(REJECTIONS, NOW, NOW)
    assert windows.changes() == {(CREATED, MINUTE - 1440): None, (REJECTIONS, MINUTE): 2}
    windows.committed()
    assert windows.shown == {CREATED: {}, REJECTIONS: {MINUTE: 2}}
    assert windows.changes() == {}


def test_kinds_of_another_version() -> None:
    """Minutes of a kind that is not known here are not shown, and forgotten after a day like all others."""
    windows = Windows({("other", MINUTE): 4, (CREATED, MINUTE): 1}, ("layer1", CREATED))
    assert windows.shown == {"layer1": {}, CREATED: {MINUTE: 1}}
    later = NOW + 86400.0
    windows.add("layer1", later, later)
    assert windows.changes() == {("other", MINUTE): None, (CREATED, MINUTE): None, ("layer1", MINUTE + 1440): 1}
    windows.committed()
    assert windows.shown == {"layer1": {MINUTE + 1440: 1}, CREATED: {}}


def test_minutes_far_ahead_are_forgotten() -> None:
    """Minutes counted while the clock was years ahead do not stay."""
    windows = Windows({(CREATED, MINUTE + 5_000_000): 4})
    windows.add(CREATED, NOW, NOW)
    assert windows.state() == {(CREATED, MINUTE): 1}


def test_bounded() -> None:
    """Two days of happenings each minute leave one day."""
    windows = Windows({})
    for minute in range(2880):
        at = NOW + 60.0 * minute
        windows.add(CREATED, at, at)
    assert len(windows.state()) == 1440


def test_shows_only_what_was_committed() -> None:
    """A number appears after its commit, and not what was counted while that commit ran."""
    windows = Windows({})
    windows.add(CREATED, NOW, NOW)
    assert windows.shown[CREATED] == {}
    windows.changes()
    windows.add(CREATED, NOW, NOW)
    windows.committed()
    assert windows.shown[CREATED] == {MINUTE: 1}
    untouched = windows.shown[REJECTIONS]
    windows.changes()
    windows.committed()
    windows.committed()
    assert windows.shown[CREATED] == {MINUTE: 2}
    assert windows.shown[REJECTIONS] is untouched
