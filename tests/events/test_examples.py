"""Tests of exporter.events.examples: a wrong example is found, whatever is wrong with it."""

from __future__ import annotations

import pytest

from exporter.events.definitions import EventSet, Source, load_events
from exporter.events.examples import run_examples

HEAD = "[2025-10-06 18:22:12] production.INFO: "
FILE = """version: 1
series:
  - {{name: jobs_total, kind: counter, help: x, labels: {{queue: [mail, other], cause: [a, b]}}}}
  - {{name: job_seconds, kind: histogram, help: x, buckets: [1, 2]}}
events:
  - name: first
    match: {{message: {{contains: "First job"}}}}
    examples: [{{record: "{head}First job  ", expect: {{}}}}]
  - name: job
    match: {{message: {{regex: "job(/| )[a-z]+ done"}}}}
    count:
      metric: jobs_total
      labels: {{queue: {{path: context.queue, one_of: [mail]}}, cause: {{path: context.id, violated: a, otherwise: b}}}}
    observe: [{{metric: job_seconds, value: context.seconds, optional: true}}]
    incident: {{id: context.id, layer: layer1}}
    examples:
      - record: '{head}job x done {{"queue":"mail","id":7}}'
        expect: {{jobs_total: 1}}
      - record: {record}
        expect: {expect}
"""


def load(record: str, expect: str) -> EventSet:
    return load_events([Source("a.yaml", FILE.format(head=HEAD, record=record, expect=expect))])


JOB = f"""'{HEAD}job x done {{"queue":"mail","id":7,"seconds":1.5}}'"""


@pytest.mark.parametrize(
    "expect",
    [
        "{}",
        "{jobs_total: 1}",
        "{jobs_total: {queue: mail, cause: a}}",
        "{jobs_total: {queue: mail, cause: b}, job_seconds: 1.5, incident: '7', malformed: 0}",
        "{violation: null}",
    ],
)
def test_true_examples_pass(expect: str) -> None:
    """An example may tell as much of what a record comes to as it likes."""
    assert run_examples(load(JOB, expect)) == []


@pytest.mark.parametrize(
    ("record", "expect", "problem"),
    [
        ("nonsense", "none", "is no log record; write it as the app logs it, with its header"),
        (JOB, "none", "is job, expected none"),
        (f'"{HEAD}Nothing  "', "{}", "is no event, expected job by this definition"),
        (f'"{HEAD}First job x done  "', "{}", "is first, expected job by this definition"),
        (JOB, "{jobs_total: 2}", "does not come to what it expects of jobs_total"),
        (JOB, "{jobs_total: {queue: other, cause: a}}", "does not come to what it expects of jobs_total"),
        (JOB, "{jobs_total: {queue: mail, cause: c}}", "does not come to what it expects of jobs_total"),
        (JOB, "{jobs_total: {queue: mail}}", "does not come to what it expects of jobs_total"),
        (JOB, "{job_seconds: 1.6, incident: '8'}", "does not come to what it expects of job_seconds, incident"),
        (JOB, "{job_seconds: null}", "does not come to what it expects of job_seconds"),
        (JOB, "{job_seconds: soon}", "does not come to what it expects of job_seconds"),
        (JOB, "{nonsense_total: 1}", "does not come to what it expects of nonsense_total"),
        (JOB, "{malformed: 1}", "does not come to what it expects of malformed"),
        (JOB.replace("7", '"","x":7'), "{}", "does not come to what it expects of malformed"),
        (
            '\'{"message":"job\\/x done","context":{"id":1,"queue":"a"},"level_name":"INFO"}\'',
            "{}",
            "would not be found: a regex must match the record's raw bytes too",
        ),
    ],
)
def test_false_examples_are_reported(record: str, expect: str, problem: str) -> None:
    """What an example gets wrong is named with its place, without a word of the record."""
    assert run_examples(load(record, expect)) == [f"a.yaml:19: events[1].examples[1]: the example {problem}"]


def test_an_example_may_be_another_event() -> None:
    """`none` says that a record is not this event; it may be another."""
    assert run_examples(load(f'"{HEAD}First job x done  "', "none")) == []


def test_a_list_is_a_record_of_several_lines() -> None:
    """The lines of an example given as a list are joined, as in a log."""
    lines = f"""['{HEAD}job x done {{"queue":"mail","note":"a', 'b","id":7,"seconds":2}}']"""
    assert run_examples(load(lines, "{job_seconds: 2, incident: '7'}")) == []


def test_each_file_is_judged_by_itself() -> None:
    """A user's definition that takes a record before another file's sees it does not break that file's examples."""
    first = (
        'version: 1\nevents:\n  - name: mine\n    match: {message: {contains: "job x done"}}\n'
        f"    examples: [{{record: {JOB}, expect: {{}}}}]\n"
    )
    second = FILE.format(head=HEAD, record=JOB, expect="{}")
    assert run_examples(load_events([Source("1.yaml", first), Source("2.yaml", second)])) == []
