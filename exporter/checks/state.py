"""Whether the state file can be used, and who uses it (I/O, writes nothing)."""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING

from exporter.checkpoint import place
from exporter.checkpoint.store import StateError, Store
from exporter.checks.result import Result

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT = "state"


def check_state(path: Path, mountinfo: str) -> Result:
    """Return whether the daemon could use a state at `path`, which need not exist yet.

    `mountinfo` is the text of /proc/self/mountinfo.
    """
    try:
        place.check_folder(path, mountinfo)
        place.check_owners(path)
        if not path.exists():
            return Result("ok", SUBJECT, f"{path}: will be made at the first start")
        Store.read(path)
    except StateError as error:
        return Result("FAIL", SUBJECT, str(error))
    if not os.access(path, os.W_OK, effective_ids=True):
        return Result("FAIL", SUBJECT, f"{path}: is not writable for this user; run as the daemon's user, or mend it")
    if path.parent.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        text = f"{path.parent}: other users may write there, and so replace the state; run `chmod go-w {path.parent}`"
        return Result("warn", SUBJECT, text)
    return Result("ok", SUBJECT, f"{path}: readable, {'in use by a running daemon' if in_use(path) else 'not in use'}")


def in_use(path: Path) -> bool:
    """Tell whether a daemon holds the lock of the state at `path`; False where this user cannot tell."""
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Shared and for an instant only: two who ask do not disturb each other.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
