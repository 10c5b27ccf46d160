"""Wheel and source distribution as `make build` makes them, and environments that they are installed into."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.daemon import environment
from tests.support.packages import lacking

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "deploy" / "requirements.lock"
UV = Path(sys.prefix) / "bin" / "uv"
_UNREACHABLE = ("dns error", "error sending request", "Failed to fetch", "Could not connect", "timed out")


@dataclass(frozen=True, slots=True)
class Built:
    """The two files of a build."""

    wheel: Path
    sdist: Path


def build(source: Path, folder: Path, **variables: str) -> Built:
    """Build the tree `source` into `folder`, the wheel from the sdist as every installer of one does."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)],
        capture_output=True, text=True, check=False, env=environment() | variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


def uv(*arguments: str, **variables: str) -> str:
    """Run uv and return what it says; where no package index is reachable, the test cannot be run."""
    done = subprocess.run(
        [str(UV), *arguments], capture_output=True, text=True, check=False, env=environment() | variables
    )
    if done.returncode and any(sign in done.stderr for sign in _UNREACHABLE):
        lacking("needs a package index")
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def installed(wheel: Path, folder: Path, python: str) -> Path:
    """Install `wheel` with its locked dependencies into a new environment; return the folder of its programs."""
    uv("venv", "--python", python, "--no-project", str(folder))
    interpreter = str(folder / "bin" / "python")
    uv("pip", "install", "--python", interpreter, "--require-hashes", "-r", str(LOCK))
    uv("pip", "install", "--python", interpreter, "--no-deps", "--offline", str(wheel))
    return folder / "bin"
