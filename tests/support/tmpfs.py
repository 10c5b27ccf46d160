"""A small file system of its own, to run a disk full without touching a real one."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING, Self

from tests.support.packages import lacking

if TYPE_CHECKING:
    from pathlib import Path


class SmallDisk:
    """A tmpfs of `size` bytes mounted at `folder`, as a context manager; the test is skipped without the right."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._size = size
        self._filler = folder / "filler"

    def __enter__(self) -> Self:
        """Mount it."""
        self.folder.mkdir()
        if os.geteuid() != 0:
            lacking("needs root, to mount a small tmpfs")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            lacking(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        """Unmount it, also while files are open."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self) -> None:
        """Use up all space that is left."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                try:
                    while filler.write(bytes(size)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink()
