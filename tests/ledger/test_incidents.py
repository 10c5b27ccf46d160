from __future__ import annotations

from exporter.ledger.incidents import SPAN, Incidents
from exporter.model import Sighting

NOW = 1_760_000_000.0
DAY = 86400.0


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
    incidents = Incidents({b"a": Sighting(NOW, NOW), b"b": Sighting(NOW + DAY, NOW + DAY)})
    assert incidents.see(b"c", NOW + SPAN + 1, NOW + 30 * DAY)
    assert set(incidents.state()) == {b"b", b"c"}
    assert incidents.changes() == {b"a": None, b"c": Sighting(NOW + SPAN + 1, NOW + SPAN + 1)}


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
    """Changes are handed out until a commit took them."""
    incidents = Incidents({})
    incidents.see(b"a", NOW, NOW)
    assert incidents.changes() == incidents.changes() == {b"a": Sighting(NOW, NOW)}
    incidents.committed()
    assert incidents.changes() == {}
