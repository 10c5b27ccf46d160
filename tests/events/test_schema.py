"""Tests of exporter.events.schema: the shape of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING_WRONG = """version: 2
bogus: 3
events:
  - name: Foo
    match: {message: {contains: [1, x], regex: "^a"}, levels: [err], zip: 1}
    count: {metric: x, labels: {a: {path: contxt.q, one_of: [a]}, d: [1]}}
    incident: foo
    violation: {role: x, key: a, text: context}
    examples: {}
  - 3
  - name: x
    match: {context: {context.a: [1]}}
    examples: [{record: x, expect: 3}]
"""


def test_all_problems_are_reported_at_once(problems: Callable[..., tuple[str, ...]]) -> None:
    """Every wrong key, type and value of a file is named with its line and dotted place in one go."""
    assert problems(EVERYTHING_WRONG) == (
        "a.yaml:1: version: Input should be 1",
        "a.yaml:2: bogus: unknown key; remove it or correct its spelling",
        "a.yaml:4: events[0].name: String should match pattern '^[a-z][a-z0-9_]*$'",
        "a.yaml:5: events[0].match.message.contains[0]: Input should be a valid string",
        (
            "a.yaml:5: events[0].match.message.regex: anchors (^, $) are not supported; "
            "use `begins` for the beginning of the message (at character 1)"
        ),
        (
            "a.yaml:5: events[0].match.levels[0]: 'err' is no level; "
            "levels are debug, info, notice, warning, error, critical, alert, emergency"
        ),
        "a.yaml:5: events[0].match.zip: unknown key; remove it or correct its spelling",
        (
            "a.yaml:6: events[0].count.labels.a.path: 'contxt.q' is no path: "
            "write context.<key>, further keys joined by dots"
        ),
        "a.yaml:6: events[0].count.labels.d: must be a mapping of keys to values",
        "a.yaml:7: events[0].incident.id: 'foo' is no path: write context.<key>, further keys joined by dots",
        "a.yaml:8: events[0].violation.role: Input should be 'failed_save' or 'report'",
        "a.yaml:8: events[0].violation.text: 'context' is no path: write context.<key>, further keys joined by dots",
        "a.yaml:9: events[0].examples: Input should be a valid list",
        "a.yaml:10: events[1]: must be a mapping of keys to values",
        "a.yaml:12: events[2].match.context: a field is compared with a text, a number, true, false or null",
        "a.yaml:13: events[2].examples[0]: expect is `none`, or maps each metric to what is counted or observed",
    )


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("{literal: a}", "write the literal by itself"),
        ("{path: context.a}", "write a literal, or path with one of"),
        ("{one_of: [a]}", "write a literal, or path with one of"),
        ("{path: context.a, one_of: [a], transform: status_class}", "write a literal, or path with one of"),
        ("{path: context.a, violated: b}", "violated and otherwise stand together"),
        ("{path: context.a, one_of: [a], otherwise: b}", "violated and otherwise stand together"),
    ],
)
def test_a_label_has_one_source(label: str, problem: str, problems: Callable[..., tuple[str, ...]]) -> None:
    """A label is a literal or comes from a field in exactly one way."""
    found = problems(
        "version: 1\nevents:\n  - name: x\n    match: {message: {contains: abcd}}\n"
        f"    count: {{metric: m, labels: {{a: {label}}}}}\n    examples: []\n"
    )
    assert len(found) == 1
    assert found[0].startswith(f"a.yaml:5: events[0].count.labels.a: {problem}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yaml:1: must be a mapping of keys to values"),
        ("- 1", "a.yaml:1: must be a mapping of keys to values"),
        ("events: []", "a.yaml:1: version: is missing; add it"),
        ("version: 1\nevents: 3", "a.yaml:2: events: Input should be a valid list"),
        ("version: 1\nfamily: {marker: abc}", "a.yaml:2: family.marker: String should have at least 4 characters"),
        ("version: 1\nfamily: {}", "a.yaml:2: family.marker: is missing; add it"),
    ],
)
def test_a_file_has_its_shape(text: str, message: str, problems: Callable[..., tuple[str, ...]]) -> None:
    """A file that is no mapping, or lacks its version, or has another type somewhere, is refused."""
    assert problems(text) == (message,)


def test_context_tests_name_paths(problems: Callable[..., tuple[str, ...]]) -> None:
    """The keys of a context test are paths."""
    found = problems(
        "version: 1\nevents:\n  - name: x\n    match: {message: {contains: abcd}, context: {error: a}}\n"
        "    examples: []\n"
    )
    assert found == (
        "a.yaml:4: events[0].match.context: 'error' is no path: write context.<key>, further keys joined by dots",
    )
