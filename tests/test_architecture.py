"""The structure is the one that ARCHITECTURE.md shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "exporter"
ROW = re.compile(r"^\| (`[^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def allowed() -> dict[str, frozenset[str]]:
    """Read the table: a part's name to the parts that it may import."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = text.split("## What may import what")[1].split("\n## ")[0]
    table: dict[str, frozenset[str]] = {}
    for parts, _, imports in ROW.findall(section):
        names = re.findall(r"`([a-z_]+)`", parts)
        above = frozenset(table) if imports.startswith("all above") else frozenset()
        listed = frozenset(re.findall(r"`([a-z_]+)`", imports))
        for name in names:
            table[name] = above | listed | {name}
    return table


def part_of(module: str) -> str | None:
    """Return the part that `exporter.part.module` belongs to."""
    names = module.split(".")
    return names[1] if names[0] == "exporter" and len(names) > 1 else None


def imports(path: Path) -> set[str]:
    """Return the parts that a module imports, for types or for use."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "exporter" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found.update(part for part in map(part_of, names) if part is not None)
    return found - {"__version__"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name not in {"__init__.py", "__main__.py"})


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_what_the_table_allows(path: Path) -> None:
    """Data flows one way: no module imports a part that the table does not give it."""
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    table = allowed()
    assert part in table, f"{part} is missing in the table"
    assert imports(path) <= table[part]


def test_every_part_of_the_table_exists() -> None:
    """The table names no part that is gone."""
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert set(allowed()) == parts


@pytest.mark.parametrize("part", ["records", "ledger"])
def test_the_core_touches_no_files_and_no_clock(part: str) -> None:
    """The pure core can be run without files, sockets or a clock."""
    impure = {"os", "pathlib", "socket", "sqlite3", "time", "threading", "subprocess", "logging"}
    for path in (PACKAGE / part).glob("*.py"):
        tree = ast.parse(path.read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not names & impure, path.name
