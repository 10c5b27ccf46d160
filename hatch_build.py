"""Builds the native library while the package is built or installed, where there is a C compiler.

Without one, or where it fails, the package works all the same, and its wheel is for any platform. In the environment,
NATIVE_PART=no leaves the library out and NATIVE_PART=must fails where it cannot be built. The compiler
is $CC, else the first of cc, gcc and clang that is found.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = (Path("exporter/native/scan.c"), Path("exporter/native/events.c"))
LIBRARY = Path("exporter/native/native.so")
FLAGS = ("-std=c11", "-O3", "-DNDEBUG", "-fPIC", "-shared", "-fvisibility=hidden")
WISH = "NATIVE_PART"


class NativeLibrary(BuildHookInterface[Any]):
    """Compiles the library: into the tree for an editable installation, else into the wheel alone."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library before hatchling gathers the files. RuntimeError where it must be built and cannot."""
        if self.target_name != "wheel":
            return
        wish = os.environ.get(WISH, "")
        target = Path(self.root) / LIBRARY
        if version != "editable":
            self._folder = tempfile.TemporaryDirectory(prefix="booking-exporter-")
            target = Path(self._folder.name) / LIBRARY.name
        else:
            target.unlink(missing_ok=True)
        problem = "it is not wanted" if wish == "no" else compile_library(self._sources(), target)
        if problem is None:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform_tag()}"
            if version != "editable":
                build_data["force_include"][str(target)] = str(LIBRARY)
            return
        if wish == "must":
            raise RuntimeError(f"the native library cannot be built: {problem}")
        self.app.display_warning(f"booking-exporter is built without its native library: {problem}")

    def _sources(self) -> list[Path]:
        return [Path(self.root) / source for source in SOURCES]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what only the wheel needed."""
        del version, build_data, artifact_path
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def compile_library(sources: Sequence[Path], target: Path) -> str | None:
    """Compile `sources` into the shared library `target`; return None, or what stood in the way."""
    command = compiler()
    if command is None:
        return "no C compiler was found"
    # Another process may be using the library that is there: a new one takes its place whole.
    making = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        done = subprocess.run(  # noqa: S603  # the compiler that the user names, or finds in PATH
            [*command, *FLAGS, *map(str, sources), "-o", str(making)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            return f"{command[0]} failed: {done.stderr.strip()[-2000:]}"
        making.replace(target)
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    finally:
        making.unlink(missing_ok=True)
    return None


def compiler() -> list[str] | None:
    """Return the compiler's command."""
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        return named
    found = next((one for one in ("cc", "gcc", "clang") if shutil.which(one)), None)
    return None if found is None else [found]


def platform_tag() -> str:
    """Return the wheel's platform tag, such as linux_x86_64 (PEP 425)."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
