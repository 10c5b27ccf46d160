"""Every alert has a runbook, and every command in a runbook exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import typer.main

from exporter.cli import app
from tests.support.alertrules import RUNBOOKS, metrics, shipped
from tests.support.promql import expression, name_of, name_pattern, selectors

if TYPE_CHECKING:
    from pathlib import Path

PATHS = sorted(RUNBOOKS.glob("*.md"))
ALERTS = sorted({rule.name for rule in shipped() if rule.alert})
KNOWN = metrics(shipped())
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
ROLLBACK = {"UniqueConstraintMissing", "DatabaseConstraintViolation", "StaleBookingSpike", "BookingExporterDown"}
"""Where the roadmap has steps to roll back: the constraint, the code, the monitoring."""


def blocks(path: Path, language: str) -> list[str]:
    """Return the code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)\n```", path.read_text("utf-8"), re.DOTALL)


def test_one_runbook_for_each_alert() -> None:
    """No alert is without a runbook, and no runbook is without an alert."""
    assert [path.stem for path in PATHS] == ALERTS


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_runbook_has_its_sections(path: Path) -> None:
    """Title, meaning, impact, diagnosis with a command, mitigation; at the end the way back where there is one."""
    text = path.read_text("utf-8")
    found = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert text.startswith(f"# {path.stem}\n")
    assert found in (SECTIONS, [*SECTIONS, "Rollback"])
    assert "Rollback" in found or path.stem not in ROLLBACK
    assert blocks(path, "promql")
    assert max(map(len, re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines())) <= 120


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_queries_of_a_runbook_find_something(path: Path) -> None:
    """Every query parses, and names only series and labels that exist."""
    for text in blocks(path, "promql"):
        for selector in selectors(expression(text)):
            name, pattern = name_of(selector), name_pattern(selector)
            if name == "ALERTS":
                continue
            assert (name in KNOWN) if name else KNOWN.matching(pattern or ""), name or pattern
            labels = KNOWN[name or ""].labels | {"__name__"}
            assert {one.name for one in selector.matchers.matchers} <= labels


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_commands_of_a_runbook_exist(path: Path) -> None:
    """`booking-exporter` is called only with commands and options that it has."""
    root = typer.main.get_command(app)
    for line in re.findall(r"/bin/booking-exporter ([^|\n]+)", "\n".join(blocks(path, "sh"))):
        words = line.split()
        command = root
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]  # it has commands, see above
        options = {option for one in command.params for option in one.opts}
        assert {one for one in words if one.startswith("-")} <= options, line
        assert command is not root or words == ["--version"], line


def test_alerts_named_in_runbooks_exist() -> None:
    """Where a runbook refers to another alert, there is one of that name."""
    words = re.compile(
        r"\b(?:Booking|Duplicate|NoBookings|Log(?:Level|And)|Webhook|Compensation|LiveBooking)\w*[A-Z]\w+"
    )
    for path in PATHS:
        prose = re.sub(r"```.*?```|`[^`]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
        assert set(words.findall(prose)) <= set(ALERTS), path.name
