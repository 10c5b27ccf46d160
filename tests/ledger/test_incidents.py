from __future__ import annotations

from exporter.ledger.incidents import SPAN, Incidents
from exporter.model import SIGHTING, Sighting

NOW = 1_760_000_000.0
DAY = 86400.0


def page(incidents: Incidents) -> tuple[int, list[bytes], int, bool] | None:
    """Return what is to be committed: the first number, the names, the front, and whether that is all."""
    one = incidents.changes()
    if one is None:
        return None
    names = [hashed.rstrip(b"\0") for hashed, _, _ in SIGHTING.iter_unpack(one.entries)]
    return one.start, names, one.front, one.anew


def test_repeats_within_seven_days_are_one() -> None:
    """Forty retries are one incident, up to and with 7 days after the first sighting; then it is a new one."""
    incidents = Incidents({})
    assert incidents.see(b"a", NOW, NOW + 30 * DAY)
    assert not any(incidents.see(b"a", NOW + step, NOW + 30 * DAY) for step in range(40))
    assert not incidents.see(b"a", NOW + SPAN, NOW + 30 * DAY)
    assert incidents.see(b"a", NOW + SPAN + 1, NOW + 30 * DAY)
    assert not incidents.see(b"a", NOW + SPAN + 2, NOW + 30 * DAY)


def test_an_old_one_is_forgotten() -> None:
    """7 days of event time after it was seen an incident leaves the state."""
    incidents = Incidents({b"a": Sighting(NOW, NOW), b"b": Sighting(NOW + DAY, NOW + DAY)}, front=0)
    assert incidents.see(b"c", NOW + SPAN + 1, NOW + 30 * DAY)
    assert set(incidents.state()) == {b"b", b"c"}
    assert page(incidents) == (2, [b"c"], 1, False)


def test_future_counts_as_now() -> None:
    """One record with a time years ahead does not make all incidents old."""
    incidents = Incidents({b"a": Sighting(NOW, NOW)})
    assert incidents.see(b"b", NOW + 3650 * DAY, NOW)
    assert incidents.state()[b"b"] == Sighting(NOW, NOW)
    assert not incidents.see(b"a", NOW, NOW)


def test_history_read_late_is_grouped() -> None:
    """Repeats in a file that is read after newer ones are one incident, also across a restart."""
    incidents = Incidents({})
    incidents.see(b"new", NOW, NOW)
    assert incidents.see(b"old", NOW - 30 * DAY, NOW)
    incidents.see(b"newer", NOW, NOW)
    assert not incidents.see(b"old", NOW - 29 * DAY, NOW)
    assert not Incidents(incidents.state()).see(b"old", NOW - 28 * DAY, NOW)


def test_of_two_incidents_the_later_is_remembered() -> None:
    """An earlier incident of the same identifier, read later, counts once and does not make the later new again."""
    incidents = Incidents({})
    assert incidents.see(b"a", NOW, NOW)
    assert incidents.see(b"a", NOW - 10 * DAY, NOW)
    assert not incidents.see(b"a", NOW, NOW)
    assert incidents.evict() == 0
    assert incidents.state() == {b"a": Sighting(NOW, NOW)}


def test_bounded_with_the_oldest_evicted() -> None:
    """Beyond the limit the oldest are forgotten and counted."""
    incidents = Incidents({}, limit=2)
    for name in (b"a", b"b", b"c"):
        incidents.see(name, NOW, NOW)
    assert incidents.evict() == 1
    assert list(incidents.state()) == [b"b", b"c"]


def test_state_has_an_order() -> None:
    """After a restart the oldest is still the first to go, whatever order the rows came in."""
    incidents = Incidents({b"new": Sighting(NOW, NOW), b"old": Sighting(NOW, NOW - DAY)}, limit=1)
    incidents.evict()
    assert list(incidents.state()) == [b"new"]


def test_changes_until_committed() -> None:
    """Changes are handed out until a commit took them, what came meanwhile as well."""
    incidents = Incidents({}, front=0)
    assert page(incidents) is None
    incidents.see(b"a", NOW, NOW)
    assert page(incidents) == page(incidents) == (0, [b"a"], 0, False)
    incidents.see(b"b", NOW, NOW)
    assert page(incidents) == (0, [b"a", b"b"], 0, False)
    incidents.see(b"c", NOW, NOW)
    incidents.committed()
    assert page(incidents) == (2, [b"c"], 0, False)
    incidents.committed()
    assert page(incidents) is None


def test_what_comes_and_goes_between_commits_is_never_written() -> None:
    """A log full of new incidents leaves those that are held in the state, and the number of the oldest."""
    incidents = Incidents({b"x": Sighting(NOW, NOW), b"y": Sighting(NOW, NOW)}, front=7, limit=2)
    for name in (b"a", b"b", b"c", b"d"):
        incidents.see(name, NOW, NOW)
        assert incidents.evict() == 1
    assert page(incidents) == (11, [b"c", b"d"], 11, False)
    incidents.committed()
    incidents.see(b"e", NOW, NOW)
    incidents.evict()
    assert page(incidents) == (13, [b"e"], 12, False)


def test_without_numbers_all_are_written_anew() -> None:
    """What an older version wrote, in whatever order, becomes one page, once."""
    incidents = Incidents({b"new": Sighting(NOW, NOW), b"old": Sighting(NOW - DAY, NOW - DAY)})
    assert page(incidents) == (0, [b"old", b"new"], 0, True)
    incidents.see(b"newer", NOW, NOW)
    assert page(incidents) == (0, [b"old", b"new", b"newer"], 0, True)
    incidents.committed()
    assert page(incidents) is None


def test_one_that_stands_twice_goes_once() -> None:
    """An incident that was met again after 7 days leaves the order where it was met last."""
    incidents = Incidents({}, front=0, limit=2)
    incidents.see(b"a", NOW, NOW)
    incidents.see(b"b", NOW, NOW)
    assert incidents.see(b"a", NOW - 10 * DAY, NOW)
    assert list(incidents.state()) == [b"b", b"a"]
    incidents.see(b"c", NOW, NOW)
    assert incidents.evict() == 1
    assert list(incidents.state()) == [b"a", b"c"]
    assert page(incidents) == (2, [b"a", b"c"], 2, False)
    incidents.see(b"d", NOW, NOW)
    incidents.evict()
    assert incidents.see(b"a", NOW, NOW)


def test_one_that_stands_twice_keeps_none_behind_it() -> None:
    """What is old is forgotten behind an incident that was met again."""
    incidents = Incidents({}, front=0)
    incidents.see(b"a", NOW, NOW + 30 * DAY)
    incidents.see(b"b", NOW, NOW + 30 * DAY)
    incidents.see(b"x", NOW + 6 * DAY, NOW + 30 * DAY)
    assert incidents.see(b"a", NOW - 2 * DAY, NOW) is False
    assert incidents.see(b"a", NOW - 8 * DAY, NOW + 30 * DAY)
    incidents.see(b"y", NOW + 8 * DAY, NOW + 30 * DAY)
    assert list(incidents.state()) == [b"x", b"a", b"y"]
