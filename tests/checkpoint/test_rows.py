from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.checkpoint.store import BOOT, EXPOSED, START_AT_END, Store
from exporter.model import Changes
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
        {b"i" * 16: None},
        {7: None, 8: None},
        {("layer4", 29_333_333): None},
    )
    store.commit(gone, [], [1, 3], {})
    loaded = store.load()
    assert loaded.ledger is not None
    assert loaded.ledger.minutes == {("rejections", 29_333_333): 4}
    assert loaded.ledger.layers == {("layer1", 29_333_333): 3}
    assert (loaded.ledger.incidents, loaded.ledger.violations) == ({}, {})
    assert [row.id for row in loaded.files] == [2]


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
