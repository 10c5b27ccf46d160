from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint import rows
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


def test_incidents_of_version_2_are_taken_over(store: Store, path: Path) -> None:
    """What an older version wrote is read until a page of all holds it, and stays where that version finds it."""
    run_sql(path, "INSERT INTO incidents VALUES (x'62', 5.0, 6.0), (x'61', 4.0, 5.0);")
    store.commit(page(0, "c", 0), [], [], {})
    assert incidents(store) == ([(b"c", 0.0, 0.0), (b"a", 4.0, 5.0), (b"b", 5.0, 6.0)], None)
    store.commit(page(0, "cab", 0, anew=True), [], [], {})
    taken = [(b"c", 0.0, 0.0), (b"a", 0.0, 0.0), (b"b", 0.0, 0.0)]
    assert incidents(store) == (taken, 0)
    assert store._connection.execute("SELECT hash FROM incidents").fetchall() == [(b"a",), (b"b",)]
    store.commit(page(3, "", 2), [], [], {})
    assert incidents(store) == (taken[2:], 2)
    run_sql(path, "INSERT INTO incidents VALUES (x'64', 7.0, 7.0);")
    assert incidents(store)[0][-3:] == [(b"a", 4.0, 5.0), (b"b", 5.0, 6.0), (b"d", 7.0, 7.0)]


VIOLATION = VIOLATED.pack(b"v" * 16, True, 1.0)  # noqa: FBT003  (a failed save)


def in_tables(path: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return what version 2 finds in a state: its incidents and its violations."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT hash, first, held FROM incidents").fetchall()
        violations = connection.execute("SELECT * FROM violations").fetchall()
        return [(hashed.rstrip(b"\0").decode(), *times) for hashed, *times in found], violations


def test_a_stop_in_order_leaves_all_for_version_2(store: Store, path: Path) -> None:
    """After it, the tables of version 2 hold what the pages hold, which still are what counts; none stays for good."""
    store.commit(replace(page(0, "ab", 0), violations=Page(4, VIOLATION, 4, anew=False)), [], [], {})
    store.commit(page(2, "cd", 1), [], [], {})
    store.close()
    violations = [(4, b"v" * 16, "failed_save", 1.0)]
    assert in_tables(path) == ([("b", 0.0, 0.0), ("c", 2.0, 2.0), ("d", 2.0, 2.0)], violations)
    with Store.open(path, now=1.0) as again:
        held = [(b"b", 0.0, 0.0), (b"c", 2.0, 2.0), (b"d", 2.0, 2.0)]
        assert incidents(again) == (held, 1)
        changed = again._connection.total_changes
        rows.mirror(again._connection)
        assert again._connection.total_changes == changed
        again.commit(replace(page(4, "", 3), violations=Page(5, b"", 5, anew=False)), [], [], {})
    assert in_tables(path) == ([("d", 2.0, 2.0)], [])
    with Store.open(path, now=1.0) as again:
        again.commit(page(0, "xyzd", 0, anew=True), [], [], {})
    assert [name for name, _, _ in in_tables(path)[0]] == ["d", "x", "y", "z"]


def test_what_version_2_wrote_is_never_overwritten_unread(store: Store, path: Path) -> None:
    """A stop before any commit took over what an older version wrote leaves that as it is."""
    store.commit(page(0, "a", 0), [], [], {})
    run_sql(
        path, "INSERT INTO incidents VALUES (x'62', 5.0, 6.0); INSERT INTO violations VALUES (5, x'61', 'report', 4.0);"
    )
    before = in_tables(path)
    store.close()
    assert in_tables(path) == before
    with Store.open(path, now=1.0) as again:
        assert incidents(again) == ([(b"a", 0.0, 0.0), (b"b", 5.0, 6.0)], None)


def test_a_stop_with_damaged_pages_is_a_stop(store: Store, path: Path) -> None:
    """Where the pages cannot be read, or nothing can be written, version 2's tables stay as they were."""
    run_sql(path, "INSERT INTO incidents VALUES (x'62', 5.0, 6.0);")
    store.commit(page(0, "ab", 0, anew=True), [], [], {})
    store.commit(replace(NOTHING, incidents=Page(2, b"x" * 31, 0, anew=False)), [], [], {})
    store.close()
    assert in_tables(path)[0] == [("b", 5.0, 6.0)]


def test_violations_of_version_2_are_taken_over(store: Store, path: Path) -> None:
    """What an older version wrote comes behind the pages, what these hold but once, until a page of all holds it."""
    run_sql(path, "INSERT INTO violations VALUES (5, x'61', 'report', 4.0);")
    store.commit(NOTHING, [], [], {})
    ledger = store.load().ledger
    assert ledger is not None
    assert (ledger.violations, ledger.violation_front) == ({5: Violated(b"a", "report", 4.0)}, None)
    store.commit(replace(NOTHING, violations=Page(9, VIOLATION, 9, anew=False)), [], [], {})
    run_sql(path, f"INSERT INTO violations VALUES (6, x'{b'v'.hex() * 16}', 'failed_save', 1.0);")  # noqa: S608  (our own)
    ledger = store.load().ledger
    assert ledger is not None
    held = {9: Violated(b"v" * 16, "failed_save", 1.0), 10: Violated(b"a", "report", 4.0)}
    assert (ledger.violations, ledger.violation_front) == (held, None)
    store.commit(replace(NOTHING, violations=Page(0, VIOLATION * 2, 0, anew=True)), [], [], {})
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
