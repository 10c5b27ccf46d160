"""The lock files: what the service is installed from, for every platform that is promised."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from tests.support.built import LOCK, ROOT, uv

if TYPE_CHECKING:
    from pathlib import Path

Wheels = dict[str, list[tuple[str, str]]]
BUILD_LOCK = LOCK.parent / "build.lock"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WANTED = {
    LOCK: [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["mysql"],
        *PROJECT["project"]["optional-dependencies"]["postgresql"],
    ],
    BUILD_LOCK: PROJECT["build-system"]["requires"],
}
"""What each lock file must provide."""


def pins(path: Path) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes of each package in a lock file, by its name in lower case."""
    entries = re.findall(
        r"^([\w.-]+)==([\w.]+).*((?:\n {4}--hash=sha256:[0-9a-f]{64}.*)*)", path.read_text(), re.MULTILINE
    )
    return {name.lower(): (version, hashes.count("--hash")) for name, version, hashes in entries}


@pytest.mark.parametrize("path", WANTED, ids=lambda path: path.name)
def test_the_lock_satisfies_the_project(path: Path) -> None:
    """Each dependency that pyproject.toml names is pinned to a version that it allows: else `make lock`."""
    locked = pins(path)
    wanted = [Requirement(text) for text in WANTED[path]]
    assert [str(one) for one in wanted if not one.specifier.contains(locked[one.name.lower()][0])] == []


@pytest.mark.parametrize("path", WANTED, ids=lambda path: path.name)
def test_everything_is_pinned_with_hashes(path: Path) -> None:
    """No line of a lock file lets an installer choose, and none names an address."""
    text = path.read_text("utf-8")
    locked = pins(path)
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) == len(locked) + sum(hashes for _, hashes in locked.values())
    assert all(hashes for _, hashes in locked.values())
    assert "://" not in text


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    """Return the wheels that the package index has of each locked version: file names and hashes."""
    path = tmp_path_factory.mktemp("lock") / "pylock.toml"
    uv(
        *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-deps"),
        *("--format", "pylock.toml", str(LOCK), "--output-file", str(path)),
    )
    found = tomllib.loads(path.read_text("utf-8"))["packages"]
    return {
        one["name"]: [(wheel["url"].rsplit("/", 1)[1], wheel["hashes"]["sha256"]) for wheel in one["wheels"]]
        for one in found
    }


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13), (3, 14)], ids=lambda one: f"{one[0]}.{one[1]}")
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_lock_has_wheels_for(wheels: Wheels, machine: str, version: tuple[int, int]) -> None:
    """On each platform all is installed from wheels whose hashes are in the file: nothing is compiled on a server."""
    assert set(wheels) == set(pins(LOCK))
    assert lacks(LOCK.read_text("utf-8"), wheels, machine, version) == []


def test_a_missing_hash_is_seen(wheels: Wheels) -> None:
    """The test above names a package of which the wheel for one platform is not in the lock file."""
    (hash_,) = (hash_ for name, hash_ in wheels["hyperscan"] if "cp312-cp312-manylinux" in name and "aarch64" in name)
    text = LOCK.read_text("utf-8").replace(hash_, "0" * 64)
    assert lacks(text, wheels, "aarch64", (3, 12)) == ["hyperscan"]
    assert lacks(text, wheels, "x86_64", (3, 12)) == []


def lacks(lock: str, wheels: Wheels, machine: str, version: tuple[int, int]) -> list[str]:
    """Return the packages without a wheel for this Python and Debian 12 (glibc 2.36) among the lock's hashes."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(17, 37)] + [f"manylinux2014_{machine}"]
    interpreter = f"cp{version[0]}{version[1]}"
    fitting = {*cpython_tags(version, [interpreter], platforms), *compatible_tags(version, interpreter, platforms)}
    return [
        package
        for package, files in wheels.items()
        if not any(hash_ in lock and fitting & parse_wheel_filename(name)[3] for name, hash_ in files)
    ]
