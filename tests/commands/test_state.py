"""`state show` and `state reset`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.migrations import STEPS
from exporter.checkpoint.store import EXPOSED, Store
from tests.support.states import FILE, SOMETHING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.conftest import Cli

NOW = 1_760_000_000.0
SCHEMA = 1 + len(STEPS)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state with one file that is still there and has grown since, and one that is gone."""
    log = tmp_path / "laravel.log"
    log.write_bytes(b"x" * 1500)
    found = log.stat()
    rows = [
        replace(FILE, id=1, path=str(log), device=found.st_dev, inode=found.st_ino, position=1000, size=1200),
        replace(FILE, id=2, path=str(tmp_path / "gone\x1b.log"), position=700, size=700),
        replace(FILE, id=3, path=str(log), device=0, inode=1, position=5, size=9, state="rotated"),
    ]
    path = tmp_path / "state.sqlite"
    with Store.open(path, now=NOW) as store:
        store.commit(SOMETHING, rows, (), {EXPOSED: "1"}, ("app",))
    return path


def test_show_tells_positions_and_amounts(booking_exporter: Cli, state: Path) -> None:
    """Files with position, size and lag, the amounts kept, schema version, last commit and use are shown."""
    result = booking_exporter("state", "show", "--state", state)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith(f"state        {state} (schema version {SCHEMA}, ")
    assert lines[1].startswith("last commit  20")
    assert lines[1].endswith("Z, not in use")
    assert lines[2:4] == ["kept         2 counters, 1 histograms, 1 incidents", "logs         app"]
    folder = state.parent
    told = [one.partition(", last grown")[0] for one in lines[4:]]
    assert told == [
        f"  app  {FILE.state}  {folder}/gone\\x1b.log",
        "      at 700 of 700 bytes, read to its end",
        f"  app  {FILE.state}  {folder}/laravel.log",
        "      at 1000 of 1500 bytes, 500 B behind",
        f"  app  rotated  {folder}/laravel.log",
        "      at 5 of 9 bytes, 4 B behind",
    ]


def test_show_as_json(booking_exporter: Cli, state: Path) -> None:
    """--json tells the same for programs, and nothing of what identifies a booking."""
    result = booking_exporter("state", "show", "--state", state, "--json")
    facts = json.loads(result.out)
    assert facts["path"] == str(state)
    assert (facts["schema_version"], facts["counters"], facts["incidents"]) == (SCHEMA, 2, 1)
    assert facts["files"][1] == {
        "log": "app",
        "path": str(state.parent / "laravel.log"),
        "state": FILE.state,
        "position": 1000,
        "size": 1500,
        "lag_bytes": 500,
        "last_growth": facts["files"][1]["last_growth"],
    }
    assert "quoted" not in result.out


def test_show_while_a_daemon_runs(booking_exporter: Cli, state: Path) -> None:
    """A state in use is shown, and said to be in use."""
    with Store.open(state, now=NOW):
        result = booking_exporter("state", "show", "--state", state)
    assert "in use by a running daemon" in result.out


def test_show_after_a_loss(booking_exporter: Cli, state: Path) -> None:
    """A state that replaced a damaged one says when that was, and that history is not counted yet."""
    state.write_bytes(b"damaged" * 1000)
    Store.open(state, now=NOW).close()
    out = booking_exporter("state", "show", "--state", state).out
    assert "an earlier state was damaged and set aside at 2025-10-09T08:53:20Z" in out
    assert "history is still being counted: event series are not served yet" in out
    assert "logs         none" in out


def test_show_without_a_state(booking_exporter: Cli, tmp_path: Path) -> None:
    """Where no state is, that is told with exit code 2, and none is made."""
    result = booking_exporter("state", "show", "--state", tmp_path / "none.sqlite")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"booking-exporter: {tmp_path}/none.sqlite: no state there")
    assert list(tmp_path.iterdir()) == []


def test_the_default_place_is_systemds(booking_exporter: Cli, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --state it is the state in $STATE_DIRECTORY."""
    monkeypatch.setenv("STATE_DIRECTORY", str(state.parent))
    assert str(state) in booking_exporter("state", "show").out


@pytest.mark.parametrize(("arguments", "stdin"), [(["--yes"], b""), ([], b"y\n")])
def test_reset_begins_anew_and_keeps_the_old(
    booking_exporter: Cli, state: Path, arguments: list[str], stdin: bytes
) -> None:
    """After a confirmation, or with --yes, the state is empty, and the old one lies beside it."""
    result = booking_exporter("state", "reset", "--state", state, *arguments, stdin=stdin)
    assert result.code == 0
    assert f"{state}: reset; the old state is kept as {state}.reset-" in result.out
    loaded = Store.read(state)
    assert (loaded.files, loaded.start_at_end) == ((), True)


@pytest.mark.parametrize("stdin", [b"n\n", b"\n", b""])
def test_reset_without_a_yes_changes_nothing(booking_exporter: Cli, state: Path, stdin: bytes) -> None:
    """Anything but a yes, also the end of the input, leaves the state as it is, with exit code 1."""
    result = booking_exporter("state", "reset", "--state", state, stdin=stdin)
    assert result.code == 1
    assert len(Store.read(state).files) == 3


def test_reset_where_nothing_was(booking_exporter: Cli, tmp_path: Path) -> None:
    """A reset before the first start makes a state that begins at the ends of the files."""
    path = tmp_path / "state.sqlite"
    assert booking_exporter("state", "reset", "--yes", "--state", path).out == f"{path}: reset\n"
    assert Store.read(path).start_at_end


def test_reset_is_refused_while_a_daemon_runs(booking_exporter: Cli, state: Path) -> None:
    """The state of a running daemon is not reset, and the message says what to do."""
    with Store.open(state, now=NOW):
        result = booking_exporter("state", "reset", "--state", state, "--yes")
    assert result.code == 2
    assert result.err == f"booking-exporter: {state}: in use by a running daemon; stop it first\n"
    assert len(Store.read(state).files) == 3
