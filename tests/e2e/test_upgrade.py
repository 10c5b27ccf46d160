"""Upgrade and rollback: the code of earlier versions and today's take turns on one state and one log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.migrations import STEPS
from tests.support.daemon import command, environment
from tests.support.packages import lacking, need_program
from tests.support.scrape import parse
from tests.support.stepper import records

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
CREATED = 'api_gateway_appointments_created_total{source="public"}'
INCIDENTS = 'api_gateway_duplicate_booking_incidents_total{layer="layer1"}'
STEPS_FILE = "exporter/checkpoint/migrations.py"


def git(*arguments: str) -> bytes:
    done = subprocess.run([need_program("git", "git"), "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        lacking("needs the history of the repository: clone it whole")
    return done.stdout


def steps_of(commit: str) -> int:
    """Return how many schema steps the code of a commit has."""
    scope: dict[str, object] = {}
    text = git("show", f"{commit}:{STEPS_FILE}").decode()
    (line,) = (line for line in text.splitlines() if line.startswith("STEPS"))
    if not line.endswith("()"):
        text = text[text.index(line) :]
        exec(text[: text.index("\n)\n") + 2], scope)  # noqa: S102  (our own earlier source: a literal)
        steps = scope["STEPS"]
        assert isinstance(steps, tuple)
        return len(steps)
    return 0


def first_that_runs() -> str:
    """Return the oldest commit whose daemon can be started."""
    commits = git("log", "--format=%H", "--reverse", "--diff-filter=A", "--", "exporter/__main__.py").decode().split()
    return commits[0] if commits else lacking("needs the history of the repository: clone it whole")


def last_of_the_version_before() -> str:
    """Return the newest commit whose schema is the one before today's: the one before that which added to it."""
    commits = git("log", "--format=%H", "--", STEPS_FILE).decode().split()
    added = [commit for commit in commits if steps_of(commit) == len(STEPS)]
    if len(added) == len(commits):
        lacking("needs the history of the repository: clone it whole")
    return git("rev-parse", f"{added[-1]}^").decode().strip()


def incident(booking: int) -> bytes:
    """Return a record of a stale booking."""
    context = f'{{"booking_id":{booking},"age_seconds":-64.25}}'
    message = "DUPLICATE BOOKING PREVENTION: Stale booking detected from Cal.com idempotency"
    return f"[2025-10-09 11:00:00] production.ERROR: {message} {context} \n".encode()


@pytest.mark.parametrize("find", [first_that_runs, last_of_the_version_before])
def test_versions_take_turns(tmp_path: Path, logs: Path, find: object) -> None:
    """Whatever version opens the state next goes on in it: each record counts once, through upgrade and rollback.

    So does each incident, though all that any version met are told again after each turn.
    """
    commit = find()  # type: ignore[operator]  # one of the two above
    (tmp_path / "old").mkdir()
    code = git("archive", "--format=tar", commit, "exporter")
    subprocess.run(["tar", "-x", "-C", str(tmp_path / "old")], input=code, check=True)
    old = [sys.executable, "-P", "-m", "exporter"]
    arguments = ("run", "--once", "--log", f"{logs}/*.log", "--state", str(tmp_path / "state.sqlite"))
    written = 0

    def counted(program: Sequence[str], **variables: str) -> tuple[float, float]:
        done = subprocess.run(
            [*program, *arguments],
            capture_output=True,
            text=True,
            env=environment() | variables,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        shown = parse(done.stdout)
        return shown[CREATED], shown[INCIDENTS]

    for turn, program in enumerate((old, command(), old, command(), command(), old), start=1):
        with (logs / "laravel.log").open("ab") as log:
            log.write(records(written, written + 20) + b"".join(map(incident, range(turn))))
        written += 20
        path = str(tmp_path / "old") if program is old else str(ROOT)
        assert counted(program, PYTHONPATH=path) == (written, turn)
    assert [one.name for one in tmp_path.glob("*.before-*")] == [f"state.sqlite.before-{1 + len(STEPS)}"]
