"""Logs that cannot be read: a series and one message tell, other logs go on, and all is counted later, once."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stepper import append, records
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.fault import Faults
    from tests.support.daemon import Daemon
    from tests.support.scrape import Scrape

CAUSES = {
    errno.EIO: "io",
    errno.ESTALE: "stale",
    errno.EACCES: "permission",
    errno.EMFILE: "descriptors",
    errno.ENOMEM: "other",
}


FAULTS = [
    *(("read", error) for error in CAUSES),
    ("fstat", errno.ESTALE),
    ("fstat", errno.EIO),
    ("stat", errno.ESTALE),
    ("stat", errno.EACCES),
    ("open", errno.EACCES),
    ("open", errno.EMFILE),
]


def created(shown: Scrape) -> float:
    return shown['api_gateway_appointments_created_total{source="public"}']


def errors(shown: Scrape, cause: str) -> float:
    return shown.get("booking_exporter_read_errors_total", log="app", cause=cause) or 0


def read_bytes(shown: Scrape, log: str) -> float:
    return shown.get("booking_exporter_read_bytes_total", log=log) or 0


def is_read(log: str, size: int) -> Callable[[Scrape], bool]:
    return lambda shown: read_bytes(shown, log) == size


def up(shown: Scrape, log: str) -> bool:
    return shown.get("booking_exporter_log_up", log=log) == 1


def complaints(daemon: Daemon) -> list[str]:
    """Return the lines of the daemon's own log about files that cannot be read."""
    return [line for line in daemon.stderr.splitlines() if "cannot be read" in line]


def wait_for_line(daemon: Daemon, path: Path) -> None:
    """Wait until the daemon's own log names `path`."""
    wait_until(lambda: str(path) in daemon.stderr, deadline=5, what=f"a line about {path.name}")


@contextmanager
def frozen(daemon: Daemon) -> Iterator[None]:
    """Let the daemon do nothing until the block ends."""
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(daemon.pid, signal.SIGCONT)


def opened(daemon: Daemon) -> set[str]:
    """Return the paths that the daemon has open."""
    paths = set()
    for one in Path(f"/proc/{daemon.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            paths.add(str(one.readlink()))
    return paths


def look_again(logs: Path) -> None:
    """Change the folder, so that the globs are evaluated at once."""
    (logs / "stir").touch()
    (logs / "stir").unlink()


def wait_told(daemon: Daemon, logs: Path, cause: str, before: float) -> Scrape:
    """Wait until one more failure of this cause is shown."""

    def met(shown: Scrape) -> bool:
        look_again(logs)
        return errors(shown, cause) > before

    return daemon.wait_for(met, f"{cause} is told")


def wait_counted(daemon: Daemon, number: float, logs: Path) -> Scrape:
    """Wait until so many appointments are counted and all logs are up again."""

    def met(shown: Scrape) -> bool:
        look_again(logs)
        return created(shown) >= number and up(shown, "app") and up(shown, "other")

    shown = daemon.wait_for(met, f"{number:g} counted", deadline=15)
    assert created(shown) == number
    assert shown.total("booking_exporter_possible_losses_total") == 0
    return shown


def test_faults_of_followed_logs(idle: Daemon, faults: Faults, logs: Path) -> None:
    """Whatever the system says of a log, and at whatever call, it is told once and tried again; others are counted."""
    other = logs / "calcom" / "calcom.log"
    paths = [logs / f"laravel-{number}.log" for number in range(len(FAULTS))]
    for place, path in enumerate((other, *paths)):
        append(path, records(1000 * place, 1000 * place + 10))
    with idle as daemon:
        for path, (call, error) in zip(paths, FAULTS, strict=True):
            before = errors(daemon.scrape(), CAUSES[error])
            if call == "open":  # a log is opened again when it could not be read
                with faults.on(str(path), "read", error=errno.ENOMEM):
                    append(path, b"\n")
                    wait_for_line(daemon, path)
            with faults.on(str(path), call, error=error):
                append(path, records(10, 15))
                append(other, records(0, 3))
                size = other.stat().st_size
                shown = wait_told(daemon, logs, CAUSES[error], before)
                daemon.wait_for(is_read("other", size), "the other log is read")
            assert (up(shown, "app"), up(shown, "other")) == (False, True)
        wait_counted(daemon, 10 + (10 + 5 + 3) * len(paths), logs)
        assert len(complaints(daemon)) == len(paths)


def test_faults_of_new_logs(daemon: Daemon, faults: Faults, logs: Path) -> None:
    """A file that cannot be looked at when it appears is read from its beginning when it can be."""
    other = logs / "calcom" / "calcom.log"
    for number, call in enumerate(("open", "fstat", "read", "stat")):
        path = logs / f"laravel-{call}.log"
        append(other, records(0, 3))
        with faults.on(str(path), call, error=errno.ESTALE):
            append(path, records(100 * (number + 1), 100 * (number + 1) + 4))
            wait_told(daemon, logs, "stale", number)
            daemon.wait_for(lambda shown: read_bytes(shown, "other") == other.stat().st_size, "the other log is read")
    wait_counted(daemon, 4 * (3 + 4), logs)
    assert len(complaints(daemon)) == 4


def test_folder_that_cannot_be_listed(daemon: Daemon, faults: Faults, logs: Path) -> None:
    """While a folder cannot be listed its files are followed on, and none of them is taken for gone."""
    log, other = logs / "laravel.log", logs / "calcom" / "calcom.log"
    append(log, records(0, 10))
    append(other, records(10, 15))
    daemon.wait_for(lambda shown: created(shown) == 15, "all is counted")
    with faults.on(str(logs), "list", error=errno.EIO):
        append(log, records(15, 20))
        append(other, records(20, 25))
        wait_told(daemon, logs, "io", 0)
        shown = daemon.wait_for(lambda shown: created(shown) == 25, "what is held open is counted")
        assert (up(shown, "app"), up(shown, "other")) == (False, True)
        assert shown.total("booking_exporter_rotations_total") == 0
        log.rename(logs / "laravel.log.1")
        append(logs / "laravel.log.1", records(25, 27))
        append(log, records(27, 29))
    shown = wait_counted(daemon, 29, logs)
    assert shown.get("booking_exporter_rotations_total", log="app", kind="renamed") == 1


def test_copy_that_cannot_be_read_at_a_truncation(daemon: Daemon, faults: Faults, logs: Path) -> None:
    """Where the copy of a truncated file cannot be read either, that is a possible loss, and no other log waits."""
    log, copy, other = logs / "laravel.log", logs / "old", logs / "calcom" / "calcom.log"
    append(other, records(100, 101))
    append(log, records(0, 10))
    daemon.wait_for(lambda shown: created(shown) == 11, "the first records are counted")
    with faults.on(str(copy), "read", error=errno.EIO):
        with frozen(daemon):
            append(log, records(10, 20))
            copy.write_bytes(log.read_bytes())
            os.truncate(log, 0)
            append(log, records(20, 25))
            append(other, records(101, 103))
        shown = daemon.wait_for(lambda shown: created(shown) >= 18, "the file is read from its new beginning")
    assert created(shown) == 18
    assert shown.get("booking_exporter_possible_losses_total", log="app", cause="truncated") == 1
    assert shown.get("booking_exporter_rotations_total", log="app", kind="truncated") == 1


def test_too_few_descriptors(daemon: Daemon, logs: Path) -> None:
    """With too few descriptors for all logs, scrapes are answered and tell it; with more, all is read."""
    append(logs / "calcom" / "calcom.log", records(0, 5))
    append(logs / "laravel.log", records(5, 10))
    daemon.wait_for(lambda shown: created(shown) == 10, "all is counted")
    before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (64, before[1]))
    for number in range(80):
        append(logs / f"laravel-{number}.log", records(1000 * (number + 1), 1000 * (number + 1) + 4))
    append(logs / "calcom" / "calcom.log", records(10, 15))
    shown = wait_told(daemon, logs, "descriptors", 0)
    shown = daemon.wait_for(lambda shown: read_bytes(shown, "other") == len(records(0, 5) + records(10, 15)), "read")
    assert (up(shown, "app"), up(shown, "other")) == (False, True)
    assert created(shown) < 15 + 80 * 4
    assert any("LimitNOFILE" in line for line in complaints(daemon))
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
    wait_counted(daemon, 15 + 80 * 4, logs)


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # the address of a socket may have 107 bytes only
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def test_log_replaced_by_what_is_no_file(daemon: Daemon, logs: Path) -> None:
    """A log whose place is taken by no file is told and never opened; a file that comes back is read."""
    other = logs / "calcom" / "calcom.log"
    makers = (folder, pipe, device, unix_socket)
    for number, make in enumerate(makers):
        append(logs / f"laravel-{make.__name__}.log", records(100 * number, 100 * number + 10))
    daemon.wait_for(lambda shown: created(shown) == 40, "all is counted")
    for number, make in enumerate(makers):
        log = logs / f"laravel-{make.__name__}.log"
        append(log, records(10, 12))
        log.unlink()
        make(log)
        append(other, records(0, 3))
        wait_told(daemon, logs, "not_a_file", number)
        daemon.wait_for(is_read("other", other.stat().st_size), "the other log is read")
    shown = daemon.wait_for(
        lambda shown: created(shown) == 40 + 2 * 4 + 3 * 4, "the deleted files are read to their ends"
    )
    assert (up(shown, "app"), up(shown, "other")) == (False, True)
    assert not [path for path in opened(daemon) if path in {str(log) for log in logs.iterdir()} | {"/dev/zero"}]
    with pytest.raises(OSError, match="No such device"):
        os.open(logs / "laravel-pipe.log", os.O_WRONLY | os.O_NONBLOCK)  # nobody reads from it
    for number, make in enumerate(makers):
        log = logs / f"laravel-{make.__name__}.log"
        log.rename(logs / f"odd-{number}")
        append(log, records(1000 + 100 * number, 1000 + 100 * number + 4))
    wait_counted(daemon, 40 + (2 + 3 + 4) * 4, logs)
    assert len(complaints(daemon)) == 4
