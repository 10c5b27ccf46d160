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


def test_repeats_of_an_older_incident_are_one() -> None:
    """An older incident of a known identifier counts once, however often it is told: nothing grows, none is evicted."""
    incidents = Incidents({})
    assert incidents.see(b"a", NOW, NOW)
    assert incidents.see(b"a", NOW - 18 * DAY, NOW)
    assert not any(incidents.see(b"a", NOW - 18 * DAY + step, NOW) for step in range(1000))
    assert not incidents.see(b"a", NOW, NOW)
    assert incidents.evict() == 0
    assert len(incidents.state()) == len(incidents._order) == 2
    assert page(incidents) is not None
    incidents.committed()
    assert not incidents.see(b"a", NOW - 25 * DAY, NOW)
    assert page(incidents) is None


def test_all_incidents_of_one_identifier_are_known() -> None:
    """Files in any order, and a restart at any time: what is within 7 days of a known first sighting is no other."""
    incidents = Incidents({}, front=0)
    days = (0.0, -40.0, -10.0, -20.5, -30.9)
    hashed = b"i" * 16
    for day in days:
        assert incidents.see(hashed, NOW + day * DAY, NOW)
        incidents = Incidents(incidents.state(), front=0)
    for day in days:
        for off in (-SPAN, -1.0, 0.0, 1.0, SPAN):
            assert not incidents.see(hashed, NOW + day * DAY + off, NOW), (day, off)
    assert len(incidents.state()) == len(days)
    assert incidents.see(hashed, NOW - 60 * DAY, NOW)


def test_one_known_by_its_week_only_is_known() -> None:
    """Where the one of two incidents of one identifier that came first is forgotten, the other is still known."""
    incidents = Incidents({}, limit=1)
    assert incidents.see(b"a", NOW, NOW)
    assert incidents.see(b"a", NOW - 20 * DAY, NOW)
    assert incidents.evict() == 1
    assert not incidents.see(b"a", NOW - 19 * DAY, NOW)
    assert incidents.see(b"a", NOW, NOW)


def test_older_incidents_without_end_are_bounded() -> None:
    """Older and older incidents of few identifiers are held up to the limit, and those evicted are counted."""
    incidents = Incidents({}, front=0, limit=10)
    evicted = 0
    for step in range(100):
        assert incidents.see(b"a", NOW - step * 8 * DAY, NOW)
        evicted += incidents.evict()
    assert evicted == 90
    assert len(incidents.state()) == len(incidents._order) == 10
    changed = incidents.changes()
    assert changed is not None
    assert (changed.start, changed.front, len(changed.entries)) == (90, 90, 10 * SIGHTING.size)


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


def test_what_is_old_in_the_state_is_forgotten() -> None:
    """What one of two versions that took turns had forgotten, and the other kept, does not come back."""
    held = {b"new": Sighting(NOW, NOW), b"old": Sighting(NOW - 8 * DAY, NOW - 8 * DAY)}
    incidents = Incidents(held)
    assert list(incidents.state()) == [b"new"]
    assert page(incidents) == (1, [b"new"], 1, True)


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
