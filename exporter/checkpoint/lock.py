"""One daemon per state file: an flock on `<state>.lock`, held for life."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from exporter.checkpoint.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path


class StateLock:
    """The lock of one state file. The kernel drops it with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock of the state at `path`; StateError where another process holds it.

        The lock file stays behind when the lock is released: removing it would let two processes
        hold the lock of two files of one name. So `used` tells whether a daemon held it before.
        """
        name = path.with_name(path.name + ".lock")
        try:
            self._fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError as error:
            raise StateError(
                f"{name}: cannot be opened ({error.strerror}); make it writable or name another state.path"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._holder()
            os.close(self._fd)
            raise StateError(
                f"{path}: another booking-exporter{holder} uses this state;"
                " stop it first, or give this one a state.path of its own"
            ) from None
        except OSError as error:  # pragma: no cover - needs a file system without locks
            os.close(self._fd)
            raise StateError(
                f"{name}: cannot be locked ({error.strerror}); name a state.path on a local file system"
            ) from error
        self.used = os.fstat(self._fd).st_size > 0
        self._note_pid()

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._fd)

    def _note_pid(self) -> None:
        # The number only serves the message to a second daemon, which does without on a full disk.
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except OSError:
            return

    def _holder(self) -> str:
        noted = os.pread(self._fd, 20, 0).strip()
        return f" (process {int(noted)})" if noted.isdigit() else ""
