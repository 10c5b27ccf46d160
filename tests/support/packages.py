"""Debian packages that some tests need: absent ones skip a test locally and fail it in continuous integration.

A skipped test proves nothing, so with `CI` set (as every CI service does) an absent package is
a failure that names the package to install.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def need_program(program: str, package: str) -> str:
    """Return the path of `program`; skip (fail when CI is set) naming the Debian `package` that has it."""
    found = shutil.which(program)
    if found is None:
        lacking(f"needs {program}: apt-get install {package}")
    return found


def lacking(reason: str) -> NoReturn:
    """Skip the running test for `reason`, or fail it when CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, so this is a failure)")
    pytest.skip(reason)
