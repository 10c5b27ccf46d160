"""The state file: positions and series, committed together or not at all.

SQLite in WAL mode with synchronous=FULL: what `commit` returned from survives kill -9 and power
loss. The file is opened once per process, and no read transaction stays open. A damaged file is
set aside under a dated name and counting begins anew (guarantee G4): what it held is lost, and
`lost`, `set_aside` and `Loaded.state_lost` say so. WAL frames that a crash of the disk destroyed
are dropped by SQLite without notice; the state is then that of an earlier commit.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from exporter.checkpoint import migrations, place, rows
from exporter.checkpoint.errors import CommitError, DamagedError, StateError, is_damage, reason_for
from exporter.checkpoint.lock import StateLock
from exporter.checkpoint.mounts import network_file_system, read_mountinfo
from exporter.checkpoint.rows import BOOT, EXPOSED, START_AT_END, STATE_LOST, Loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.model import Changes, FileRow

__all__ = [
    "BOOT",
    "EXPOSED",
    "START_AT_END",
    "STATE_LOST",
    "CommitError",
    "Loaded",
    "StateError",
    "Store",
    "network_file_system",
    "read_mountinfo",
]

BUSY_SECONDS = 1.0
"""How long another process's lock on the database is waited for."""

WAL_PAGES = 1000
WAL_BYTES = 8 << 20
_PREPARATIONS = (
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {WAL_PAGES}",
    f"PRAGMA journal_size_limit = {WAL_BYTES}",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
)


class Store:
    """One open state file. Used by one thread at a time."""

    def __init__(self, path: Path, lock: StateLock, *, created: bool, set_aside: Path | None) -> None:
        """Take an existing state; `Store.open` is the way to one."""
        self.path = path
        self.created = created
        self.set_aside = set_aside
        self._lock = lock
        self._temporary: Path | None = None
        self._closed = False
        self._connection = _connect(path)
        found = path.stat()
        self._identity = (found.st_dev, found.st_ino)

    @classmethod
    def open(cls, path: Path, *, now: float, mountinfo: str | None = None) -> Self:
        """Open the state at `path`, making it where there is none; `now` dates a loss (Unix seconds).

        StateError, with the remedy, where another daemon holds it, the place does not serve, a newer
        version wrote it, or another program's database stands there. `mountinfo` replaces the text
        of /proc/self/mountinfo.
        """
        path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the symbolic link that is refused
        place.check_folder(path, read_mountinfo() if mountinfo is None else mountinfo)
        place.check_owners(path)
        lock = StateLock(path)
        try:
            return cls._open_locked(path, lock, now)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def temporary(cls) -> Self:
        """Open a state in a private directory of its own, which `close` removes."""
        folder = Path(tempfile.mkdtemp(prefix="booking-exporter-"))
        try:
            store = cls.open(folder / "state.sqlite", now=0.0, mountinfo="")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        store._temporary = folder  # noqa: SLF001 - our own instance
        return store

    @staticmethod
    def read(path: Path) -> Loaded:
        """Read the state at `path` without writing, also while a daemon uses it.

        Of a state that was left without a clean stop SQLite may rebuild the -shm side file.
        StateError where there is none, or it is damaged, or a newer version wrote it.
        """
        with _explained(path):
            if not place.check_file(path):
                raise StateError(f"{path}: no state there; is this the state.path of the daemon?")
            # Without a WAL nobody uses the file, and SQLite could open it in no other way without writing.
            in_use = path.with_name(path.name + "-wal").exists()
            return _read_only(path, "mode=ro" if in_use else "immutable=1")

    @staticmethod
    def reset(path: Path, now: float, mountinfo: str | None = None) -> Path | None:
        """Make the next start count from zero, beginning at the ends of the files.

        Returns the name under which the old state was set aside, None where there was none.
        StateError as from `open`, also while a daemon holds the state.
        """
        path = Path(os.path.abspath(path))  # noqa: PTH100 - as in open()
        place.check_folder(path, read_mountinfo() if mountinfo is None else mountinfo)
        place.check_owners(path)
        lock = StateLock(path)
        try:
            with _explained(path):
                with suppress(DamagedError):
                    place.check_file(path)
                place.build(path, {START_AT_END: "1"})
                return place.install(path, place.free_suffix(path, "reset", now))
        finally:
            lock.release()

    def load(self) -> Loaded:
        """Return what the state holds at present."""
        with _explained(self.path):
            return _read(self._connection, created=self.created, lost=self.lost)

    @property
    def lost(self) -> bool:
        """Whether this opening found a damaged state and began a new one."""
        return self.set_aside is not None

    def commit(
        self,
        changes: Changes,
        files: Iterable[FileRow],
        gone: Iterable[int],
        meta: Mapping[str, str],
        logs: Iterable[str] = (),
    ) -> float:
        """Write all in one transaction and return the seconds it took.

        `files` are inserted or updated by id, `gone` are ids to delete, `meta` takes the names
        EXPOSED and START_AT_END with "1" or "0" and BOOT, `logs` are names of logs to remember. CommitError
        where nothing was written; the same may be tried again at any time.
        """
        started = perf_counter()
        try:
            self._check_in_place()
            self._connection.execute("BEGIN IMMEDIATE")
            rows.write(self._connection, changes, files, gone, meta, logs)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise CommitError(f"{self.path}: {reason_for(error)}") from error
        finally:
            self._roll_back()
        return perf_counter() - started

    def close(self) -> None:
        """Leave what the version before reads, fold the WAL into the file and release the lock.

        A second call does nothing.
        """
        if self._closed:
            return
        self._closed = True
        if self._temporary is None:
            self._mirror()
        # Whatever fails here, all that was committed is in the WAL, and the next start finds it.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connection.close()
        self._lock.release()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @classmethod
    def _open_locked(cls, path: Path, lock: StateLock, now: float) -> Self:
        with _explained(path):
            try:
                created = _ensure(path, now, used=lock.used)
                return cls._verified(path, lock, created=created, set_aside=None)
            except (DamagedError, sqlite3.Error) as error:
                if not is_damage(error):
                    raise
            place.build(path, {STATE_LOST: repr(now), START_AT_END: "1"})
            aside = place.install(path, place.free_suffix(path, "corrupt", now))
            return cls._verified(path, lock, created=True, set_aside=aside)

    @classmethod
    def _verified(cls, path: Path, lock: StateLock, *, created: bool, set_aside: Path | None) -> Self:
        place.make_private(path)
        store = cls(path, lock, created=created, set_aside=set_aside)
        try:
            store._prepare()
        except BaseException:
            store._connection.close()
            raise
        return store

    def _prepare(self) -> None:
        with _readable():
            self._check_and_migrate()
        # A process that was killed between the writes of its last commit and their fsync left that
        # commit in the WAL, and SQLite recovers it without a sync. It is published now, so it must last.
        place.sync_wal(self.path)
        _read(self._connection, created=self.created, lost=self.lost)

    def _check_and_migrate(self) -> None:
        for statement in _PREPARATIONS:
            self._connection.execute(statement).fetchall()
        _check(self._connection)
        if migrations.check_version(self._connection, self.path) < migrations.VERSION:
            place.keep_copy(self._connection, self.path, migrations.VERSION)
        migrations.migrate(self._connection, self.path)
        mode = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":  # pragma: no cover - needs a file system without shared memory
            raise StateError(f"{self.path}: its file system lacks what SQLite's WAL needs; name another state.path")

    def _check_in_place(self) -> None:
        try:
            found = self.path.stat()
        except OSError as error:
            raise CommitError(f"{self.path}: cannot be found ({error.strerror}); restart the daemon") from error
        if (found.st_dev, found.st_ino) != self._identity:
            raise CommitError(f"{self.path}: was replaced while in use; restart the daemon")

    def _mirror(self) -> None:
        # The version before then counts again what it would have known; that is worth no failure to stop.
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            rows.mirror(self._connection)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, ValueError):
            self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)


def _ensure(path: Path, now: float, *, used: bool) -> bool:
    """Make sure that a state is there; tell whether it had to be made. DamagedError for one that was emptied.

    A new state takes its place complete, by a rename: an empty file is none of ours. Where a daemon
    was `used` with it before, it is what is left of a state; else somebody prepared the place.
    """
    if place.check_file(path):
        path.with_name(path.name + ".new").unlink(missing_ok=True)
        return False
    if used and path.exists():
        raise DamagedError("an empty file where a state was")
    # Where only the new file is there, an exchange was interrupted: it is finished.
    if path.exists() or not path.with_name(path.name + ".new").exists():
        place.build(path, {})
    place.install(path, place.free_suffix(path, "stray", now))
    return True


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise DamagedError("the quick check found faults")


def _read(connection: sqlite3.Connection, *, created: bool, lost: bool) -> Loaded:
    with _readable():
        return rows.read(connection, created=created, lost=lost)


def _read_only(path: Path, mode: str) -> Loaded:
    uri = f"{path.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)) as connection:
        with _readable():
            migrations.check_version(connection, path)
        return _read(connection, created=False, lost=False)


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what values that no daemon wrote lead to into DamagedError; SQLite's own texts may be broken UTF-8."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise DamagedError("unreadable rows") from error


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (DamagedError, sqlite3.Error) as error:
        if is_damage(error):
            raise StateError(f"{path}: is damaged; the daemon sets it aside at its next start") from error
        raise StateError(f"{path}: {reason_for(error)}; remove the cause or name another state.path") from error
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; remove the cause or name another state.path") from error
