"""What cannot be read, through the whole daemon: told and counted, retried, and no harm to the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from exporter.config.schema import LogSettings
from tests.support.daemon import ROOT_DROPS
from tests.support.packages import need_program
from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path

_DENIED = """
import os, sys
from pathlib import Path
from exporter.config.schema import LogSettings
from tests.support.stepper import Stepper, append, records

base = Path(sys.argv[1])
logs = base / "logs"
log, other = logs / "laravel.log", base / "open" / "laravel.log"
settings = LogSettings("app", (f"{logs}/laravel*.log",)), LogSettings("other", (f"{other}",))


def shown(daemon, what):
    errors = daemon.counters().get("read_errors_total{app,permission}", 0)
    print(what, daemon.created(), daemon.health().logs["app"].up, daemon.health().logs["other"].up,
          bool(errors), daemon.losses(), daemon.rotations(), sep="|")


append(log, records(0, 10))
append(other, records(100, 105))
log.chmod(0)
daemon = Stepper(base, *settings)
daemon.settle()
shown(daemon, "closed")
log.chmod(0o644)
for _ in range(4):
    daemon.step(30)
shown(daemon, "opened")
daemon.stop()
log.chmod(0)
append(other, records(105, 106))
daemon.start()
daemon.settle()
shown(daemon, "closed again")
log.chmod(0o644)
append(log, records(10, 12))
for _ in range(4):
    daemon.step(30)
shown(daemon, "opened again")
logs.chmod(0)
daemon.settle()
shown(daemon, "folder closed")
logs.chmod(0o755)
append(log, records(12, 15))
daemon.settle()
shown(daemon, "folder opened")
daemon.stop()
append(log, records(15, 16))
log.rename(logs / "laravel.log.1")
(logs / "laravel.log.1").chmod(0)
daemon.start()
daemon.settle()
shown(daemon, "renamed")
(logs / "laravel.log.1").chmod(0o644)
for _ in range(4):
    daemon.step(30)
shown(daemon, "renamed, opened")
"""


def test_permission_lost_and_restored(tmp_path: Path, logs: Path) -> None:
    """What cannot be opened is tried again, counts nothing twice, and does not stop other logs."""
    need_program(ROOT_DROPS[0], "util-linux")
    (tmp_path / "open").mkdir()
    assert logs.is_dir()
    done = subprocess.run(
        [*(ROOT_DROPS if os.geteuid() == 0 else ()), sys.executable, "-c", _DENIED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert done.stderr.count("Traceback") == 0, done.stderr
    assert done.stdout.splitlines() == [
        "closed|5.0|False|True|True|{}|{}",
        "opened|15.0|True|True|True|{}|{}",
        "closed again|16.0|False|True|True|{}|{}",
        "opened again|18.0|True|True|True|{}|{}",
        "folder closed|18.0|False|True|True|{}|{}",
        "folder opened|21.0|True|True|True|{}|{}",
        "renamed|21.0|False|True|True|{}|{'renamed': 1.0}",
        "renamed, opened|22.0|False|True|True|{}|{'renamed': 1.0}",
    ]


def test_what_is_no_file(wide: Stepper, logs: Path) -> None:
    """A directory or FIFO in the glob is counted as such and never waited for; the log is not up."""
    (logs / "laravel-folder").mkdir()
    os.mkfifo(logs / "laravel-fifo")
    (logs / "laravel-null").symlink_to("/dev/null")
    append(logs / "laravel.log", records(0, 3))
    wide.settle()
    assert wide.created() == 3
    assert wide.counters()["read_errors_total{app,not_a_file}"] >= 3
    assert not wide.health().logs["app"].up
    assert wide.health().logs["app"].files["unreadable"] == 3


def test_utf16(daemon: Stepper, logs: Path) -> None:
    """A UTF-16 file is refused with a series; when it is written anew as text it is read."""
    log = logs / "laravel.log"
    log.write_bytes(records(0, 9).decode().encode("utf-16"))
    daemon.settle()
    append(log, records(9, 10).decode().encode("utf-16"))
    daemon.settle()
    assert daemon.created() == 0
    assert daemon.counters()["read_errors_total{app,utf16}"] == 1
    assert not daemon.health().logs["app"].up
    daemon.crash()
    daemon.settle()
    assert daemon.counters()["read_errors_total{app,utf16}"] == 1
    log.write_bytes(records(20, 24))
    daemon.settle()
    assert daemon.created() == 4
    assert daemon.health().logs["app"].up
    assert daemon.losses() == {}


@pytest.mark.parametrize("level", ["state lost", "added"])
def test_unreadable_at_a_start_at_the_end(tmp_path: Path, logs: Path, level: str) -> None:
    """A file that was there and could not be opened when counting began at the ends is no history later either."""
    first, second = LogSettings("app", (f"{logs}/laravel*.log",)), LogSettings("extra", (f"{logs}/extra*.log",))
    append(logs / "extra.log", records(0, 10))
    with Stepper(tmp_path, first) as daemon:
        daemon.settle()
        daemon.stop()
        if level == "state lost":
            daemon.path.write_bytes(b"no database" * 1000)
        daemon.start(first, second)
        daemon.daemon.tracker._troubles.note("extra", str((logs / "extra.log").resolve()), "permission", daemon.now)
        daemon.step()
        append(logs / "extra.log", record(11))
        daemon.settle()
        assert daemon.created() == 1
