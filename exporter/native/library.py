"""Loads the native library, which is built when the package is installed (`hatch_build.py`), if it is there.

It is reached through ctypes, which lets other threads run meanwhile. Everything works without it,
several times slower over long logs.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Final

VERSION: Final = 3
"""Of the library's interface: another one was built from another version's sources, and is left alone."""
PATH: Final = Path(__file__).with_name("native.so")


@cache
def load(path: Path = PATH) -> ctypes.CDLL | None:
    """Return the library, or None where there is none that can be used."""
    try:
        library = ctypes.CDLL(str(path))
        if library.native_version() != VERSION:
            return None
    except (OSError, AttributeError):
        return None
    library.native_matcher_new.restype = ctypes.c_void_p
    library.native_matcher_new.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_uint32]
    library.native_matcher_free.restype = None
    library.native_matcher_free.argtypes = [ctypes.c_void_p]
    library.native_meanings_new.restype = ctypes.c_void_p
    library.native_meanings_new.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
    library.native_meanings_free.restype = None
    library.native_meanings_free.argtypes = [ctypes.c_void_p]
    library.native_meanings_add.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32),
        *(ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p),
    ]
    library.native_run.restype = ctypes.c_uint32
    library.native_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.native_scan.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p]
    return library
