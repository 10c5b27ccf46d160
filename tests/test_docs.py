"""The documents say what is there: commands, options, keys, variables, series, targets, links."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
import typer.main
import yaml
from pydantic import BaseModel
from typer.core import TyperArgument, TyperGroup, TyperOption

import exporter
from exporter.catalogue import BUILTIN, Catalogue
from exporter.cli import app
from exporter.config.load import load
from exporter.config.overrides import Overrides, variables
from exporter.config.schema import ConfigModel
from exporter.demo.lines import record
from exporter.demo.tour import TEXT
from exporter.events.classify import classify
from exporter.events.definitions import load_events
from exporter.events.examples import run_examples
from exporter.events.source import Source, read_sources
from exporter.records.parse import parse
from hatch_build import WISH

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
DOCUMENTS = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
LINKED = (*DOCUMENTS, *sorted(ROOT.glob("*/README.md")))
GUIDES = "\n".join(path.read_text("utf-8") for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))))
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def table(marker: str) -> list[tuple[str, ...]]:
    """Return the cells of the table below `<!-- marker -->`, without its head."""
    _, found, text = GUIDES.partition(f"<!-- {marker} -->\n\n")
    assert found, marker
    lines = text.split("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line[1:-1])) for line in lines]


def block(language: str, containing: str) -> str:
    """Return the documents' code block in `language` that contains a text."""
    (one,) = (text for text in re.findall(rf"```{language}\n(.*?)```", GUIDES, re.DOTALL) if containing in text)
    return str(one)


def commands(command: object = None, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yield the words of every command that does something, with its options and arguments."""
    command = typer.main.get_command(app) if command is None else command
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from commands(child, f"{path} {name}".strip())
    else:
        parameters = getattr(command, "params", [])
        options = {max(one.opts, key=len) for one in parameters if isinstance(one, TyperOption)}
        arguments = {str(one.metavar).strip("[]") for one in parameters if isinstance(one, TyperArgument)}
        yield path, options - {"--help"} | arguments


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every key that the configuration file may hold."""
    for name, field in model.model_fields.items():
        annotation: object = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from keys(annotation, f"{prefix}{name}.")
            continue
        yield prefix + name
        for entry in get_args(annotation):
            if isinstance(entry, type) and issubclass(entry, BaseModel):
                yield from keys(entry, f"{prefix}{name}[].")


def test_every_command_is_documented() -> None:
    """The table of commands lists each command, and no other."""
    real = {f"`booking-exporter {path}`" for path, _ in commands()}
    assert {row[0] for row in table("commands")} == real


def test_every_option_is_documented() -> None:
    """The table of options lists each option and argument of each command, and no other."""
    real = {(path, name) for path, names in commands() for name in names}
    stated = {
        (path.strip("`"), option.split()[0].strip("`[]"))
        for paths, option, _ in table("options")
        for path in paths.split(", ")
    }
    assert stated == real


def test_every_configuration_key_is_documented() -> None:
    """The table of keys lists each key of the schema, and no other."""
    assert [row[0].strip("`") for row in table("configuration keys")] == list(keys(ConfigModel))


def test_defaults_in_the_documents_are_those_of_the_schema() -> None:
    """Where the table shows a plain default, an empty configuration has it."""
    plain = {row[0].strip("`"): row[1].strip("`") for row in table("configuration keys")}
    found = load(None, {}, Overrides(logs=("/x",)))
    assert plain["listen.address"] == found.listen.address
    assert int(plain["listen.port"]) == found.listen.port
    assert plain["logs[].timezone"] == found.logs[0].timezone
    assert plain["logs[].start"] == found.logs[0].start
    assert plain["logs[].quiet_after"] == f"{found.logs[0].quiet_after * 1000:g}ms"
    assert yaml.safe_load(plain["events.builtin"]) is found.events.builtin
    assert (plain["log.level"], plain["log.format"]) == (found.log.level, found.log.format)


def test_every_environment_variable_is_documented() -> None:
    """The table of variables lists each with the key that it overrides, and no other is named."""
    stated = {name.strip("`"): key.strip("`").replace("[]", "") for name, key in table("environment variables")}
    assert stated == {name: ".".join(map(str, path)) for name, (path, _) in variables().items()}
    assert set(re.findall(r"BOOKING_EXPORTER_[A-Z_]+", GUIDES)) == set(stated)


def test_the_builds_variable_is_the_one_that_it_reads() -> None:
    """What documents and container set for a build, or call by a name like it, is what hatch_build.py reads."""
    sets = re.compile(r"\b([A-Z_]+)=\w+ (?:make build|\S*pip install|\S*python -m hatchling)|\b(\w*NATIVE_?[A-Z]*)\b")
    files = (*LINKED, ROOT / "deploy" / "container" / "Containerfile")
    named = [(path, name) for path in files for pair in sets.findall(path.read_text("utf-8")) for name in pair if name]
    assert {name for _, name in named} == {WISH}, named


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    """The documents' configurations load as they stand."""
    path = tmp_path / "config.yaml"
    path.write_text(block("yaml", "ignore_channels"), "utf-8")
    settings = load(path, {}, Overrides())
    assert [one.name for one in settings.logs] == ["app"]
    path.write_text(block("yaml", "paths: [/var/www/app/storage/logs/laravel*.log, /var"), "utf-8")
    assert [one.timezone for one in load(path, {}, Overrides()).logs] == ["Europe/Berlin"]


def test_the_example_definitions_are_valid() -> None:
    """The documents' event definitions load, and their examples hold."""
    own = Source("events.md", block("yaml", "shop_payments_failed_total"))
    events = load_events((own, *read_sources((), builtin=True)))
    assert run_examples(events) == []
    assert "payment_failed" in events.names


def test_the_php_lines_log_what_the_definitions_count(tmp_path: Path) -> None:
    """The documents' PHP runs, and the two records that it logs are observed in the two histograms."""
    php = shutil.which("php")
    if php is None:
        pytest.skip("php is not installed")
    program = tmp_path / "app.php"
    facade = "class Log { static function info($text, $context) { echo json_encode([$text, $context]), PHP_EOL; } }"
    model = "class Appointment { static function where() { return new self; } function first() { return null; } }"
    body = block("php", "hrtime")
    program.write_text(
        f"<?php namespace Illuminate\\Support\\Facades {{ {facade} }} namespace {{ {body} {model} }}".replace(
            "namespace { use", "namespace {\nuse"
        ).replace("$bookingId", "'x'"),
        "utf-8",
    )
    done = subprocess.run([php, str(program)], capture_output=True, text=True, check=True)
    events = load_events(read_sources((), builtin=True))
    seen = []
    for line in done.stdout.splitlines():
        text, context = yaml.safe_load(line)
        parsed = parse(record(datetime(2026, 1, 31, 12, tzinfo=UTC), "production", "info", text, context))
        assert parsed
        match = classify(events, parsed, None)
        assert match
        seen += [(one.metric, one.labels) for one in match.observations]
    assert seen == [
        ("api_gateway_duplicate_check_duration_seconds", ("unique",)),
        ("api_gateway_appointment_creation_duration_seconds", ("true",)),
    ]


def test_every_series_named_in_a_document_exists() -> None:
    """Documents and the demo name only series of the catalogue (or, after ^, the beginning of one)."""
    names = {one.name for one in Catalogue(BUILTIN)}
    names |= {name + suffix for name in names for suffix in ("_bucket", "_sum", "_count")}
    for text in (TEXT, *(path.read_text("utf-8") for path in DOCUMENTS)):
        for begins, name in re.findall(r"(\^?)\b((?:api_gateway|booking_exporter)_[a-z0-9_]*)", text):
            known = any(one.startswith(name) for one in names) if begins or name.endswith("_") else name in names
            assert known, name


def test_every_make_target_named_exists() -> None:
    """Documents, the continuous integration and the pre-commit hook call only targets of the Makefile."""
    files = [*DOCUMENTS, ROOT / ".ci" / "run", ROOT / ".pre-commit-config.yaml"]
    named = {
        name
        for path in files
        for name in re.findall(r"(?:^|`|entry: )make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert named - {"clean"} >= {"run", "test", "check"}
    assert named <= TARGETS


def test_every_make_target_is_helped() -> None:
    """`make` without a target lists all targets with one line each."""
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    shown = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"^make ([a-z-]+) ", shown.stdout, re.MULTILINE)) >= set(phony.split())
    assert set(phony.split()) == TARGETS


def test_everybody_runs_the_same_checks() -> None:
    """The pre-commit hook is `make check`, and continuous integration is `make test`."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [one["entry"] for repository in hooks["repos"] for one in repository["hooks"]] == ["make check"]
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == "make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_changelog_has_this_version() -> None:
    """What is in the package is either released under its version or listed as unreleased."""
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## [{exporter.__version__}]" in changes or "## [Unreleased]" in changes


@pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """A relative link in a document names a file that exists, and a heading in it."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)", path.read_text("utf-8"))
    assert [link for link, _ in links if not (path.parent / link).exists()] == []
    anchored = [(path.parent / link if link else path, anchor) for link, anchor in links if anchor]
    assert [(file, anchor) for file, anchor in anchored if anchor not in headings(file)] == []


def headings(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub and GitLab make them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_no_file_names_a_developers_machine() -> None:
    """No file of the project holds a path that exists only where it was written."""
    local = re.compile(r"(?<![\w.*])/(?:work|root|Users)/\w")
    folders = ("exporter", "tests", "rules", "alertmanager", "deploy", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    named = [
        path.relative_to(ROOT)
        for path in (*files, *DOCUMENTS, ROOT / "Makefile", ROOT / "pyproject.toml")
        if path.is_file() and local.search(path.read_text("utf-8", "replace"))
    ]
    assert named == []
