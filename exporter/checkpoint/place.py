"""Where the state file lies: what may stand there, how a new one takes its place.

A new state is built beside its place as `<state>.tmp`, completed as `<state>.new` and moved in by
a rename. So a file at the path is always complete, and where the path is empty and `<state>.new`
is not, an exchange was interrupted and is finished at the next start.
"""

from __future__ import annotations

import glob
import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.checkpoint import migrations
from exporter.checkpoint.errors import DamagedError, StateError
from exporter.checkpoint.mounts import network_file_system
from exporter.checkpoint.rows import KEY, KEY_BYTES, META_UPSERT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIDES = ("-wal", "-shm", "-journal")
_MAGIC = b"SQLite format 3\0"
_HEADER = 100
COPIES = 2
"""How many copies of states of earlier versions are kept."""


def check_folder(path: Path, mountinfo: str) -> None:
    """Check that a state can lie at `path`; StateError with the remedy where it cannot."""
    folder = path.parent
    if not folder.is_dir():
        raise StateError(f"{folder}: no such directory for the state; create it or name another state.path")
    kind = network_file_system(folder.resolve(), mountinfo)
    if kind is not None:
        raise StateError(
            f"{path}: lies on a network file system ({kind}), which does not keep the state safe;"
            " name a state.path on a local disk"
        )
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise StateError(
            f"{folder}: not writable for this user, and the state needs files there;"
            " change its owner or name another state.path"
        )


def check_owners(path: Path) -> None:
    """Check that nobody else has put something where the state's own files go; StateError names it.

    Where others may write, as in /tmp, they could lay a link or a file of theirs there, to have this
    process write elsewhere, or to write into the state themselves.
    """
    ours = {0, os.geteuid(), path.parent.stat().st_uid}
    for name in (path, *(path.with_name(path.name + one) for one in (*SIDES, ".lock", ".tmp", ".new"))):
        try:
            found = name.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(found.st_mode):
            raise StateError(f"{name}: is {_kind(found.st_mode)}, not a file; name another state.path")
        if found.st_uid not in ours:
            raise StateError(
                f"{name}: belongs to another user, who could change it; name a state.path where only this user writes"
            )


def check_file(path: Path) -> bool:
    """Return whether a state is at `path` (False: nothing, or an empty file).

    StateError where something stands there that is not ours, DamagedError where it is no database.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; name another state.path") from error
    if not stat.S_ISREG(found.st_mode):
        raise StateError(f"{path}: is {_kind(found.st_mode)}, not a file; name another state.path")
    if found.st_size == 0:
        return False
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except OSError as error:
        raise StateError(f"{path}: cannot be read ({error.strerror}); give it to the user of the daemon") from error
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise DamagedError("no SQLite file")
    # Bytes 68 to 71, https://sqlite.org/fileformat2.html#application_id
    if int.from_bytes(header[68:72], "big") != migrations.APPLICATION_ID:
        raise StateError(f"{path}: is a database of another program; name another state.path")
    return True


def make_private(path: Path) -> None:
    """Let nobody but the owner read the state; SQLite gives its side files the same mode."""
    for name in (path, *(path.with_name(path.name + side) for side in SIDES)):
        if name.exists() and stat.S_IMODE(name.stat().st_mode) != 0o600:  # noqa: PLR2004 - the mode that G6 promises
            name.chmod(0o600)


def build(path: Path, meta: Mapping[str, str]) -> None:
    """Build an empty state with a fresh secret and `meta` as `<path>.new`."""
    raw, ready = path.with_name(path.name + ".tmp"), path.with_name(path.name + ".new")
    for name in (raw, raw.with_name(raw.name + "-journal")):
        name.unlink(missing_ok=True)
    os.close(os.open(raw, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(raw, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("BEGIN IMMEDIATE")
        migrations.create(connection)
        connection.executemany(META_UPSERT, {KEY: os.urandom(KEY_BYTES).hex(), **meta}.items())
        connection.execute("COMMIT")
    finally:
        connection.close()
    raw.replace(ready)
    sync_folder(path)


def install(path: Path, suffix: str) -> Path | None:
    """Move what is at `path` to the name with `suffix`, side files as well, and `<path>.new` in its place.

    Returns the name to which an old state went, if there was one.
    """
    aside = path.with_name(path.name + suffix)
    had = path.exists()
    # The database goes first: with it gone, an interruption is recognised and finished.
    for side in ("", *SIDES):
        old = path.with_name(path.name + side)
        if old.exists():
            old.replace(aside.with_name(aside.name + side))
    sync_folder(path)
    path.with_name(path.name + ".new").replace(path)
    sync_folder(path)
    return aside if had else None


def keep_copy(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Keep the state at `path`, which is open, as `<path>.before-<version>`: to be looked at, never to be used again.

    What was counted since would be counted once more, and counters that were seen would fall. Only
    the newest copies are kept. Raises sqlite3.Error or OSError where it cannot be written.
    """
    copy = path.with_name(f"{path.name}.before-{version}")
    raw = copy.with_name(copy.name + ".tmp")
    raw.unlink(missing_ok=True)
    os.close(os.open(raw, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(raw)) as target:
        connection.backup(target)
    raw.replace(copy)
    sync_folder(path)
    copies = path.parent.glob(f"{glob.escape(path.name)}.before-*")
    by_version = {int(number): one for one in copies if (number := one.name.rpartition("-")[2]).isdecimal()}
    for old in sorted(by_version)[:-COPIES]:
        by_version[old].unlink()


def free_suffix(path: Path, reason: str, now: float) -> str:
    """Return `.<reason>-YYYYmmddTHHMMSSZ`, with a number behind it where that name is taken."""
    base = f".{reason}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    suffix, number = base, 1
    while path.with_name(path.name + suffix).exists():
        number += 1
        suffix = f"{base}.{number}"
    return suffix


def sync_folder(path: Path) -> None:
    """Make renames in the folder of `path` last through a power loss."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sync_wal(path: Path) -> None:
    """Make what is in the WAL of the state at `path`, if there is one, last through a power loss."""
    # Closing this descriptor drops no lock of SQLite's: those are on the database and on -shm.
    try:
        wal = os.open(path.with_name(path.name + "-wal"), os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(wal)
    finally:
        os.close(wal)
    sync_folder(path)


def _kind(mode: int) -> str:
    names = {stat.S_IFDIR: "a directory", stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe"}
    return names.get(stat.S_IFMT(mode), "a device or a socket")
