from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import EXPOSED, CommitError, StateError, Store
from exporter.model import Changes
from tests.support.states import FILE, LEDGER, NOTHING, SOMETHING, another_process, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_760_000_000.0
UNTRUE_SCHEMA = """
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'number INTEGER NOT NULL', 'number TEXT NOT NULL') WHERE name = 'minutes';
"""
STAMP = "20251009T085320Z"
LARGE = Changes({(f"metric_{number}", ("x" * 200,)): 1.0 for number in range(4000)}, {}, {}, {}, None, None)

HOLD = """
import sys, pathlib
from exporter.checkpoint.store import Store
store = Store.open(pathlib.Path(sys.argv[1]), now=1.0)
print("held", flush=True)
sys.stdin.read()
"""
COUNT = """
import sys, pathlib
from dataclasses import replace
from exporter.checkpoint.store import Store
from tests.support.states import FILE, NOTHING
store = Store.open(pathlib.Path(sys.argv[1]), now=1.0)
loaded = store.load()
number = int(loaded.ledger.counters["c_total", ()]) if loaded.ledger else 0
while True:
    number += 1
    changes = replace(NOTHING, counters={("c_total", ()): float(number)})
    store.commit(changes, [replace(FILE, position=number)], [], {})
    print(number, flush=True)
"""
READ = """
import sys, pathlib
from exporter.checkpoint.store import Store
loaded = Store.read(pathlib.Path(sys.argv[1]))
print(len(loaded.ledger.counters), len(loaded.files), sorted(loaded.logs), loaded.exposed)
"""


def fill(path: Path) -> None:
    with Store.open(path, now=NOW) as store:
        store.commit(SOMETHING, [FILE], [], {EXPOSED: "1"}, ["app"])


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.iterdir()}


def test_a_second_daemon_is_refused(path: Path) -> None:
    """While a daemon holds the state neither a second one nor a reset gets it."""
    with another_process(HOLD, str(path)) as holder:
        with pytest.raises(StateError, match=f"process {holder.pid}"):
            Store.open(path, now=NOW)
        with pytest.raises(StateError, match=f"process {holder.pid}"):
            Store.reset(path, NOW)
    Store.open(path, now=NOW).close()


def test_kill_loses_no_commit(path: Path) -> None:
    """After kill -9 the state holds every commit that was told, and counter and position agree."""
    for _ in range(5):
        with another_process(COUNT, str(path)) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(20)][-1]
        with Store.open(path, now=NOW) as store:
            loaded = store.load()
        assert loaded.ledger is not None
        assert loaded.ledger.counters["c_total", ()] >= told
        assert loaded.files[0].position == loaded.ledger.counters["c_total", ()]


def test_close_leaves_one_file_and_may_be_repeated(path: Path) -> None:
    """A clean stop folds the WAL into the file and gives the lock back."""
    fill(path)
    store = Store.open(path, now=NOW)
    store.close()
    store.close()
    assert sorted(one.name for one in path.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock"]
    Store.open(path, now=NOW).close()


def test_close_succeeds_on_a_locked_database(path: Path) -> None:
    """A stop is not held up by another process that has the database open."""
    store = Store.open(path, now=NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.close()
        other.execute("ROLLBACK")
    with Store.open(path, now=NOW) as again:
        assert again.lost is False


def test_a_temporary_state_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary state lies in a private directory that is removed when it is closed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = Store.temporary()
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    store.commit(SOMETHING, [FILE], [], {})
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_state_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no temporary state can be made, its directory is removed and the cause is told."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(StateError, match="input/output error"):
            Store.temporary()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"not a database at all, but long enough to be one" * 50),
        lambda path: path.write_bytes(b"short"),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + os.urandom(8192)),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: run_sql(path, UNTRUE_SCHEMA),
        lambda path: run_sql(path, "DROP TABLE incidents;"),
        lambda path: run_sql(path, "DROP TABLE meta;"),
        lambda path: run_sql(path, "DELETE FROM meta WHERE name = 'key';"),
        lambda path: run_sql(path, "UPDATE meta SET value = 'zz' WHERE name = 'key';"),
        lambda path: run_sql(path, "UPDATE counters SET labels = '{';"),
        lambda path: run_sql(path, "UPDATE histograms SET buckets = '7';"),
    ],
    ids=["text", "short", "noise", "cut", "schema", "table", "meta", "key", "hex", "labels", "buckets"],
)
def test_a_damaged_state_is_set_aside(path: Path, damage: object) -> None:
    """Damage of any kind is kept under a dated name, told, and counting begins anew at the ends of the files."""
    fill(path)
    assert callable(damage)
    damage(path)
    with Store.open(path, now=NOW) as store:
        loaded = store.load()
        assert (store.lost, loaded.lost, loaded.state_lost, loaded.start_at_end) == (True, True, NOW, True)
        assert (loaded.ledger, loaded.files, loaded.logs, loaded.exposed) == (None, (), frozenset(), False)
        assert store.set_aside == path.with_name(f"state.sqlite.corrupt-{STAMP}")
        assert store.set_aside.stat().st_size > 0
        store.commit(NOTHING, [], [], {})
    with Store.open(path, now=NOW + 9) as store:
        assert (store.lost, store.load().state_lost) == (False, NOW)


def test_damage_twice_in_a_second_keeps_both(path: Path) -> None:
    """A dated name that is taken is not overwritten, and the side files go along."""
    for text in (b"first", b"second"):
        path.write_bytes(text)
        path.with_name("state.sqlite-journal").write_bytes(text)
        Store.open(path, now=NOW).close()
    names = [f"state.sqlite.corrupt-{STAMP}", f"state.sqlite.corrupt-{STAMP}.2"]
    assert [path.with_name(name).read_bytes() for name in names] == [b"first", b"second"]
    assert [path.with_name(f"{name}-journal").read_bytes() for name in names] == [b"first", b"second"]


def test_a_database_locked_by_another_is_told(path: Path) -> None:
    """At start a lock on the database is an error with its cause, not damage."""
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match=r"state\.sqlite: another process keeps it locked \(SQLITE_BUSY\)"):
            Store.open(path, now=NOW)
    with Store.open(path, now=NOW) as store:
        assert not store.lost


def test_a_commit_against_a_lock_can_be_repeated(store: Store, path: Path) -> None:
    """A commit that meets a lock fails with the reason, and succeeds once the lock is gone."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CommitError, match="another process keeps it locked"):
            store.commit(SOMETHING, [FILE], [], {})
    assert store.load().ledger is None
    assert 0 < store.commit(SOMETHING, [FILE], [], {}) < 5
    assert store.load().ledger == LEDGER


def test_a_commit_that_cannot_be_written_changes_nothing(store: Store) -> None:
    """Where the file system refuses to write, the commit fails as a whole and can be repeated."""
    store.commit(SOMETHING, [FILE], [], {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        for _ in range(3):
            with pytest.raises(CommitError, match="input/output error"):
                store.commit(LARGE, [], [1], {})
            assert (store.load().ledger, store.load().files) == (LEDGER, (FILE,))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    store.commit(LARGE, [], [1], {})
    loaded = store.load()
    assert loaded.ledger is not None
    assert len(loaded.ledger.counters) == 4002
    assert loaded.files == ()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_overcome(small_disk: Path) -> None:
    """On a full disk a commit fails with the reason and succeeds when there is room again."""
    ballast = small_disk / "ballast"
    with Store.open(small_disk / "state.sqlite", now=NOW, mountinfo="") as store:
        store.commit(SOMETHING, [FILE], [], {})
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        many = Changes({(f"m{number}", ("x" * 90,)): 1.0 for number in range(1000)}, {}, {}, {}, None, None)
        with pytest.raises(CommitError, match="no space is left on its file system"):
            store.commit(many, [], [], {})
        assert store.load().ledger == LEDGER
        ballast.unlink()
        store.commit(many, [], [], {})
        loaded = store.load()
        assert loaded.ledger is not None
        assert len(loaded.ledger.counters) == 1002


def test_a_state_removed_while_in_use_is_told(store: Store, path: Path) -> None:
    """A state that was deleted or replaced under a running daemon does not take commits into nowhere."""
    aside = path.rename(path.with_name("elsewhere"))
    with pytest.raises(CommitError, match="cannot be found"):
        store.commit(NOTHING, [], [], {})
    path.write_bytes(b"another")
    with pytest.raises(CommitError, match="was replaced while in use"):
        store.commit(NOTHING, [], [], {})
    aside.replace(path)
    store.commit(NOTHING, [], [], {})


def test_a_fault_of_ours_leaves_no_transaction_open(store: Store) -> None:
    """A value that cannot be stored leaves the state as it was and the store in use."""
    with pytest.raises(TypeError):
        store.commit(Changes({("c_total", (object(),)): 1.0}, {}, {}, {}, None, None), [], [], {})  # type: ignore[dict-item]
    with pytest.raises(CommitError, match="SQLITE_CONSTRAINT"):
        store.commit(Changes({("c_total", ()): float("nan")}, {}, {}, {}, None, None), [], [], {})
    store.commit(SOMETHING, [FILE], [], {})
    assert store.load().ledger == LEDGER


def test_the_wal_stays_bounded(store: Store, path: Path) -> None:
    """Thousands of commits leave a WAL of a few megabytes."""
    for _ in range(12):
        store.commit(LARGE, [], [], {})
    assert path.with_name("state.sqlite-wal").stat().st_size < 12 << 20


def test_commits_are_durable(store: Store) -> None:
    """Every commit is synced to the disk, through a WAL."""
    connection = store._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (1000,)
    assert connection.execute("PRAGMA journal_size_limit").fetchone() == (8 << 20,)


def test_damage_found_while_running_is_told(store: Store) -> None:
    """Rows that became unreadable while in use give a message with the place."""
    store.commit(SOMETHING, [FILE], [], {})
    store._connection.execute("UPDATE counters SET labels = '{'")
    with pytest.raises(StateError, match=r"state\.sqlite: is damaged"):
        store.load()


def test_read_needs_no_write(path: Path) -> None:
    """Reading the state of a stopped daemon changes no file and makes none."""
    fill(path)
    before = contents(path.parent)
    loaded = Store.read(path)
    assert (loaded.ledger, loaded.files, loaded.logs, loaded.exposed) == (LEDGER, (FILE,), frozenset({"app"}), True)
    assert (loaded.created, loaded.lost) == (False, False)
    assert contents(path.parent) == before


def test_read_works_beside_a_running_daemon(store: Store, path: Path) -> None:
    """Another process reads what was committed last, and the daemon goes on committing."""
    store.commit(SOMETHING, [FILE], [], {EXPOSED: "1"}, ["app"])
    before = contents(path.parent)["state.sqlite-wal"]
    told = subprocess.run([sys.executable, "-c", READ, str(path)], check=True, capture_output=True, text=True)
    assert told.stdout == "2 1 ['app'] True\n"
    assert contents(path.parent)["state.sqlite-wal"] == before
    store.commit(SOMETHING, [FILE], [], {})
    with pytest.raises(StateError, match="another booking-exporter"):
        Store.open(path, now=NOW)


def test_read_after_a_kill_sees_the_last_commit(path: Path) -> None:
    """What a killed daemon left in the WAL is read, and left for the daemon."""
    with another_process(COUNT, str(path)):
        pass
    wal = path.with_name("state.sqlite-wal")
    size = wal.stat().st_size
    loaded = Store.read(path)
    assert loaded.ledger is not None
    assert loaded.ledger.counters["c_total", ()] >= 1
    assert wal.stat().st_size == size


def test_read_tells_what_is_wrong(path: Path) -> None:
    """No state and a damaged one are told apart, and neither is touched."""
    with pytest.raises(StateError, match="no state there"):
        Store.read(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(StateError, match="is damaged; the daemon sets it aside"):
        Store.read(path)
    path.unlink()
    fill(path)
    run_sql(path, "DROP TABLE incidents;")
    with pytest.raises(StateError, match="is damaged"):
        Store.read(path)
    assert sorted(one.name for one in path.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock"]


def test_reset_starts_at_zero_at_the_ends(path: Path) -> None:
    """After a reset nothing is left of the old state but its copy under a dated name."""
    fill(path)
    aside = Store.reset(path, NOW)
    assert aside == path.with_name(f"state.sqlite.reset-{STAMP}")
    assert aside is not None
    assert Store.read(aside).ledger == LEDGER
    with Store.open(path, now=NOW) as store:
        loaded = store.load()
    assert (loaded.ledger, loaded.files, loaded.start_at_end) == (None, (), True)
    assert (loaded.lost, loaded.state_lost) == (False, None)


def test_reset_works_without_a_state_and_on_a_damaged_one(path: Path) -> None:
    """A reset makes a state where there is none, and replaces one that cannot be read."""
    assert Store.reset(path, NOW) is None
    path.write_bytes(b"nonsense")
    assert Store.reset(path, NOW) == path.with_name(f"state.sqlite.reset-{STAMP}")
    with Store.open(path, now=NOW) as store:
        assert store.load().start_at_end
