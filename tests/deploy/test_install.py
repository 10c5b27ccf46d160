"""deploy/install.sh: installs, upgrades, goes back and removes, below another root."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter import __version__
from tests.support.built import ROOT, UV
from tests.support.daemon import Daemon, environment
from tests.support.packages import lacking

if TYPE_CHECKING:
    from tests.support.built import Built

SCRIPT = ROOT / "deploy" / "install.sh"
CREATED = 'api_gateway_appointments_created_total{source="webhook"}'
RECORD = '[2026-01-31 12:00:00] production.INFO: Appointment created from booking {"id":1}  \n'


def script(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script for the hosts' root `root`."""
    done = subprocess.run(
        ["sh", variables.pop("script", str(SCRIPT)), *arguments],
        capture_output=True, text=True, check=False, cwd=root,
        env=environment() | {"ROOT": str(root), "UV": str(UV), "UV_COMPILE_BYTECODE": "0"} | variables,
    )  # fmt: skip
    if done.returncode and "error sending request" in done.stderr:
        lacking("needs a package index")
    return done


def newer(wheel: Path, folder: Path, version: str, change: str = "") -> Path:
    """Return a copy of the wheel that says it is `version`; `change` is Python that it runs first."""
    path = folder / wheel.name.replace(__version__, version)
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "exporter/__init__.py":
                data = data.replace(__version__.encode(), version.encode()) + change.encode()
            if name.endswith("METADATA"):
                data = data.replace(f"Version: {__version__}".encode(), f"Version: {version}".encode())
            if not name.endswith("RECORD"):
                new.writestr(name.replace(f"-{__version__}.", f"-{version}."), data)
        new.writestr(f"booking_exporter-{version}.dist-info/RECORD", "")
    return path


@pytest.mark.slow
def test_install_upgrade_roll_back_remove(built: Built, tmp_path: Path, logs: Path) -> None:
    """A daemon that runs from the installed path counts on through an upgrade and back; nothing stays but its data."""
    root = tmp_path / "host"
    program = root / "usr/local/bin/booking-exporter"
    state = root / "var/lib/booking-exporter/state.sqlite"
    state.parent.mkdir(parents=True)
    (logs / "laravel.log").write_text(RECORD)
    assert script(root, "install", str(built.wheel)).returncode == 0
    first = script(root, "list").stdout
    assert first.startswith(f"* {__version__}-")
    assert (root / "usr/local/share/man/man1/booking-exporter.1").read_text().startswith(".")
    again = script(root, "install", str(built.wheel))
    assert "in use already" in again.stderr
    _refuses_what_does_not_fit(built.wheel, root, tmp_path)
    daemon = Daemon(tmp_path / "daemon", "--log", f"{logs}/laravel*.log", state=state, program=program)
    for version, step in (
        ("9.9.9", ("install", str(newer(built.wheel, tmp_path, "9.9.9")))),
        (__version__, ("rollback",)),
        ("9.9.9", ("rollback",)),
    ):
        done = script(root, *step)
        assert done.returncode == 0, done.stderr
        with daemon:
            shown = daemon.scrape()
            assert shown[f'booking_exporter_build_info{{version="{version}"}}'] == 1
            assert shown[CREATED] == 1
            assert daemon.terminate()[0] == 0
    assert script(root, "list").stdout.splitlines() == [first.strip().replace("*", " "), *_starred(root, "9.9.9")]
    assert script(root, "remove").returncode == 0
    left = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() or path.is_file()}
    assert {Path(path).parent.as_posix() for path in left} == {"var/lib/booking-exporter"}


def _starred(root: Path, version: str) -> list[str]:
    return [f"* {path.name}" for path in (root / "opt/booking-exporter/releases").glob(f"{version}-*")]


def _refuses_what_does_not_fit(wheel: Path, root: Path, folder: Path) -> None:
    """Try a version that does not start, and one that refuses the configuration: nothing changes, nothing is left."""
    before = script(root, "list").stdout
    config = folder / "config.yaml"
    config.touch()
    refuse = "import sys\nif sys.argv[1:] == ['check', '--config', %r]: sys.exit(print('line 1') or 2)\nif"
    for version, change, told in (
        ("9.9.7", "raise SystemExit(3)\n", "does not start"),
        ("9.9.8", refuse % str(config) + " sys.argv[1:] == ['--version']: sys.exit(0)\n", "line 1"),
    ):
        done = script(root, "install", str(newer(wheel, folder, version, change)), CONFIG=str(config))
        assert (done.returncode, script(root, "list").stdout) == (1, before)
        assert told in done.stderr
    assert len(list((root / "opt/booking-exporter/releases").iterdir())) == 1


def test_mistakes_are_told(built: Built, tmp_path: Path) -> None:
    """No such wheel, no such version, no checkout, no Python, a package with another hash: one message each."""
    alone = tmp_path / "release"
    alone.mkdir()
    for name in ("install.sh", "requirements.lock"):
        shutil.copy(ROOT / "deploy" / name, alone)
    # A Python that only its owner may run, as in the tests' own folder, is refused for a real host.
    subprocess.run([sys.executable, "-m", "venv", "--copies", "--without-pip", str(tmp_path / "closed")], check=True)
    closed = tmp_path / "closed" / "bin" / "python"
    (tmp_path / "closed").chmod(0o700)
    changed = (alone / "requirements.lock").read_text().replace("sha256:", "sha256:0", 1)[:-1]
    assert "checkout" in script(tmp_path, script=str(alone / "install.sh")).stderr
    (alone / "requirements.lock").write_text(changed)
    for step, variables, told in (
        (("install", "none.whl"), {}, "none.whl is no file"),
        (("rollback",), {}, "no version to go back to"),
        (("rollback", "1.0"), {}, "1.0 is not installed"),
        (("instal",), {}, "unknown command instal"),
        (("install", str(built.wheel)), {"PYTHON": "/bin/false"}, "no Python 3.11 or newer"),
        (("install", str(built.wheel)), {"PYTHON": str(closed), "ROOT": ""}, "no Python 3.11 or newer"),
        (("install", str(built.wheel)), {}, "hash"),
    ):
        done = script(tmp_path, *step, script=str(alone / "install.sh"), **variables)
        assert done.returncode != 0
        assert told in done.stderr, done.stderr
    assert not list((tmp_path / "opt").rglob("complete"))


@pytest.mark.parametrize("step", [("install", "wheel"), ("rollback",)])
def test_an_environment_in_its_place_is_not_mixed_with(built: Built, tmp_path: Path, step: tuple[str, ...]) -> None:
    """Where somebody made an environment at the place, nothing is changed, and the way out is told and works."""
    place = tmp_path / "opt/booking-exporter"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (place / "bin/booking-exporter").write_text("#!/bin/sh\necho old\n")
    before = {path: path.is_symlink() for path in place.rglob("*")}

    done = script(tmp_path, *(str(built.wheel) if one == "wheel" else one for one in step))

    assert done.returncode == 1
    assert "in use" not in done.stderr
    assert {path: path.is_symlink() for path in place.rglob("*")} == before
    assert not (tmp_path / "usr").exists()
    (remedy,) = (line for line in done.stderr.splitlines() if " mv " in line)
    move = remedy[remedy.index("mv ") :].split(" && ")[0]
    assert move.split() == ["mv", str(place), f"{place}.old"]
    if step[0] == "install":
        (tmp_path / "opt/booking-exporter").rename(f"{place}.old")
        assert script(tmp_path, "install", str(built.wheel)).returncode == 0
        assert (place / "bin").resolve() == (place / "current/bin").resolve()


def test_the_script_is_sound_shell() -> None:
    """Shellcheck finds nothing in it."""
    program = shutil.which("shellcheck")
    if program is None:
        lacking("needs shellcheck: apt-get install shellcheck")
    done = subprocess.run([program, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
