"""Whether the configured logs can be followed: directories, files, what is in them (I/O, read-only)."""

from __future__ import annotations

import glob
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from exporter.checkpoint.mounts import network_file_system
from exporter.checks.content import clock_offset, compressed, has_record, newest_record, unreadable
from exporter.checks.result import Result, Status
from exporter.printable import size
from exporter.records.time import Times
from exporter.tail.files import FileStat, OpenFile, ReadError, Vanished, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.config.schema import LogSettings

_HEAD = 1 << 16
_TAIL = 1 << 18
_SHOWN = 10
"""Problems of one log that are told one by one; the rest is counted."""

_CAUSES = {
    "io": "the file system reports an input/output error; check the disk",
    "stale": "its network mount is stale; mount it again",
    "descriptors": "too many files are open; raise the limit (ulimit -n)",
    "not_a_file": "is no regular file; narrow the glob",
    "other": "cannot be read; look at it with ls -l",
}


def check_log(log: LogSettings, mountinfo: str) -> Iterator[Result]:
    """Yield what is wrong with one log, or one line that tells what would be followed.

    `mountinfo` is the text of /proc/self/mountinfo.
    """
    subject = f"log {log.name}"
    problems = list(_problems(log, mountinfo, subject))
    yield from problems[:_SHOWN]
    if len(problems) > _SHOWN:
        worst: Status = "FAIL" if any(one.status == "FAIL" for one in problems[_SHOWN:]) else "warn"
        yield Result(worst, subject, f"{len(problems) - _SHOWN} more problems of this kind; solve those above first")
    found = [one for _, one in _files(log.paths) if isinstance(one, FileStat)]
    if found and not any(one.status == "FAIL" for one in problems):
        total = size(sum(one.size for one in found))
        files = "1 file" if len(found) == 1 else f"{len(found)} files"
        yield Result("ok", subject, f"{files} can be read, {total}; times are read as {log.timezone}")


def _problems(log: LogSettings, mountinfo: str, subject: str) -> Iterator[Result]:
    for pattern in (*log.paths, *log.rotated):
        yield from (Result("FAIL", subject, text) for text in _directories(pattern))
        if not _expand(pattern):
            yield Result(
                "warn", subject, f"{pattern}: matches no file yet; wait for the app's first record, or mend it"
            )
    newest: FileStat | None = None
    network: dict[str, str] = {}
    for path, found in _files(log.paths):
        if isinstance(found, ReadError):
            yield _cannot_read(path, found, subject)
            continue
        result = _content(found, subject)
        if result is not None:
            yield result
        elif newest is None or found.modified > newest.modified:
            newest = found
        kind = network_file_system(Path(found.path).resolve(), mountinfo)
        if kind is not None:
            network.setdefault(str(Path(found.path).parent), kind)
    for folder, kind in network.items():
        text = f"{folder}: is on a network file system ({kind}); if it hangs, all logs stop: run this on the app server"
        yield Result("warn", subject, text)
    if newest is not None:
        yield from _clock(newest, log, subject)


def _directories(pattern: str) -> Iterator[str]:
    """Yield the directories on the way to a glob's files that cannot be searched."""
    parts = Path(pattern).parts
    for end in range(1, len(parts)):
        needed, verb = (os.R_OK | os.X_OK, "listed") if glob.has_magic(parts[end]) else (os.X_OK, "entered")
        for folder in _expand(str(Path(*parts[:end]))):
            if Path(folder).is_dir() and not os.access(folder, needed, effective_ids=True):
                yield f"{folder}: cannot be {verb} by user {_user()}; add the user to the directory's group"


def _expand(pattern: str) -> list[str]:
    return glob.glob(pattern)  # noqa: PTH207  # as the daemon evaluates it


def _files(patterns: Iterable[str]) -> Iterator[tuple[str, FileStat | ReadError]]:
    for path in sorted({path for pattern in patterns for path in _expand(pattern)}):
        try:
            found = look(path)
        except ReadError as error:
            yield path, error
        else:
            if found is not None:
                yield path, found


def _content(found: FileStat, subject: str) -> Result | None:
    try:
        head = _read(found.path, _HEAD, 0)
    except Vanished:
        return None
    except ReadError as error:
        return _cannot_read(found.path, error, subject)
    if not head or compressed(head):
        return None
    wrong = unreadable(head)
    if wrong is not None:
        return Result("FAIL", subject, f"{found.path}: {wrong}")
    if not has_record(head):
        text = f"{found.path}: no Laravel log record in its first {size(len(head))}; narrow the glob"
        return Result("warn", subject, text)
    return None


def _clock(newest: FileStat, log: LogSettings, subject: str) -> Iterator[Result]:
    try:
        tail = _read(newest.path, _TAIL, max(0, newest.size - _TAIL))
    except (Vanished, ReadError):
        return
    record = newest_record(tail)
    offset = None if record is None else clock_offset(record, newest.modified, Times(ZoneInfo(log.timezone)))
    if offset is not None:
        hours = f"{abs(offset) / 3600:g} h {'after' if offset > 0 else 'before'}"
        text = (
            f"{newest.path}: its newest record is dated {hours} the file's last change, read as {log.timezone}; "
            "set timezone to what config/app.php of the app has"
        )
        yield Result("warn", subject, text)


def _read(path: str, length: int, offset: int) -> bytes:
    file = OpenFile(path)
    try:
        return file.read(length, offset)
    finally:
        file.close()


def _cannot_read(path: str, error: ReadError, subject: str) -> Result:
    if error.cause == "permission":
        text = f"cannot be read by user {_user()}; give it access (systemd/README.md), or run as the daemon's user"
    else:
        text = _CAUSES[error.cause]
    return Result("warn" if error.cause == "not_a_file" else "FAIL", subject, f"{path}: {text}")


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
