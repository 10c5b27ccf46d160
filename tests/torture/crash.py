"""The plan for one death of the daemon, shared with the preloaded library that carries it out (crash.c)."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CALLS = ("open", "read", "write", "sync", "truncate", "rename", "unlink")
FILES = ("database", "wal", "shm", "journal", "new state", "lock", "folder", "log")
HOWS = ("", "before", "torn", "after", "later")
DURABLE = 5
"""The first so many of FILES are parts of the state."""
ANY_CALL = len(CALLS)
SOURCE = Path(__file__).with_name("crash.c")
VARIABLE = "TORTURE_PLAN"
PATH_MAX = 4096


class Site(NamedTuple):
    """A kind of moment: a call on a file, and whether death comes before, in the middle, after or a little later."""

    call: str
    file: str
    how: str


class _Plan(ctypes.Structure):
    """`struct plan` of crash.c."""

    _fields_ = (
        ("armed", ctypes.c_uint32),
        ("call", ctypes.c_uint32),
        ("files", ctypes.c_uint32),
        ("how", ctypes.c_uint32),
        ("part", ctypes.c_uint32),
        ("countdown", ctypes.c_int64),
        ("died", ctypes.c_uint32),
        ("died_call", ctypes.c_uint32),
        ("died_file", ctypes.c_uint32),
        ("seen", (ctypes.c_uint64 * len(FILES)) * len(CALLS)),
        ("state", ctypes.c_char * PATH_MAX),
        ("logs", ctypes.c_char * PATH_MAX),
        ("undo", ctypes.c_char * PATH_MAX),
    )


def compiler() -> str | None:
    """Return the C compiler's path, None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Path:
    """Compile the library into `folder` and return its path. Raises CalledProcessError."""
    library = folder / "crash.so"
    cc = compiler()
    assert cc, "no C compiler: apt-get install gcc"
    options = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")
    subprocess.run([cc, *options, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"], check=True)
    return library


class Plan:
    """The shared memory in the file `path`, which the library maps as well."""

    def __init__(self, path: Path, *, state: Path, logs: Path, undo: Path) -> None:
        self.path = path
        size = ctypes.sizeof(_Plan)
        path.write_bytes(bytes(size))
        descriptor = os.open(path, os.O_RDWR)
        self._memory = mmap.mmap(descriptor, size)
        os.close(descriptor)
        self._plan = _Plan.from_buffer(self._memory)
        self._plan.state = bytes(state)
        self._plan.logs = bytes(logs)
        self._plan.undo = bytes(undo)

    def disarm(self) -> None:
        """Let the next life go on without end."""
        self._plan.armed = 0
        self._plan.died = 0

    def arm(self, call: str | None, how: str, countdown: int, part: int, *, files: Sequence[str] = FILES) -> None:
        """Let the `countdown`-th call from now on, of those of the name `call` (None: all) on `files`, be the last.

        `part` are the thousandths of a torn write that are written, or the microseconds of life
        that are left later on.
        """
        plan = self._plan
        plan.call = ANY_CALL if call is None else CALLS.index(call)
        plan.files = sum(1 << FILES.index(file) for file in files)
        plan.how = HOWS.index(how)
        plan.part = part
        plan.countdown = countdown
        plan.armed = 1

    @property
    def struck(self) -> Site | None:
        """Where the plan was carried out, None where it was not."""
        plan = self._plan
        if not plan.died:
            return None
        call, file, how = CALLS[plan.died_call], FILES[plan.died_file], HOWS[plan.how]
        return Site(call, file, "before" if how == "torn" and call != "write" else how)

    def seen(self) -> Iterator[tuple[str, str, int]]:
        """Yield each call and file that occurred, with the number of times over all lives."""
        for call, files in zip(CALLS, self._plan.seen, strict=True):
            for file, number in zip(FILES, files, strict=True):
                if number:
                    yield call, file, number
