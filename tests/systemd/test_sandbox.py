"""The daemon under the unit's system call filter, which must not stop anything that it does."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import bcrypt
import pytest

from tests.support.certificates import Authority, exchange
from tests.support.daemon import Daemon
from tests.support.databases import SqliteFile
from tests.support.packages import lacking, need_program
from tests.support.sandbox import LIBRARY, allowed
from tests.support.stepper import records
from tests.support.units import SERVICE
from tests.support.waiting import wait_until

FORBIDDEN = {
    "mount": "import ctypes; libc = ctypes.CDLL(None, use_errno=True); libc.mount(b'x', b'/srv', b'tmpfs', 0, 0)",
    "write and execute": "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "netlink": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "affinity": "import os; os.sched_setaffinity(0, {0})",
    "owner": "import os; os.chown('/', 0, 0)",
}


@pytest.fixture
def sandbox() -> tuple[str, ...]:
    """Return the command that runs a program under the unit's filters, without root's capabilities."""
    need_program("systemd-analyze", "systemd")
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        lacking(f"needs {LIBRARY}: apt-get install libseccomp2")
    drop = ("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all") if shutil.which("setpriv") else ()
    return (*drop, sys.executable, "-m", "tests.support.sandbox", str(SERVICE))


@pytest.mark.parametrize("code", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_filter_filters(sandbox: tuple[str, ...], code: str) -> None:
    """What the daemon has no business to do is refused: the test below can fail."""
    check = "; import sys; sys.exit(ctypes.get_errno() != 1)" if "ctypes" in code else ""
    done = subprocess.run([*sandbox, sys.executable, "-c", code + check], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) if check else ("Error" in done.stderr), done.stderr


def test_what_it_needs_is_allowed() -> None:
    """The filter lets the calls through that SQLite, inotify and the server make, and no privileged one."""
    need_program("systemd-analyze", "systemd")
    calls = allowed(SERVICE)
    assert {"inotify_init1", "inotify_add_watch", "epoll_wait", "accept4", "fdatasync", "ftruncate", "flock"} <= calls
    assert (
        not {"mount", "ptrace", "bpf", "setuid", "chown", "init_module", "reboot", "sched_setscheduler", "ioprio_set"}
        & calls
    )


def test_the_daemon_does_everything_under_the_filter(tmp_path: Path, logs: Path, sandbox: tuple[str, ...]) -> None:
    """It counts, commits, wakes by inotify, follows a rotation, samples, reloads, serves, stops and starts again."""
    database = SqliteFile(tmp_path)
    database.reset()
    database.insert({"status": "booked"})
    config = tmp_path / "config.yaml"
    config.write_text(
        f"logs: [{{name: app, paths: ['{logs}/*.log']}}]\ndatabase: {{url: 'sqlite:///{database.path}'}}\n"
    )
    (logs / "a.log").write_bytes(records(0, 2000))
    created = "api_gateway_appointments_created_total"
    with Daemon(tmp_path / "daemon", "--config", str(config), prefix=sandbox) as daemon:
        lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines)
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
        (logs / "b.log").write_bytes(records(2000, 2003))
        (logs / "a.log").rename(logs / "a.log.1")
        (logs / "a.log").write_bytes(records(2003, 2008))
        daemon.wait_for(lambda now: now.total(created) == 2008, "all counted")
        daemon.wait_for(
            lambda now: now.get("api_gateway_appointments", status="booked") == 1, "the database is sampled"
        )
        daemon.reload()
        assert daemon.terminate()[0] == 0
        daemon.start()
        daemon.wait_ready()
        assert daemon.scrape().total(created) == 2008
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.stderr.count("is reloaded") == 2, deadline=10, what="reloaded again")
    assert "Traceback" not in daemon.stderr
    assert daemon.stderr.count('"native": true') in {0, 2}


def test_tls_and_passwords_under_the_filter(tmp_path: Path, logs: Path, sandbox: tuple[str, ...]) -> None:
    """A request over TLS with the right password is answered, and one with a wrong password refused."""
    authority = Authority(tmp_path / "keys")
    certificate, key = authority.issue("server")
    web = tmp_path / "web.yaml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    web.write_text(
        f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
        f"basic_auth_users: {{prometheus: '{hashed}'}}\n"
    )
    config = tmp_path / "config.yaml"
    config.write_text(f"listen: {{web_config_file: {web}}}\nlogs: [{{name: app, paths: ['{logs}/*.log']}}]\n")
    daemon = Daemon(tmp_path / "daemon", "--config", str(config), prefix=sandbox)
    daemon.start()
    try:
        wait_until(lambda: '"following"' in daemon.stderr, deadline=20, what=lambda: daemon.stderr)
        for password, status in ((b"secret", b"HTTP/1.1 200"), (b"wrong", b"HTTP/1.1 401")):
            login = b64encode(b"prometheus:" + password)
            asked = (
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + login + b"\r\nConnection: close\r\n\r\n"
            )
            assert exchange(daemon.port, authority.client_context(), asked).startswith(status)
    finally:
        daemon.kill()
