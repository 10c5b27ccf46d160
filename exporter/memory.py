"""What the process asks of Python's and the C library's memory management."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from typing import Final

_COLLECT_AFTER: Final = 20_000
"""New objects after which garbage is sought: counting makes many that live for days, and hardly any cycles."""


def look_away() -> None:
    """To be called when all parts are built, by what ends soon: look for garbage rarely, among later objects only."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def settle() -> None:
    """To be called when all parts are built: give back what building them took, and look at them no more.

    Compiling the patterns takes some ten megabytes, which glibc keeps unless asked
    (https://man7.org/linux/man-pages/man3/malloc_trim.3.html); other C libraries need not be asked.
    """
    gc.unfreeze()  # of what was replaced, cycles are left
    gc.collect()
    look_away()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
