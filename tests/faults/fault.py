"""A fault placed from outside into a running daemon, through the preloaded library fault.c."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.packages import need_program

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = ("open", "list", "stat", "fstat", "read", "write", "sync")
HANG = 4096
"""Instead of an errno: the calls do not return until the block ends."""
SOURCE = Path(__file__).with_name("fault.c")
PATH_MAX = 4096


class _Plan(ctypes.Structure):
    """`struct plan` of fault.c."""

    _fields_ = (
        ("error", ctypes.c_uint32),
        ("calls", ctypes.c_uint32),
        ("shift", ctypes.c_int64),
        ("failed", ctypes.c_uint64),
        ("pattern", ctypes.c_char * PATH_MAX),
    )


def build(folder: Path) -> Path:
    """Compile the library into `folder` and return its path. Raises CalledProcessError."""
    library = folder / "fault.so"
    options = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")
    subprocess.run([need_program("cc", "gcc"), *options, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


class Faults:
    """The faults of the daemons that are started with `prefix`; none at first."""

    def __init__(self, library: Path, path: Path) -> None:
        size = ctypes.sizeof(_Plan)
        path.write_bytes(bytes(size))
        descriptor = os.open(path, os.O_RDWR)
        self._plan = _Plan.from_buffer(mmap.mmap(descriptor, size))
        os.close(descriptor)
        self.prefix = ("env", f"LD_PRELOAD={library}", f"FAULT_PLAN={path}")

    @property
    def failed(self) -> int:
        """How many calls failed so far."""
        return int(self._plan.failed)

    @contextmanager
    def on(self, pattern: str, *calls: str, error: int) -> Iterator[None]:
        """Let `calls` on files whose path matches `pattern` fail with `error`, until the block ends."""
        self._plan.pattern = pattern.encode()
        self._plan.calls = sum(1 << CALLS.index(call) for call in calls)
        self._plan.error = error
        try:
            yield
        finally:
            self._plan.error = 0

    def shift_clock(self, seconds: int) -> None:
        """Set the wall clock `seconds` ahead of the true one."""
        self._plan.shift = seconds
