"""Whether the state can be used."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.checkpoint.store import Store
from exporter.checks.state import check_state, in_use

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_760_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def public() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_a_new_place_is_fine(path: Path) -> None:
    """Where no state is yet, and one can be made, all is well."""
    assert str(check_state(path, "")) == f"ok    state: {path}: will be made at the first start"
    assert not in_use(path)


def test_a_state_is_free_or_in_use(path: Path) -> None:
    """A state that a daemon holds is well, and said to be in use."""
    with Store.open(path, now=NOW):
        assert in_use(path)
        assert str(check_state(path, "")) == f"ok    state: {path}: readable, in use by a running daemon"
    assert not in_use(path)
    assert str(check_state(path, "")) == f"ok    state: {path}: readable, not in use"


def test_a_missing_folder_fails(path: Path) -> None:
    """Where the folder is missing the remedy is told."""
    result = check_state(path.parent / "none" / "state.sqlite", "")
    assert (result.status, result.text.partition(":")[0]) == ("FAIL", str(path.parent / "none"))


def test_a_network_file_system_fails(path: Path) -> None:
    """A state on a network file system is refused."""
    result = check_state(path, f"36 35 0:33 / {path.parent.resolve()} rw - nfs4 server:/export rw\n")
    assert result.status == "FAIL"
    assert "network file system (nfs4)" in result.text


def test_a_damaged_state_fails(path: Path) -> None:
    """What is no state, or a damaged one, is told; the file is left as it is."""
    path.write_bytes(b"no database" * 1000)
    assert check_state(path, "").status == "FAIL"
    assert path.read_bytes() == b"no database" * 1000


def test_a_state_that_cannot_be_written_fails(public: Path) -> None:
    """A state that this user can read but not write would stop the daemon."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file that it may read and not write as another user")
    path = public / "state.sqlite"
    Store.open(path, now=NOW).close()
    path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    os.seteuid(65534)
    try:
        result = check_state(path, "")
    finally:
        os.seteuid(0)
    assert str(result).startswith(f"FAIL  state: {path}: is not writable for this user; ")


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_where_others_write(path: Path, mode: int) -> None:
    """Where other users may write beside the state they can replace it: a warning with the remedy."""
    Store.open(path, now=NOW).close()
    path.parent.chmod(mode)
    result = check_state(path, "")
    assert str(result).startswith(f"warn  state: {path.parent}: other users may write there, and so replace the state")


def test_a_link_beside_the_state_fails(path: Path) -> None:
    """What the daemon would refuse at its start is a failed check."""
    path.with_name(path.name + "-wal").symlink_to("/etc/passwd")
    assert str(check_state(path, "")).startswith(f"FAIL  state: {path}-wal: is a symbolic link, not a file")
