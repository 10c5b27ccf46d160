from __future__ import annotations

from pathlib import Path

import pytest

from exporter.checkpoint.mounts import network_file_system, read_mountinfo

MOUNTINFO = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/nfs rw shared:9 master:2 - nfs4 server:/export rw,vers=4.2
31 30 8:2 / /srv/nfs/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/two\040words rw - fuse.sshfs user@host: rw
33 22 0:42 / /over rw - cifs //server/share rw
34 33 8:3 / /over rw - ext4 /dev/sdc1 rw
not a mount
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", None),
        ("/srv/nfs", "nfs4"),
        ("/srv/nfs/a/b", "nfs4"),
        ("/srv/nfsx", None),
        ("/srv/nfs/local/a", None),
        ("/mnt/two words/a", "fuse.sshfs"),
        ("/over/a", None),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str | None) -> None:
    """The type is that of the mount a path lies on, the topmost where several share a point."""
    assert network_file_system(Path(path), MOUNTINFO) == kind


def test_an_unknown_system_is_local() -> None:
    """Where the mounts cannot be read, nothing is refused."""
    assert network_file_system(Path("/a"), "") is None


def test_this_process_has_a_root() -> None:
    """The mounts of this process are what the kernel lists."""
    assert " / " in read_mountinfo()


def test_a_system_that_does_not_tell_has_no_mounts(tmp_path: Path) -> None:
    """Where the list cannot be read it is empty."""
    assert read_mountinfo(tmp_path / "mountinfo") == ""
