"""The units: systemd takes them without a word, they expose little, and every line is explained."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.packages import need_program
from tests.support.units import FOLDER, SERVICE, TEMPLATE, directives, values

if TYPE_CHECKING:
    from pathlib import Path

README = (FOLDER / "README.md").read_text()
EXPOSURE = 1.5
PROGRAM = "/opt/booking-exporter/bin/booking-exporter"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = need_program("systemd-analyze", "systemd")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["booking-exporter.service", "booking-exporter@shop.service"])
@pytest.mark.parametrize("drop_in", [False, True], ids=["alone", "notify-reload"])
def test_systemd_accepts_them(tmp_path: Path, name: str, *, drop_in: bool) -> None:
    """`systemd-analyze verify` finds nothing to complain about, with the drop-in for newer versions as well."""
    version = int(re.findall(r"systemd (\d+)", analyze("--version").stdout)[0])
    if drop_in and version < 253:
        text = (FOLDER / "notify-reload.conf").read_text()
        assert directives(FOLDER / "notify-reload.conf") == [("Type", "notify-reload"), ("ExecReload", "")], text
        return
    for unit in (SERVICE, TEMPLATE):
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, sys.executable))
    if drop_in:
        (tmp_path / f"{name}.d").mkdir()
        (tmp_path / f"{name}.d" / "reload.conf").write_text((FOLDER / "notify-reload.conf").read_text())
    done = analyze("verify", "--man=no", str(tmp_path / name))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_mistake_would_be_found(tmp_path: Path) -> None:
    """A directive that systemd does not know is told by `verify`: the test above can fail."""
    (tmp_path / SERVICE.name).write_text(
        SERVICE.read_text().replace(PROGRAM, sys.executable) + "ProtectEverything=yes\n"
    )
    assert "ProtectEverything" in analyze("verify", "--man=no", str(tmp_path / SERVICE.name)).stderr


@pytest.mark.parametrize("unit", [SERVICE, TEMPLATE], ids=lambda unit: unit.name)
def test_they_expose_little(unit: Path) -> None:
    """`systemd-analyze security` rates a unit at 1.5 or better, and what it still names is explained."""
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    (rating,) = re.findall(r"Overall exposure level for [\w@.-]+: ([\d.]+)", done.stdout)
    assert float(rating) <= EXPOSURE
    assert f"rates it {rating} " in README
    left = re.findall(r"^✗ ([A-Z]\w+=)", done.stdout, re.MULTILINE)
    assert left, done.stdout
    section = README.split("## What is left open")[1].split("\n## ")[0]
    assert [name for name in left if f"`{name}" not in section] == []


@pytest.mark.parametrize("unit", [SERVICE, TEMPLATE], ids=lambda unit: unit.name)
def test_every_directive_is_explained(unit: Path) -> None:
    """The README has a row for each directive, and none for others."""
    section = README.split("## Line by line")[1].split("\n## ")[0]
    explained = set(
        re.findall(r"`(\w+)=", "\n".join(row.split("|")[1] for row in section.splitlines() if row.startswith("|")))
    )
    named = {name for name, _ in directives(unit)} - {"Description"}
    assert explained == named


def test_the_template_differs_in_names_only() -> None:
    """Several apps on one host run as one app does: only names and places have the instance in them."""
    one = [(name, value) for name, value in directives(SERVICE) if name != "Description"]
    many = [(name, value) for name, value in directives(TEMPLATE) if name != "Description"]
    plain = [(name, re.sub(r"config(?=\.yaml)", "%i", value) if name == "ExecStart" else value) for name, value in one]
    assert [(name, re.sub(r"[./-]%i", "", value) if name != "ExecStart" else value) for name, value in many] == plain
    assert sum("%i" in value for _, value in many) == 7


def test_credentials_are_where_the_configuration_expects_them() -> None:
    """The credentials' names are those that the documents show below /run/credentials."""
    names = {value.split(":")[0] for value in values(SERVICE, "LoadCredential")}
    assert names == set(re.findall(r"/run/credentials/booking-exporter\.service/([a-z-]+)", README))


def test_the_user_exists() -> None:
    """The unit's user is the one that the sysusers file makes."""
    (user,) = values(SERVICE, "User")
    lines = [
        line.split() for line in (FOLDER / "booking-exporter.sysusers").read_text().splitlines() if line[:1] == "u"
    ]
    assert [line[1] for line in lines] == [user]


def test_it_is_started_again_whatever_ended_it() -> None:
    """Also after a signal that systemd takes for a stop in order, SIGHUP among them."""
    assert values(SERVICE, "Restart") == ["always"]
