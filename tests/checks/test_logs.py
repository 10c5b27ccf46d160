"""Access to logs, on real files."""

from __future__ import annotations

import gzip
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.checks.logs import _clock, _content, check_log
from exporter.config.schema import LogSettings
from exporter.tail.files import FileStat

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = b"[2025-10-06 18:22:12] production.INFO: hello \n"
WRITTEN = 1_759_774_932.0
"""The time of RECORD in UTC."""
NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Obey file permissions, which root does not."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that other users can enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def write(path: Path, content: bytes = RECORD, modified: float = WRITTEN) -> Path:
    path.write_bytes(content)
    os.utime(path, (modified, modified))
    return path


def check(*paths: Path | str, timezone: str = "UTC", rotated: tuple[str, ...] = (), mountinfo: str = "") -> list[str]:
    log = LogSettings("app", tuple(map(str, paths)), rotated, timezone)
    return [str(one) for one in check_log(log, mountinfo)]


def test_readable_files_are_summed_up(tmp_path: Path) -> None:
    """All that can be read is one line; compressed copies and empty files in the glob are no problem."""
    write(tmp_path / "laravel.log")
    write(tmp_path / "laravel-1.log")
    write(tmp_path / "laravel-2.log.gz", gzip.compress(RECORD * 10))
    write(tmp_path / "laravel-3.log", b"")
    (told,) = check(tmp_path / "laravel*", tmp_path / "laravel.log")
    assert told.startswith("ok    log app: 4 files can be read, ")
    assert told.endswith("; times are read as UTC")


def test_an_empty_glob_is_a_warning(tmp_path: Path) -> None:
    """A glob without files may get some later, also one for rotated copies."""
    write(tmp_path / "laravel.log")
    told = check(tmp_path / "laravel.log", tmp_path / "none*.log", rotated=(f"{tmp_path}/old/*.gz",))
    assert [one.split(": ")[0:2] for one in told] == [
        ["warn  log app", f"{tmp_path}/none*.log"],
        ["warn  log app", f"{tmp_path}/old/*.gz"],
        ["ok    log app", "1 file can be read, 46 B; times are read as UTC"],
    ]


@pytest.mark.parametrize(
    ("mode", "path", "verb"),
    [(0o311, "logs/*.log", "listed"), (0o444, "logs/laravel.log", "entered"), (0o311, "*/laravel.log", None)],
)
def test_a_directory_without_permission_fails(public: Path, mode: int, path: str, verb: str | None) -> None:
    """A directory that must be listed or entered, and cannot be, is told with the user and the remedy."""
    folder = public / "logs"
    folder.mkdir()
    write(folder / "laravel.log").chmod(0o644)
    folder.chmod(mode)
    try:
        with unprivileged():
            told = check(public / path)
    finally:
        folder.chmod(0o755)
    failed = [one for one in told if one.startswith("FAIL") and "cannot be" in one and str(folder) in one]
    if verb is None:
        assert failed == []
    else:
        assert failed[0].startswith(f"FAIL  log app: {folder}: cannot be {verb} by user ")
        assert failed[0].endswith("; add the user to the directory's group")


def test_a_file_without_permission_fails(public: Path) -> None:
    """A file that cannot be opened is told with the user and the remedy, and no file is called readable."""
    write(public / "laravel.log").chmod(0o200)
    with unprivileged():
        (told,) = check(public / "laravel.log")
    assert told.startswith(f"FAIL  log app: {public}/laravel.log: cannot be read by user ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (RECORD.decode().encode("utf-16"), "FAIL  log app: {}: is UTF-16, which is refused; let the app write UTF-8"),
        (bytes(range(256)), "FAIL  log app: {}: is binary, not text; narrow the glob"),
        (b"127.0.0.1 - GET /\n", "warn  log app: {}: no Laravel log record in its first 18 B; narrow the glob"),
    ],
)
def test_files_that_are_no_logs_are_told(tmp_path: Path, content: bytes, expected: str) -> None:
    """UTF-16, binary and foreign text files are each told by name."""
    path = write(tmp_path / "laravel.log", content)
    assert check(path)[0] == expected.format(path)


def test_what_is_no_file_is_a_warning(tmp_path: Path) -> None:
    """A directory or FIFO in the glob is told and never opened; a dangling link is passed over."""
    (tmp_path / "a.log").mkdir()
    os.mkfifo(tmp_path / "b.log")
    (tmp_path / "c.log").symlink_to("nowhere")
    assert check(tmp_path / "*.log") == [
        f"warn  log app: {tmp_path}/{name}: is no regular file; narrow the glob" for name in ("a.log", "b.log")
    ]


def test_many_problems_are_counted(tmp_path: Path) -> None:
    """Of many problems the first are told one by one."""
    for number in range(15):
        write(tmp_path / f"{number:02}.log", b"no log\n" if number < 12 else bytes(range(256)))
    told = check(tmp_path / "*.log")
    assert len(told) == 11
    assert told[-1] == "FAIL  log app: 5 more problems of this kind; solve those above first"


def test_a_wrong_time_zone_is_a_warning(tmp_path: Path) -> None:
    """Records dated whole hours off the file's last change tell of a wrong zone, by the newest file."""
    write(tmp_path / "old.log", modified=WRITTEN - 3600)
    path = write(tmp_path / "new.log")
    told = check(tmp_path / "*.log", timezone="Europe/Berlin")
    assert told[0] == (
        f"warn  log app: {path}: its newest record is dated 2 h before the file's last change, read as Europe/Berlin; "
        "set timezone to what config/app.php of the app has"
    )
    assert "2 h after" in check(path, timezone="Etc/GMT+2")[0]


def test_a_network_file_system_is_a_warning(tmp_path: Path) -> None:
    """A log on a network file system is told once per directory."""
    write(tmp_path / "a.log")
    write(tmp_path / "b.log")
    mountinfo = f"36 35 0:33 / {tmp_path.resolve()} rw - nfs4 server:/export rw\n"
    told = check(tmp_path / "*.log", mountinfo=mountinfo)
    assert told[0].startswith(f"warn  log app: {tmp_path}: is on a network file system (nfs4); ")
    assert len(told) == 2


def test_an_unknown_user_is_told_by_number(public: Path) -> None:
    """A user without a name is told by its number."""
    if os.geteuid() != 0:
        pytest.skip("only root can become a user without a name")
    write(public / "laravel.log").chmod(0o200)
    os.seteuid(4_000_001)
    try:
        (told,) = check(public / "laravel.log")
    finally:
        os.seteuid(0)
    assert "by user 4000001;" in told


def test_a_file_that_goes_meanwhile_is_no_problem(tmp_path: Path) -> None:
    """A file that is rotated away between looking and reading is passed over."""
    gone = FileStat(str(tmp_path / "gone.log"), 1, 1, 100, WRITTEN, 1)
    assert _content(gone, "log app") is None
    assert list(_clock(gone, LogSettings("app", ()), "log app")) == []
