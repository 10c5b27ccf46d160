"""Which files the configured globs name at present, and which lie beside a file. I/O, read-only."""

from __future__ import annotations

import errno
import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.tail.files import FileStat, ReadError, cause_of, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.config.schema import LogSettings

BESIDE_LIMIT: Final = 1000
"""How many files beside a rotated one are looked at, newest first."""
_LISTINGS: Final = 10
"""How often the files beside one are listed until two listings agree."""
_ABSENT: Final = {errno.ENOENT, errno.ENOTDIR}


@dataclass(slots=True)
class Sightings:
    """What one evaluation of the globs found.

    `files` pairs each file with the log that owns it, `errors` a path that cannot be looked at
    with its log and cause. `directories` are those whose changes can change the answer.
    """

    files: list[tuple[str, FileStat]] = field(default_factory=list)
    errors: list[tuple[str, str, str]] = field(default_factory=list)
    directories: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Beside:
    """The files beside one, newest first, of equal times by name.

    `errors` are paths that cannot be looked at, with their causes.
    """

    files: list[FileStat] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)


def discover(logs: Sequence[LogSettings]) -> Sightings:
    """Evaluate all globs. A file that two logs or two names match belongs to the first.

    Paths are those behind symbolic links to directories: a file of an earlier release is still
    known by its own place when `current` leads elsewhere.
    """
    found = Sightings()
    taken: set[tuple[int, int]] = set()
    real: dict[str, str] = {}
    for log in logs:
        for pattern in log.paths:
            directory = _fixed(pattern)
            cause = listing_problem(directory)
            if cause:
                found.errors.append((log.name, os.path.realpath(directory), cause))
            elif os.path.isdir(directory):  # noqa: PTH112  (plain strings, again and again)
                found.directories.add(os.path.realpath(directory))
            for path in sorted(glob.glob(pattern)):  # noqa: PTH207  (absolute patterns, plain strings)
                parent, name = os.path.split(path)
                if parent not in real:
                    real[parent] = os.path.realpath(parent)
                _add(found, taken, log.name, os.path.join(real[parent], name))  # noqa: PTH118  (as above)
    found.directories.update(real.values())
    return found


def _add(found: Sightings, taken: set[tuple[int, int]], log: str, path: str) -> None:
    try:
        stat = look(path)
    except ReadError as error:
        found.errors.append((log, path, error.cause))
        return
    if stat is not None and (stat.device, stat.inode) not in taken:
        taken.add((stat.device, stat.inode))
        found.files.append((log, stat))


def _fixed(pattern: str) -> str:
    """Return the deepest directory of a pattern that holds no wildcard."""
    directory = os.path.dirname(pattern)  # noqa: PTH120  (plain strings, again and again)
    while glob.has_magic(directory):
        directory = os.path.dirname(directory)  # noqa: PTH120  (as above)
    return directory


def listing_problem(directory: str) -> str | None:
    """Return why a directory cannot be listed; a missing one is no problem, it may appear."""
    try:
        with os.scandir(directory):
            return None
    except OSError as error:
        return None if error.errno in _ABSENT else cause_of(error)


def beside(path: str, globs: Iterable[str]) -> Beside:
    """Return the regular files in the directory of `path` and those that `globs` name.

    A listing during a rotation may lack a file that was renamed meanwhile, which would be taken for
    lost: so the files are listed until two listings agree.
    """
    globs = tuple(globs)
    found = _list_beside(path, globs)
    for _ in range(_LISTINGS):
        before, found = found, _list_beside(path, globs)
        if _places(before.files) == _places(found.files):
            break
    return found


def paths_beside(path: str) -> set[str] | None:
    """Return the paths of what is in the directory of `path`, listed until two listings agree, as by `beside`.

    None for a directory that cannot be listed.
    """
    folder = str(Path(path).parent)
    found: set[str] = set()
    for _ in range(_LISTINGS):
        before = found
        try:
            with os.scandir(folder) as entries:
                found = {entry.path for entry in entries}
        except OSError:
            return None
        if found == before:
            break
    return found


def stirred(path: str, since: float) -> bool:
    """Tell whether `path`, or names in its directory, may have changed since a time (Unix seconds)."""
    try:
        return any(os.stat(one).st_mtime >= since for one in (Path(path).parent, path))  # noqa: PTH116  (as in tail.files)
    except OSError:
        return True


def _places(stats: Iterable[FileStat]) -> set[tuple[str, int, int]]:
    return {(stat.path, stat.device, stat.inode) for stat in stats}


def _list_beside(path: str, globs: Iterable[str]) -> Beside:
    found = Beside()
    paths: set[str] = set()
    folder = str(Path(path).parent)
    try:
        with os.scandir(folder) as entries:
            paths.update(entry.path for entry in entries)
    except OSError as error:
        if error.errno not in _ABSENT:  # a directory that is gone holds no copy; the caller counts the loss
            found.errors.append((folder, cause_of(error)))
    for pattern in globs:
        directory = _fixed(pattern)
        cause = listing_problem(directory)
        if cause:
            found.errors.append((directory, cause))
        paths.update(glob.glob(pattern))  # noqa: PTH207  (absolute patterns, plain strings)
    for one in paths:
        try:
            stat = look(one)
        except ReadError as error:
            if error.cause != "not_a_file" and os.path.basename(one).startswith(os.path.basename(path)):  # noqa: PTH119
                found.errors.append((one, error.cause))
            continue
        if stat is not None:
            found.files.append(stat)
    found.files.sort(key=lambda stat: (-stat.modified, stat.path))
    del found.files[BESIDE_LIMIT:]
    return found
