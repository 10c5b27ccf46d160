"""On machines with nothing but Debian: install from the checkout and by Ansible, build and run the container image.

python -m tests.machine [cold] [ansible] [image] (`make machine`). It needs root, an apt archive, a package index, and
the Debian packages mmdebstrap, podman, buildah and runc. Prints what took how long; exit code 1 where something does
not hold. The image's base is made by mmdebstrap here, instead of being fetched from a registry.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.machine.container import IMAGE, Container
from tests.support.daemon import free_port
from tests.support.scrape import fetch, parse
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
SUITES = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian 12 and 13, with their Pythons."""
BASE = "docker.io/library/debian:trixie-slim"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
RECORD = '[2026-01-31 12:00:00] production.INFO: Appointment created from booking {"id":1}  \n'
CREATED = 'api_gateway_appointments_created_total{source="webhook"}'


def run(*command: str, **options: str) -> str:
    """Run a program that must succeed; return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def root_of(suite: str, target: Path, *packages: str) -> None:
    """Make the root of a minimal Debian, as a directory or a tar file; it trusts what this machine trusts."""
    site = 'mkdir -p "$1/usr/local/share/ca-certificates" && cp {} "$1/usr/local/share/ca-certificates/site.crt"'
    included = [f"--include={','.join(packages)}"] if packages else []
    after = [f"--customize-hook={site.format(CERTIFICATES)}"]
    after += ['--customize-hook=chroot "$1" update-ca-certificates'] if "ca-certificates" in packages else []
    run("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", *included, *after, suite, str(target))


def cold(folder: Path) -> None:
    """Install as docs/install.md says, count a record, remove; on each Debian, with nothing cached."""
    for suite, version in SUITES.items():
        root = folder / suite
        root_of(suite, root, "python3-venv", "ca-certificates")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        checkout(root / "source")
        (root / "logs").mkdir()
        (root / "logs/laravel.log").write_text(RECORD)
        assert f"Python {version}" in inside(root, "python3", "--version")
        begin = time.monotonic()
        inside(root, "sh", "/source/deploy/install.sh")
        took = time.monotonic() - begin
        shown = parse(inside(root, "booking-exporter", "run", "--once", "--log", "/logs/laravel*.log"))
        assert shown[CREATED] == 1
        size = inside(root, "du", "--summarize", "--block-size=M", "/opt/booking-exporter").split("\t")[0]
        inside(root, "sh", "/source/deploy/install.sh", "remove")
        assert not (root / "opt/booking-exporter").exists()
        print(f"{suite}: Python {version}, installed in {took:.1f} s, {size}; counted; removed")  # noqa: T201


def checkout(target: Path) -> None:
    """Copy what git knows of the tree as it stands."""
    for name in filter(None, run("git", "-C", str(ROOT), "ls-files", "-z").split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)


def inside(root: Path, *command: str) -> str:
    """Run a program in the directory `root`, with nothing of this machine's environment."""
    path = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return run("chroot", str(root), "env", "-i", path, "HOME=/root", "LC_ALL=C.UTF-8", *command)


def ansible(folder: Path) -> None:
    """Run the role on the machine itself, but for its service; the second time nothing is left to change."""
    root = folder / "ansible"
    root_of("trixie", root, "ansible-core", "python3-venv", "python3-apt", "ca-certificates", "acl")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    checkout(root / "source")
    run("make", "--silent", "--directory", str(ROOT), "build")
    shutil.copytree(ROOT / "dist", root / "source/dist")
    (root / "var/www/app/storage/logs").mkdir(parents=True)
    (root / "var/www/app/storage/logs/laravel.log").write_text(RECORD)
    (root / "etc/prometheus/targets").mkdir(parents=True)
    run("mount", "-t", "proc", "proc", str(root / "proc"))
    try:
        variables = '{"ansible_connection": "local", "booking_exporter_service": false}'
        command = ("ansible-playbook", "-i", "/source/deploy/ansible/inventory.example.yml", "-e", variables)
        limits = ("--limit", "app1.example.com,prometheus.example.com", "/source/deploy/ansible/site.yml")
        inside(root, *command, *limits)
        again = inside(root, *command, *limits)
        assert again.count("changed=0") == 2, again
        shown = parse(
            inside(root, "booking-exporter", "run", "--once", "--config", "/etc/booking-exporter/config.yaml")
        )
        assert shown[CREATED] == 1
        assert "user:booking-exporter:r" in inside(root, "getfacl", "/var/www/app/storage/logs/laravel.log")
    finally:
        run("umount", str(root / "proc"))
    print("ansible: installed, configured, counted; the second run changed nothing")  # noqa: T201


def image(folder: Path) -> None:
    """Build the image; run it with a read-only root and another user's logs; restart it on its state."""
    root_of("trixie", folder / "base.tar")
    run("podman", "import", "--quiet", str(folder / "base.tar"), BASE)
    begin = time.monotonic()
    containerfile = str(ROOT / "deploy/container/Containerfile")
    run("buildah", "bud", "--isolation=chroot", "--format=docker", "-f", containerfile, "-t", IMAGE, str(ROOT))
    took = time.monotonic() - begin
    sizes = [run("podman", "image", "inspect", "--format", "{{.Size}}", name) for name in (IMAGE, BASE)]
    base, own = int(sizes[1]) / 1e6, (int(sizes[0]) - int(sizes[1])) / 1e6
    print(f"image: built in {took:.1f} s, {own:.0f} MB above a base of {base:.0f} MB")  # noqa: T201

    logs, state, port = folder / "logs", folder / "state", free_port()
    for path in (logs, state):
        path.mkdir()
    log = logs / "laravel.log"
    log.write_text(RECORD)
    shutil.chown(log, "www-data", "www-data")
    log.chmod(0o640)
    folder.chmod(0o755)
    shutil.chown(state, 10877, 10877)

    def counted(number: float) -> None:
        def met() -> bool:
            status, body = fetch(f"http://127.0.0.1:{port}/metrics")
            return status == 200 and parse(body)[CREATED] == number

        wait_until(met, deadline=20, what=f"{number:g} appointments")

    with Container(port, logs, state, ROOT / "deploy/container/config.yaml") as container:
        counted(1)
        with log.open("a") as file:
            file.write(RECORD)
        counted(2)
        assert container.inside("health").returncode == 0
        assert container.inside("id", "-u").stdout.strip() == "10877"
        for place in ("/opt/booking-exporter/x", "/logs/x", "/x", "/tmp/x"):  # noqa: S108  # must not be writable
            assert container.inside("touch", place).returncode != 0, place
        assert container.stop() == 0
        container.start()
        counted(2)
        print(f"image: healthy, user 10877, root and logs read-only; state kept; {container.memory():.0f} MB resident")  # noqa: T201


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all."""
    with tempfile.TemporaryDirectory(prefix="booking-exporter-machine-") as folder:
        for part in (cold, ansible, image):
            if not arguments or part.__name__ in arguments:
                part(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
