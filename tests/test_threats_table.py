"""The threat model: every attack of the list stands in ARCHITECTURE.md, with a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_scenarios_table import promises

ROOT = Path(__file__).parents[1]
THREATS = {
    "the log": (
        "a line feed in a value forges a record",
        "a phrase of an event in a query, a transcript or a trace",
        "values of fields become labels without end",
        "identifiers without end fill memory and state",
        "lines and records without end fill memory",
        "text, depth of JSON or digits that take long to read",
        "numbers that are none, infinite or huge",
        "bytes that lead C code beyond its memory",
        "text that takes a definition's regex long",
        "control characters for the terminal of who looks at it",
        "what a customer said is carried out through series, log or state",
    ),
    "the log's folder": (
        "links to secrets, to the state, to devices; pipes",
        "a small compressed file with endless content",
        "more files than can be opened",
        "file names with control characters in our log and messages",
    ),
    "the port": (
        "pages without a password",
        "passwords guessed, users found by the time it takes",
        "traffic read along or changed",
        "a client certificate of another CA, or of the wrong client",
        "connections that say nothing, or a byte a minute, or take no answer",
        "headers and bodies without end",
        "a request hidden in another",
        "markup or headers put into an answer",
        "our log filled by faulty requests",
        "an exporter that nobody meant to show",
    ),
    "this machine": (
        "the state read by others",
        "a link or a file laid where the state goes",
        "a state that was made to harm",
        "passwords and keys in files that everybody can read",
        "passwords in messages, in our log, in a traceback or a page",
        "passwords in an image of our memory",
    ),
    "a file that an administrator was given": (
        "YAML that makes objects, or stands for endless values",
        "series without end, or in place of ours",
        "a web configuration that opens what was closed",
    ),
    "the database server": (
        "never answers, or answers nonsense",
        "values without end that become labels",
        "text of its errors in our log",
    ),
}
"""Who could attack, and how: one entry for each."""
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (`[^|]+) \|$", re.MULTILINE)


def table() -> dict[tuple[str, str], list[str]]:
    """Return the table: who and how, to the tests."""
    section = (ROOT / "ARCHITECTURE.md").read_text().split("\n## Security\n")[1].split("\n## ")[0]
    return {(who, how): re.findall(r"`([^`]+)`", tests) for who, how, tests in ROW.findall(section)}


def test_every_threat_stands_in_the_table() -> None:
    """The table has each attack of the list, in its order, with a test at least, and no other."""
    assert list(table()) == [(who, how) for who, attacks in THREATS.items() for how in attacks]


@pytest.mark.parametrize("test", sorted({test for tests in table().values() for test in tests}))
def test_every_named_test_exists(test: str) -> None:
    """A test that the table names is there and says in a sentence what is promised."""
    path, _, name = test.partition("::")
    assert promises(path).get(name, "").endswith(".")
