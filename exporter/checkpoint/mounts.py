"""Which paths lie on a network file system, where neither locks nor fsync can be relied on."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

_POINT = re.compile(r"(?:\S+ ){4}(\S+) .*?- (\S+) ")
"""The mount point and, behind the optional fields, the type."""

NETWORK = frozenset(
    [
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    ]
)


def network_file_system(path: Path, mountinfo: str) -> str | None:
    """Return the type of the network file system that `path` lies on, None where it is local or unknown.

    `path` is absolute and without symlinks, `mountinfo` the text of /proc/self/mountinfo
    (https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html).
    """
    best = ("", "")
    for line in mountinfo.splitlines():
        found = _POINT.match(line)
        if found is None:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), found[1])
        # The last of equal mount points is the one on top.
        if path.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, found[2])
    return best[1] if best[1] in NETWORK else None


def read_mountinfo(source: Path = MOUNTINFO) -> str:
    """Return this process's mounts, or nothing where the system does not tell."""
    try:
        return source.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
