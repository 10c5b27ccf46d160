"""ARCHITECTURE.md names a test for every scenario that must hold, and each of these tests exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCENARIOS = {
    "Start": (
        "saved position beats the start option",
        "file created later",
        "lines written before discovery",
        "permission restored",
        "overlapping globs",
        "midnight switch with DST",
        "a symlinked parent switched",
        "the same file by two names",
    ),
    "Writes": (
        "lines in pieces at any byte",
        "no newline at the end",
        "CRLF",
        "bad UTF-8",
        "NULs after truncation",
        "a record at block size -1, 0, +1",
        "a 10 MiB line",
        "a trace across polls",
        "a trace across rotation",
        "a trace across restart",
        "many writers",
    ),
    "Rotation": (
        "unread tail",
        "writes to the old descriptor after the rename",
        "moved out of the glob",
        "deleted and recreated on the same inode",
        "copytruncate with a live writer",
        "truncated, then grown beyond the old offset",
        "equal first kilobytes",
        "atomic replace",
        "gz inside the glob",
        "half-written gz",
        "two identical files that diverge later",
        "rotated twice between polls",
    ),
    "Restart": (
        "stop inside a line",
        "stop inside a record",
        "rotated while off",
        "truncated while off",
        "compressed while off",
        "deleted while off",
        "kill -9 at random points equals the oracle",
        "state empty",
        "state corrupt",
        "state of an older schema",
        "state of a newer schema",
        "state read-only",
        "disk full",
        "state locked by a second daemon",
        "clock jumps",
        "time zone changed in the configuration",
    ),
    "Exposition": (
        "strict parsers",
        "no counter ever falls, across kills",
        "scrape during catch-up",
        "scrape during commit",
        "scrape during reload",
        "label cap hit",
        "zeros at the first scrape",
        "slow clients",
        "half-open clients",
        "hundreds of parallel scrapes",
    ),
    "Resources": (
        "a day's soak shortened by a fake clock",
        "descriptors and threads do not leak",
        "EIO and ESTALE injected",
        "worst-case patterns",
    ),
    "Property": (
        "never counted more than written",
        "equal to written unless the loss is computed and shown",
    ),
}
"""What must hold, by group: one entry for each."""
ROW = re.compile(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def table() -> dict[tuple[str, str], list[str]]:
    """Return the table: group and scenario to the tests."""
    section = (ROOT / "ARCHITECTURE.md").read_text().split("## Scenarios")[1].split("\n## ")[0]
    rows = ROW.findall(section)[1:]  # the first one is the head
    return {(group, scenario): re.findall(r"`([^`]+)`", tests) for group, scenario, tests in rows}


def promises(path: str) -> dict[str, str]:
    """Return the test functions of a module, with the first lines of their docstrings."""
    tree = ast.parse((ROOT / path).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {node.name: (ast.get_docstring(node) or "").split("\n")[0] for node in functions}


def test_every_scenario_stands_in_the_table() -> None:
    """The table has each scenario of the list, in its order, with a test at least, and no other."""
    wanted = [(group, scenario) for group, scenarios in SCENARIOS.items() for scenario in scenarios]
    assert list(table()) == wanted
    assert [scenario for scenario, tests in table().items() if not tests] == []


@pytest.mark.parametrize("test", sorted({test for tests in table().values() for test in tests}))
def test_every_named_test_exists(test: str) -> None:
    """A test that the table names is there and says in a sentence what is promised."""
    path, _, name = test.partition("::")
    assert promises(path).get(name, "").endswith(".")
