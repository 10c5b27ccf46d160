"""Wheel and sdist: what is in them, that a build can be repeated, and that what is installed works by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hatch_build
from exporter import __version__
from tests.support.built import ROOT, build, installed
from tests.support.daemon import Daemon, environment

if TYPE_CHECKING:
    from tests.support.built import Built

RECORD = '[2026-01-31 12:00:{:02}] production.INFO: Appointment created from booking {{"id":{}}}  \n'
CREATED = 'api_gateway_appointments_created_total{source="webhook"}'


def in_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def in_sdist(path: Path) -> set[str]:
    with tarfile.open(path) as archive:
        return {one.name.partition("/")[2] for one in archive.getmembers()}


def test_the_wheel_holds_what_runs_and_nothing_else(built: Built) -> None:
    """All code and data of the package, manual page and completions; no tests, no rules, nothing at the top level."""
    names = in_wheel(built.wheel)
    code = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "exporter").rglob("*")
        if path.is_file() and path.suffix not in {".c", ".h", ".pyc", ".so"}
    }
    native = {"exporter/native/native.so"} if "linux" in built.wheel.name else set()
    assert {name for name in names if name.startswith("exporter/")} == code | native
    assert bool(native) == bool(hatch_build.compiler())
    assert {"exporter/events/booking.yaml", "exporter/checkpoint/schema.sql", "exporter/py.typed"} <= code
    prefix = f"booking_exporter-{__version__}"
    beside = {name.removeprefix(f"{prefix}.data/data/share/") for name in names if ".data/" in name}
    assert beside == {
        "man/man1/booking-exporter.1",
        "bash-completion/completions/booking-exporter",
        "zsh/site-functions/_booking-exporter",
        "fish/vendor_completions.d/booking-exporter.fish",
    }
    assert {name.split("/")[0] for name in names} == {"exporter", f"{prefix}.dist-info", f"{prefix}.data"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_sdist_holds_all_that_a_site_needs(built: Built) -> None:
    """Rules, dashboards, routing, everything for hosts, the documents and the tests; nothing that was made here."""
    names = in_sdist(built.sdist)
    wanted = {
        path.relative_to(ROOT).as_posix()
        for folder in ("alertmanager", "deploy", "exporter", "grafana", "rules", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts) and path.suffix != ".so"
    }
    assert wanted <= names
    assert {path.name for path in ROOT.glob("*.md")} | {"LICENSE", "Makefile", "pyproject.toml"} <= names
    assert {name.split("/")[0] for name in names} & {".venv", "var", "dist", ".ci", ".git"} == set()


def test_what_git_ignores_is_left_out_wherever_the_checkout_lies() -> None:
    """Where .gitignore names a folder above the checkout, hatchling passes it over: pyproject.toml says the same."""
    left_out = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["sdist"]
    assert set((ROOT / ".gitignore").read_text("utf-8").split()) <= set(left_out["exclude"])


def test_a_build_can_be_repeated(built: Built, tmp_path: Path) -> None:
    """From the unpacked sdist, elsewhere, with other permissions, time zone and order of files: the same bytes."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path / "elsewhere", filter="data")
    (source,) = (tmp_path / "elsewhere").iterdir()
    for path in source.rglob("*"):
        if path.is_file():
            path.chmod(0o700 if os.access(path, os.X_OK) else 0o600)
            os.utime(path, (1, 1))
    again = build(source, tmp_path / "dist", SOURCE_DATE_EPOCH="1767225600", TZ="Asia/Tokyo", LC_ALL="C")
    assert again.wheel.name == built.wheel.name
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes()


def python_of(version: str) -> str | None:
    """Return a Python of this version, from PATH or among pyenv's, None without one that works."""
    places = [shutil.which(f"python{version}"), *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    for place in places:
        if place and subprocess.run([place, "-c", ""], check=False, capture_output=True).returncode == 0:
            return place
    return None


RUNNING = ".".join(map(str, sys.version_info[:2]))
PYTHONS = {one: python for one in ("3.11", "3.12", "3.13", "3.14") if one != RUNNING and (python := python_of(one))}
"""The Pythons besides this one that this machine has; which of them there are is not for the tests to say."""


@pytest.mark.parametrize("version", sorted(PYTHONS)[-1:] or [RUNNING])
def test_the_installed_program_counts(built: Built, tmp_path: Path, logs: Path, version: str) -> None:
    """With the newest other Python that is here, the locked packages alone read a log and print what is in it."""
    python = PYTHONS.get(version, sys.executable)
    programs = installed(built.wheel, tmp_path / "environment", python)
    (logs / "laravel.log").write_text(RECORD.format(1, 1))
    done = subprocess.run(
        [str(programs / "booking-exporter"), "run", "--once", "--log", f"{logs}/laravel*.log"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{CREATED} 1.0\n" in done.stdout


def test_the_installed_program_follows_a_log(built: Built, tmp_path: Path, logs: Path) -> None:
    """In an environment with the locked packages alone: checks itself, follows a log, goes on after a restart."""
    programs = installed(built.wheel, tmp_path / "environment", sys.executable)
    program = programs / "booking-exporter"
    log = logs / "laravel.log"
    log.write_text(RECORD.format(1, 1))
    follow = ("--log", f"{logs}/laravel*.log")
    checked = subprocess.run(
        [str(program), "check", *follow, "--state", str(tmp_path / "state.sqlite")],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with Daemon(tmp_path / "daemon", *follow, program=program) as daemon:
        daemon.wait_for(lambda shown: shown[CREATED] == 1, "the record that was there")
        with log.open("a") as file:
            file.write(RECORD.format(2, 2))
        shown = daemon.wait_for(lambda shown: shown[CREATED] == 2, "the record that came")
        assert shown[f'booking_exporter_build_info{{version="{__version__}"}}'] == 1
        assert daemon.terminate()[0] == 0
        daemon.start()
        daemon.wait_ready()
        assert daemon.scrape()[CREATED] == 2
    lacking = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, ('pytest', 'pip', 'tests', 'ruff'))))"
    assert subprocess.run([str(programs / "python"), "-I", "-c", lacking], check=False, cwd=tmp_path).returncode == 0
