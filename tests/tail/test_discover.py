"""Evaluating globs, and looking beside a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from exporter.config.schema import LogSettings
from exporter.tail.discover import BESIDE_LIMIT, beside, discover, listing_problem

if TYPE_CHECKING:
    from pathlib import Path


def test_first_log_and_first_name_own_a_file(tmp_path: Path) -> None:
    """A file that two names or two logs match is found once, in order of configuration and name."""
    (tmp_path / "b.log").write_bytes(b"")
    os.link(tmp_path / "b.log", tmp_path / "a.log")
    found = discover([LogSettings("one", (f"{tmp_path}/*.log",)), LogSettings("two", (f"{tmp_path}/b*",))])
    assert [(log, stat.path) for log, stat in found.files] == [("one", str(tmp_path / "a.log"))]
    assert found.directories == {str(tmp_path)}
    assert found.errors == []


def test_paths_are_those_behind_links_to_directories(tmp_path: Path) -> None:
    """A file keeps its own place as its path, and that place is watched."""
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "a.log").write_bytes(b"")
    (tmp_path / "current").symlink_to("release")
    found = discover([LogSettings("one", (f"{tmp_path}/current/*.log",))])
    assert [stat.path for _, stat in found.files] == [str(tmp_path / "release" / "a.log")]
    assert found.directories == {str(tmp_path / "release")}


def test_wildcards_in_directories(tmp_path: Path) -> None:
    """With wildcards in the path, the fixed part and each directory with a file are watched."""
    for name in ("x", "y"):
        (tmp_path / name / "logs").mkdir(parents=True)
    (tmp_path / "x" / "logs" / "a.log").write_bytes(b"")
    found = discover([LogSettings("one", (f"{tmp_path}/*/logs/*.log", f"{tmp_path}/none/*.log"))])
    assert found.directories == {str(tmp_path), str(tmp_path / "x" / "logs")}
    assert found.errors == []


def test_what_cannot_be_looked_at(tmp_path: Path) -> None:
    """Each path that cannot be looked at is told with its log and cause."""
    (tmp_path / "a.log").symlink_to("a.log")
    (tmp_path / "b.log").mkdir()
    (tmp_path / "c.log").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    found = discover([LogSettings("one", (f"{tmp_path}/*.log", f"{tmp_path}/loop/*.log"))])
    assert [(log, path.rpartition("/")[2], cause) for log, path, cause in found.errors] == [
        ("one", "a.log", "other"),
        ("one", "b.log", "not_a_file"),
        ("one", "loop", "other"),
    ]


def test_listing_problem(tmp_path: Path) -> None:
    """A directory that is there or missing is no problem."""
    (tmp_path / "loop").symlink_to("loop")
    assert listing_problem(str(tmp_path)) is None
    assert listing_problem(str(tmp_path / "none")) is None
    assert listing_problem(str(tmp_path / "loop")) == "other"


def test_beside_is_newest_first_and_bounded(tmp_path: Path) -> None:
    """Files beside a path and those of globs are found, newest first, at most a thousand; no directories."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for number in range(BESIDE_LIMIT + 5):
        path = tmp_path / "logs" / f"a.log.{number}"
        path.write_bytes(b"")
        os.utime(path, (number, number))
    (tmp_path / "old").write_bytes(b"")
    found = beside(str(tmp_path / "logs" / "a.log"), (f"{tmp_path}/old", f"{tmp_path}/loop")).files
    assert len(found) == BESIDE_LIMIT
    assert found[0].path == str(tmp_path / "old")
    assert found[1].path.endswith(f".{BESIDE_LIMIT + 4}")


def test_beside_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Where the folder is gone nothing is found."""
    found = beside(str(tmp_path / "none" / "a.log"), (f"{tmp_path}/gone",))
    assert (found.files, found.errors) == ([], [])


def test_beside_names_what_cannot_be_looked_at(tmp_path: Path) -> None:
    """A folder that cannot be listed, and a file named like the log that cannot be looked at, are told; others not."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "a.log.1").symlink_to("a.log.1")
    globs = (f"{tmp_path}/loop/*", f"{tmp_path}/loop", f"{tmp_path}/a.log.1")
    assert beside(str(tmp_path / "a.log"), globs).errors == [
        (str(tmp_path / "loop"), "other"),
        (str(tmp_path / "a.log.1"), "other"),
    ]
    assert beside(str(tmp_path / "loop" / "a.log"), ()).errors == [(str(tmp_path / "loop"), "other")]
