from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import BOOT, EXPOSED, START_AT_END, StateError, Store
from exporter.model import SIGHTING, VIOLATED, Changes, Page, Violated
from tests.support.states import FILE, LEDGER, NOTHING, SOMETHING, run_sql

if TYPE_CHECKING:
    from pathlib import Path


def test_everything_comes_back(store: Store) -> None:
    """What was committed is what is loaded: values, odd paths and numbers of 64 bits."""
    store.commit(SOMETHING, [FILE], [], {EXPOSED: "1", BOOT: "a-b"}, ["app", "app"])
    loaded = store.load()
    assert loaded.ledger == LEDGER
    assert loaded.ledger.histograms["h_seconds", ()].bounds == (0.5, 1.0)
    assert loaded.files == (FILE,)
    assert loaded.logs == {"app"}
    assert (loaded.exposed, loaded.boot) == (True, "a-b")


def test_values_are_replaced(store: Store) -> None:
    """A second commit of the same keys replaces the values, so that a retry is harmless."""
    changes = replace(SOMETHING, counters={("c_total", ()): 9.0})
    for each in (SOMETHING, changes, changes):
        store.commit(each, [FILE, replace(FILE, position=5)], [], {START_AT_END: "1"})
    loaded = store.load()
    assert loaded.ledger is not None
    assert loaded.ledger.counters == {**SOMETHING.counters, ("c_total", ()): 9.0}
    assert [row.position for row in loaded.files] == [5]
    assert loaded.start_at_end


def test_what_is_gone_is_deleted(store: Store) -> None:
    """None deletes a minute, also of a layer, an incident or a violation; gone files are deleted by id."""
    store.commit(SOMETHING, [FILE, replace(FILE, id=2)], [], {})
    gone = Changes(
        {},
        {},
        {},
        {("created", 29_333_333): None},
        Page(1, b"", 1, anew=False),
        Page(8, b"", 8, anew=False),
        {("layer4", 29_333_333): None},
    )
    store.commit(gone, [], [1, 3], {})
    loaded = store.load()
    assert loaded.ledger is not None
    assert loaded.ledger.minutes == {("rejections", 29_333_333): 4}
    assert loaded.ledger.layers == {("layer1", 29_333_333): 3}
    assert (loaded.ledger.incidents, loaded.ledger.violations) == ({}, {})
    assert [row.id for row in loaded.files] == [2]


def incidents(store: Store) -> tuple[list[tuple[bytes, float, float]], int | None]:
    ledger = store.load().ledger
    assert ledger is not None
    return [(hashed.rstrip(b"\0"), *one) for hashed, one in ledger.incidents.items()], ledger.incident_front


def page(start: int, names: str, front: int, *, anew: bool = False) -> Changes:
    entries = b"".join(SIGHTING.pack(name.encode(), float(start), float(start)) for name in names)
    return replace(NOTHING, incidents=Page(start, entries, front, anew))


def test_pages_of_incidents(store: Store) -> None:
    """Incidents come back in their order, without those before the front; pages of which none is held are deleted."""
    for changes in (page(0, "ab", 0), page(2, "cde", 0), page(5, "f", 3)):
        for _ in range(2):  # the same may be tried again
            store.commit(changes, [], [], {})
    assert incidents(store) == ([(b"d", 2.0, 2.0), (b"e", 2.0, 2.0), (b"f", 5.0, 5.0)], 3)
    assert store._connection.execute("SELECT number FROM incident_pages").fetchall() == [(2,), (5,)]
    store.commit(page(6, "", 6), [], [], {})
    assert incidents(store) == ([], 6)


def test_of_an_incident_that_stands_twice_the_later_counts(store: Store) -> None:
    """It is the last in the order, and the numbers have a gap."""
    store.commit(page(0, "abc", 0), [], [], {})
    store.commit(page(3, "b", 0), [], [], {})
    assert incidents(store) == ([(b"a", 0.0, 0.0), (b"c", 0.0, 0.0), (b"b", 3.0, 3.0)], None)


def test_incidents_of_version_2_are_moved(store: Store, path: Path) -> None:
    """What an older version wrote is read, and replaced by a page of all."""
    run_sql(path, "INSERT INTO incidents VALUES (x'62', 5.0, 6.0), (x'61', 4.0, 5.0);")
    store.commit(page(0, "c", 0), [], [], {})
    assert incidents(store) == ([(b"c", 0.0, 0.0), (b"a", 4.0, 5.0), (b"b", 5.0, 6.0)], None)
    store.commit(page(0, "cab", 0, anew=True), [], [], {})
    assert [name for name, _, _ in incidents(store)[0]] == [b"c", b"a", b"b"]
    assert store._connection.execute("SELECT count(*) FROM incidents").fetchone() == (0,)


def test_violations_of_version_2_are_moved(store: Store, path: Path) -> None:
    """What an older version wrote comes behind the pages, and is replaced by a page of all."""
    run_sql(path, "INSERT INTO violations VALUES (5, x'61', 'report', 4.0);")
    store.commit(NOTHING, [], [], {})
    ledger = store.load().ledger
    assert ledger is not None
    assert (ledger.violations, ledger.violation_front) == ({5: Violated(b"a", "report", 4.0)}, None)
    entry = VIOLATED.pack(b"v" * 16, True, 1.0)  # noqa: FBT003  (a failed save)
    store.commit(replace(NOTHING, violations=Page(9, entry, 9, anew=False)), [], [], {})
    ledger = store.load().ledger
    assert ledger is not None
    held = {9: Violated(b"v" * 16, "failed_save", 1.0), 10: Violated(b"a", "report", 4.0)}
    assert (ledger.violations, ledger.violation_front) == (held, None)
    store.commit(replace(NOTHING, violations=Page(0, entry * 2, 0, anew=True)), [], [], {})
    ledger = store.load().ledger
    assert ledger is not None
    assert (list(ledger.violations), ledger.violation_front) == ([0, 1], 0)


BAD_TIMES = [float("nan"), float("inf")]


@pytest.mark.parametrize(
    "changes",
    [
        replace(NOTHING, incidents=Page(0, b"x" * 31, 0, anew=False)),
        replace(NOTHING, incidents=Page(0, b"", -1, anew=False)),
        replace(NOTHING, violations=Page(0, b"", 1 << 62, anew=False)),
        *(replace(NOTHING, incidents=Page(0, SIGHTING.pack(b"x", 1.0, bad), 0, anew=False)) for bad in BAD_TIMES),
        *(replace(NOTHING, violations=Page(0, VIOLATED.pack(b"x", 0, bad), 0, anew=False)) for bad in BAD_TIMES),
    ],
)
def test_a_damaged_page(store: Store, changes: Changes) -> None:
    """A page that no daemon wrote, or a number of an entry that cannot be, is a damaged state."""
    store.commit(changes, [], [], {})
    with pytest.raises(StateError, match="is damaged"):
        store.load()


def test_the_first_start_is_known_until_the_first_commit(store: Store, path: Path) -> None:
    """A state in which nothing was committed is a first start, also when it is opened again."""
    first = store.load()
    assert (first.ledger, first.created, first.lost, first.exposed) == (None, True, False, False)
    store.close()
    again = type(store).open(path, now=1.0)
    assert (again.load().ledger, again.load().created) == (None, False)
    again.commit(NOTHING, [], [], {})
    assert again.load().ledger is not None
    again.close()


def test_the_secret_stays(store: Store, path: Path) -> None:
    """The secret is made once, is long enough, and differs between states."""
    secret = store.load().key
    store.close()
    with type(store).open(path, now=1.0) as again, type(store).temporary() as other:
        assert again.load().key == secret
        assert other.load().key != secret
    assert len(secret) == 32


def test_a_secret_of_another_length_is_damage(path: Path) -> None:
    """A key that no daemon drew is damage: identifiers hashed with it would be none of ours."""
    Store.open(path, now=1.0).close()
    run_sql(path, "UPDATE meta SET value = 'abcd' WHERE name = 'key'")
    with Store.open(path, now=2.0) as store:
        assert store.lost
