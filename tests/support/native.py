"""The native library, for tests of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from exporter.native import library as native

if TYPE_CHECKING:
    import ctypes


def library() -> ctypes.CDLL:
    """Return the library; without a C compiler, and so without it, the test is skipped."""
    found = native.load()
    if found is None and shutil.which("cc") is None:
        pytest.skip("without a C compiler there is no native library")
    assert found is not None, "the native library was not built: run make .venv/.dev"
    return found
