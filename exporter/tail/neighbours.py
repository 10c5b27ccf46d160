"""Files beside a log: which of them holds content that is gone from its place, or came and went unseen. I/O, read-only.

What cannot be read at present may be what is sought, so it is told apart from what is not there:
each attempt is counted and tried again at rising intervals (`tail.trouble`), and whoever seeks
declares nothing lost for a while.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.tail.discover import beside, paths_beside
from exporter.tail.files import ReadError, Vanished, look
from exporter.tail.inflate import ContentError, InflatedFile, nothing, open_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from exporter.tail.files import FileStat, OpenFile
    from exporter.tail.follow import Tail
    from exporter.tail.trouble import Troubles

    Found = tuple[FileStat, OpenFile]
    Wanted = Callable[[FileStat, OpenFile], bool]
    Held = frozenset[tuple[int, int]]

_SEARCHES: Final = 10
"""How often a file is sought again, where files were renamed during the search."""
_DIGITS: Final = 4
"""The number of a generation has at most so many; more are a date, as other logs have it in their names."""
_GENERATION: Final = re.compile(r"[.-]\d+$")
"""How a generation's name ends: `app.log.1`, `app.log-20251006`."""
_INNER_GENERATION: Final = re.compile(rf"\.\d{{1,{_DIGITS}}}(?=\.[^.]+$)")
"""What stands before the extension of one: `app.1.log`, by logrotate's `extension`."""
PATIENCE: Final = 60.0
"""For how many seconds what cannot be read, and may be what is sought, is tried before a loss is declared."""


class Unreadable(Exception):  # noqa: N818  (a state, not a failure: counted where it was met)
    """What is sought was not found, and something that may be it cannot be read at present.

    `there` tells that it is the file itself, by its inode.
    """

    def __init__(self, *, there: bool = False) -> None:
        """Take whether the file itself is there."""
        super().__init__()
        self.there = there


class Neighbours:
    """Looks at what lies beside logs.

    `rotated` are the globs in which each log's copies are sought, too, `globs` those of the logs themselves.
    """

    def __init__(
        self,
        rotated: Mapping[str, tuple[str, ...]],
        troubles: Troubles,
        globs: Mapping[str, tuple[str, ...]] | None = None,
        working: Callable[[], None] = nothing,
    ) -> None:
        """Take where to look, where to note what cannot be read, and who hears that a long look gets on."""
        self._working = working
        self._troubles = troubles
        self._failed = False
        self._moved = False
        self.follow(rotated, globs or {})

    def follow(self, rotated: Mapping[str, tuple[str, ...]], globs: Mapping[str, tuple[str, ...]]) -> None:
        """Take where to look for other logs."""
        self._rotated = rotated
        self._names = {log: {Path(glob).name for glob in paths} for log, paths in globs.items()}

    @contextmanager
    def insisting(self, *, late: bool) -> Iterator[None]:
        """Try at once, if it is `late`, what failed a short while ago: before it is given up."""
        self._troubles.insisting = late
        try:
            yield
        finally:
            self._troubles.insisting = False

    def itself(self, tail: Tail, now: float) -> FileStat | None:
        """Return where a file is by its inode: where it was left, else where a generation of it or a log may be.

        Whether it is the file, and what it holds by now, its content tells. Raises Unreadable or ReadError where it
        cannot be looked at.
        """
        there = look(tail.path)
        if there is not None and there.inode == tail.inode:
            return there
        for stat in self._beside(tail.log, tail.path, now):
            named = _ungenerated(stat.path) == _ungenerated(tail.path) or self._named(tail.log, stat.path, tail.path)
            if named and (stat.device, stat.inode) == tail.key:
                return stat
        if self._failed:
            raise Unreadable
        return None

    def copy_of(self, lost: Tail, held: Held, now: float, *, but: Wanted | None = None) -> Found | None:
        """Find the file that holds the content of `lost` up to its position, and open it. Raises Unreadable.

        That is the file itself, by its inode, else the one that holds most; among equals no compressed
        one, whose original may still be there, and the newest. Files whose device and inode are `held` are
        followed already; so is one that `but` tells, unless it is the file itself. Below 256 bytes, and for
        a copy, whose content counts elsewhere, only the same inode is taken.
        """
        for _ in range(_SEARCHES):
            found = self._search(lost, held, now, but)
            if found is not None:
                return found
            if not self._moved:
                break
        if self._failed or self._moved:
            raise Unreadable
        return None

    def _search(self, lost: Tail, held: Held, now: float, but: Wanted | None) -> Found | None:
        best: Found | None = None

        def holds_more(stat: FileStat, file: OpenFile) -> bool:
            return (
                lost.found_in(file)
                and (best is None or file.extent() > best[1].extent())
                and ((stat.device, stat.inode) == lost.key or but is None or not but(stat, file))
            )

        certain = lost.certain and lost.state != "copy"
        candidates = [stat for stat in self._beside(lost.log, lost.path, now) if (stat.device, stat.inode) not in held]
        candidates.sort(key=lambda stat: ((stat.device, stat.inode) != lost.key, stat.path.endswith(".gz")))
        for stat in candidates:
            same = (stat.device, stat.inode) == lost.key
            if not same and not certain:
                continue
            failed = self._failed
            found = self._examine(stat, holds_more, now, log=lost.log if same or self._like(stat, lost) else None)
            if same and found is not None:
                return found
            if same and self._failed and not failed:
                raise Unreadable(there=True)
            if found is not None:
                if best is not None:
                    best[1].close()
                best = found
        return best

    def written_since(
        self, log: str, path: str, since: float, wanted: Wanted, now: float, *, but: Callable[[str], bool]
    ) -> Iterator[Found]:
        """Open the files that were written since a time, and are `wanted`, in the order of `beside`.

        They are named like generations of `path`, or stand beside it, named like the log's files are; those at
        paths that `but` tells are not looked at.
        Where files were renamed meanwhile they are sought again, and what was found is not `wanted` any more.
        Raises Unreadable at the end where some could not be read, or were renamed again and again.
        """

        def sought(one: str) -> bool:
            return (generation(one, path) or self._named(log, one, path)) and not but(one)

        there = None if self._rotated.get(log) else paths_beside(path)
        if there is not None and not any(map(sought, there)):
            return  # so it is for most of hundreds that appear together: not each is looked at for each of the others
        for _ in range(_SEARCHES):
            for stat in self._beside(log, path, now):
                if stat.modified >= since and sought(stat.path):
                    found = self._examine(stat, wanted, now, log=log)
                    if found is not None:
                        yield found
            if not self._moved:
                break
        if self._failed or self._moved:
            raise Unreadable

    def _named(self, log: str, one: str, path: str) -> bool:
        """Tell whether a path beside another is named as the log's globs say, compressed or not."""
        folder, _, name = one.removesuffix(".gz").rpartition("/")
        return folder == path.rpartition("/")[0] and any(fnmatchcase(name, names) for names in self._names.get(log, ()))

    def _like(self, stat: FileStat, lost: Tail) -> bool:
        """Tell whether a file is named like a generation of another, or as globs say: others are not ours to read."""
        elsewhere = Path(stat.path).parent != Path(lost.path).parent  # where only `rotated` leads
        return elsewhere or generation(stat.path, lost.path) or self._named(lost.log, stat.path, lost.path)

    def _beside(self, log: str, path: str, now: float) -> list[FileStat]:
        self._failed = self._moved = False
        found = beside(path, self._rotated.get(log, ()))
        for place, cause in found.errors:
            self._troubles.note(log, place, cause, now)
            self._failed = True
        return found.files

    def _examine(self, stat: FileStat, wanted: Wanted, now: float, *, log: str | None) -> Found | None:
        """Open a file and return it, and what it is now, if it is `wanted`.

        Notes what moved meanwhile, and what of `log` cannot be read.
        """
        key = (stat.device, stat.inode)
        if log is not None and self._troubles.waits(log, stat.path, now, key):
            self._failed = True
            return None
        file = None
        try:
            file = open_content(stat.path, self._working)
            opened = file.stat()
            if (opened.device, opened.inode) != key:
                self._moved = True
            elif not (isinstance(file, InflatedFile) and file.barely_begun) and wanted(stat, file):
                found, file = (opened, file), None
                return found
        except Vanished:
            self._moved = True
        except ContentError:
            pass  # nor will it ever be
        except ReadError as error:
            if log is not None:  # else any file of the folder, which is not ours to read
                self._troubles.note(log, stat.path, error.cause, now, key)
                self._failed = True
        finally:
            if file is not None:
                file.close()
        return None


def generation(one: str, path: str) -> bool:
    """Tell whether a path is named like a generation of another, whatever folder it is in.

    That is `app.log.1`, `app.log-20251006.gz` and the like, or `app.1.log`, by logrotate's `extension`.
    """
    name, log = one.rpartition("/")[2], path.rpartition("/")[2]  # asked for each pair of files in a folder
    if name.startswith(log):
        return True
    stem, dot, extension = log.rpartition(".")
    if not dot or not name.startswith(stem + dot):
        return False
    number, dot, rest = name[len(stem) + 1 :].partition(".")
    return number.isdecimal() and len(number) <= _DIGITS and rest.startswith(extension)


def _ungenerated(path: str) -> str:
    """Return the name that a path's last part had before it was rotated, as far as it can be told from its name."""
    name = path.rpartition("/")[2].removesuffix(".gz")
    rotated = _GENERATION.sub("", name)
    return rotated if rotated != name else _INNER_GENERATION.sub("", name)
