from __future__ import annotations

import os
import socket
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint import place
from exporter.checkpoint.errors import StateError
from exporter.checkpoint.store import START_AT_END, STATE_LOST, Store
from tests.support.states import NOTHING, SOMETHING, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_760_000_000.0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that another user can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@contextmanager
def somebody() -> Iterator[None]:
    """Go on as a user without privileges."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """The message names the folder and the remedy."""
    with pytest.raises(StateError, match="missing: no such directory for the state; create it"):
        Store.open(tmp_path / "missing" / "state.sqlite", now=NOW)


def test_a_folder_without_permission_is_told(open_folder: Path) -> None:
    """A folder that the user may not write is told before anything else is tried."""
    open_folder.chmod(0o555)
    with somebody(), pytest.raises(StateError, match=f"^{open_folder}: not writable for this user"):
        Store.open(open_folder / "state.sqlite", now=NOW)


def test_a_state_of_another_user_is_told(open_folder: Path) -> None:
    """A state that belongs to another user is told, whether it can be read or not."""
    if os.geteuid() != 0:
        pytest.skip("needs a second user")
    path = open_folder / "state.sqlite"
    Store.open(path, now=NOW).close()
    path.with_name("state.sqlite.lock").unlink()
    open_folder.chmod(0o777)
    with somebody(), pytest.raises(StateError, match=r"state\.sqlite: cannot be read \(Permission denied\)"):
        Store.open(path, now=NOW)
    path.chmod(0o644)
    with somebody(), pytest.raises(StateError, match=r"state\.sqlite: Operation not permitted"):
        Store.open(path, now=NOW)


def test_a_network_file_system_is_refused(path: Path) -> None:
    """State on a network file system is refused, with its type."""
    mounts = "1 0 0:1 / / rw - nfs4 server:/export rw\n"
    with pytest.raises(StateError, match=r"network file system \(nfs4\)"):
        Store.open(path, now=NOW, mountinfo=mounts)
    with pytest.raises(StateError, match=r"network file system \(nfs4\)"):
        Store.reset(path, NOW, mountinfo=mounts)


def test_what_is_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    """A directory, a link, a pipe or a socket at the path is told and left alone."""
    path.mkdir()
    with pytest.raises(StateError, match="is a directory, not a file"):
        Store.open(path, now=NOW)
    path.rmdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="is a symbolic link"):
        Store.open(path, now=NOW)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StateError, match="is a pipe"):
        Store.open(path, now=NOW)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        with pytest.raises(StateError, match="is a device or a socket"):
            Store.open(path, now=NOW)


def test_a_name_too_long_is_told(tmp_path: Path) -> None:
    """A path that the system refuses gives a message."""
    with pytest.raises(StateError, match="File name too long"):
        place.check_file(tmp_path / ("x" * 300))


def test_another_programs_database_is_refused(path: Path) -> None:
    """A database that is not ours is neither used nor set aside."""
    run_sql(path, "CREATE TABLE theirs (a);")
    before = path.read_bytes()
    with pytest.raises(StateError, match="database of another program"):
        Store.open(path, now=NOW)
    with pytest.raises(StateError, match="database of another program"):
        Store.reset(path, NOW)
    assert path.read_bytes() == before


def test_the_state_is_private(path: Path) -> None:
    """State, lock and side files have mode 0600, whatever the umask, and a wider mode is narrowed."""
    before = os.umask(0)
    try:
        Store.open(path, now=NOW).close()
        path.chmod(0o644)
        with Store.open(path, now=NOW) as store:
            store.commit(SOMETHING, [], [], {})
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    finally:
        os.umask(before)
    names = ("state.sqlite", "state.sqlite-shm", "state.sqlite-wal", "state.sqlite.lock")
    assert modes == dict.fromkeys(names, 0o600)


def test_a_reset_state_is_private(path: Path) -> None:
    """A state made by a reset has mode 0600 before any daemon opened it."""
    before = os.umask(0)
    try:
        Store.reset(path, NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_file_where_a_state_was_is_damage(path: Path) -> None:
    """A state that was emptied is lost, and loud: a new one takes its place complete, so none of ours is empty."""
    Store.open(path, now=NOW).close()
    path.write_bytes(b"")
    with Store.open(path, now=NOW) as store:
        loaded = store.load()
        assert (store.created, store.lost, loaded.state_lost, loaded.start_at_end) == (True, True, NOW, True)
    with Store.open(path, now=NOW + 1) as store:
        assert (store.lost, store.load().state_lost) == (False, NOW)


def test_an_empty_file_is_a_new_state(path: Path) -> None:
    """A file of no bytes that somebody prepared, and no daemon used yet, is a first start."""
    path.touch()
    with Store.open(path, now=NOW) as store:
        assert (store.created, store.lost, store.load().ledger) == (True, False, None)


def test_an_interrupted_exchange_is_finished(path: Path) -> None:
    """Killed between the two renames of an exchange, the next start takes the new state, not a first start."""
    place.build(path, {STATE_LOST: repr(NOW), START_AT_END: "1"})
    path.with_name("state.sqlite-wal").write_bytes(b"left over")
    with Store.open(path, now=NOW + 1) as store:
        loaded = store.load()
    assert (loaded.state_lost, loaded.start_at_end) == (NOW, True)
    assert (path.parent / "state.sqlite.stray-20251009T085321Z-wal").read_bytes() == b"left over"


def test_an_exchange_that_never_began_is_forgotten(path: Path) -> None:
    """Killed before the first rename of an exchange, the next start goes on with the old state."""
    with Store.open(path, now=NOW) as store:
        store.commit(SOMETHING, [], [], {})
    place.build(path, {START_AT_END: "1"})
    path.with_name("state.sqlite.tmp").write_bytes(b"half")
    with Store.open(path, now=NOW) as store:
        assert store.load().ledger is not None
        assert not store.load().start_at_end
    assert not path.with_name("state.sqlite.new").exists()


def test_a_half_built_state_is_built_again(path: Path) -> None:
    """Killed while the very first state was built, the next start builds it."""
    path.with_name("state.sqlite.tmp").write_bytes(b"half")
    with Store.open(path, now=NOW) as store:
        store.commit(NOTHING, [], [], {})
    assert sorted(one.name for one in path.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock"]


SIDES = ("-wal", "-shm", "-journal", ".lock", ".tmp", ".new")


@pytest.mark.parametrize("side", SIDES)
def test_links_in_the_place_of_the_states_files(tmp_path: Path, side: str) -> None:
    """A link that somebody laid where a file of the state goes is refused, and what it leads to stays as it is."""
    path, victim = tmp_path / "state.sqlite", tmp_path / "victim"
    victim.write_bytes(b"precious")
    victim.chmod(0o644)
    path.with_name(path.name + side).symlink_to(victim)
    for attempt in (lambda: Store.open(path, now=NOW), lambda: Store.reset(path, NOW)):
        with pytest.raises(StateError, match=f"^{path}{side}: is a symbolic link, not a file"):
            attempt()
    assert (victim.read_bytes(), victim.stat().st_mode & 0o777) == (b"precious", 0o644)


@pytest.mark.parametrize("side", ["", *SIDES])
def test_files_of_another_user_in_the_place_of_the_states(open_folder: Path, side: str) -> None:
    """A file that another user owns, and could go on writing to, is refused; the owner of the folder is trusted."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another user")
    name = open_folder / f"state.sqlite{side}"
    name.touch()
    os.chown(name, 12345, -1)
    with pytest.raises(StateError, match=f"^{name}: belongs to another user, who could change it"):
        Store.open(open_folder / "state.sqlite", now=NOW)
    os.chown(open_folder, 12345, -1)
    place.check_owners(open_folder / "state.sqlite")


def test_what_is_looked_at_is_a_file(path: Path) -> None:
    """Looking at a state without opening it refuses what is none, too."""
    path.mkdir()
    with pytest.raises(StateError, match="is a directory, not a file"):
        Store.read(path)
