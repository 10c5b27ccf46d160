"""The build hook: a wheel with the native library where there is a compiler, one for every platform elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from hatch_build import compile_library, compiler, platform_tag

ROOT = Path(__file__).parents[2]
LIBRARY = "exporter/native/native.so"


def build(folder: Path, **environment: str) -> tuple[Path | None, str]:
    """Build a wheel into `folder`; return it, None where that failed, and what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return next(folder.glob("*.whl"), None) if done.returncode == 0 else None, done.stdout + done.stderr


def names(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.skipif(compiler() is None, reason="without a C compiler there is no native part")
def test_with_a_compiler(tmp_path: Path) -> None:
    """The library is in the wheel, which says for which platform it is; its source is not."""
    wheel, said = build(tmp_path, NATIVE_PART="must")
    assert wheel is not None, said
    assert wheel.name.endswith(f"-py3-none-{platform_tag()}.whl")
    assert LIBRARY in names(wheel)
    assert "exporter/native/scan.c" not in names(wheel)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"NATIVE_PART": "no"}, "it is not wanted"),
        ({"CC": "/nowhere/cc"}, "/nowhere/cc cannot be run: No such file or directory"),
        ({"CC": "false"}, "false failed"),
        ({"CC": "", "PATH": "/nowhere"}, "no C compiler was found"),
    ],
    ids=["unwanted", "missing", "failing", "none"],
)
def test_without_a_compiler(tmp_path: Path, environment: dict[str, str], reason: str) -> None:
    """The wheel is built all the same, says why it lacks the library, and is for every platform."""
    wheel, said = build(tmp_path, **environment)
    assert wheel is not None, said
    assert wheel.name.endswith("-py3-none-any.whl")
    assert LIBRARY not in names(wheel)
    assert f"built without its native library: {reason}" in said


def test_where_it_must_be_built(tmp_path: Path) -> None:
    """Who asks for the library gets no wheel without it."""
    wheel, said = build(tmp_path, NATIVE_PART="must", CC="false")
    assert wheel is None
    assert "the native library cannot be built: false failed" in said


def test_a_failed_build_leaves_the_old_library(tmp_path: Path) -> None:
    """A library is replaced by a whole one, or not at all."""
    target = tmp_path / "native.so"
    target.write_bytes(b"old")
    source = tmp_path / "broken.c"
    source.write_text("int broken(")
    assert compile_library([source], target) is not None
    assert [(one.name, one.read_bytes()) for one in tmp_path.glob("native*")] == [("native.so", b"old")]
