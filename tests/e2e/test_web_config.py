"""TLS and users end to end: the daemon with the configuration of docs/web.md, by curl, openssl and Prometheus."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest

from tests.support.certificates import Authority
from tests.support.daemon import Daemon, run
from tests.support.packages import need_program
from tests.support.prometheus import Prometheus
from tests.support.scrape import parse
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "web.md").read_text("utf-8")
PASSWORD = "curtain-lantern"  # noqa: S105  (made up)
HASHED = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(6)).decode()
EVERY_SECOND = "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
RECORD = "[2025-10-06 18:22:12] production.INFO: hello \n"


def block(containing: str) -> str:
    """Return the page's YAML block that contains a text."""
    (one,) = (text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if containing in text)
    return str(one)


WEB = block("tls_server_config:")
SCRAPE = block("password_file:")


class Site:
    """The files of the page's example in a folder of their own, and a daemon that serves by them."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.authority.issue("tls")
        self.authority.issue("client", "prometheus.example.org")
        self.web = folder / "web-config.yaml"
        self.write(self.localised(WEB))
        self.web.chmod(0o640)
        config = folder / "config.yaml"
        config.write_text(f"listen: {{web_config_file: {self.web}}}\nlogs: [{{name: app, paths: ['{logs}/*.log']}}]\n")
        (logs / "laravel.log").write_text(RECORD)
        self.daemon = Daemon(folder / "daemon", "--config", str(config))
        self.config = config

    def localised(self, text: str) -> str:
        """Return the text with the paths of this folder in place of the page's."""
        text = re.sub(r"/etc/[a-z/-]+/", f"{self.folder}/", text)
        text = re.sub(r"\$2y\$\S+", lambda _: HASHED, text)  # nobody knows the password of the page's
        return text.replace("server.pem", "tls.pem").replace("server-key.pem", "tls-key.pem")

    def write(self, text: str) -> None:
        self.web.write_text(text)

    def curl(self, path: str, *arguments: str) -> tuple[int, str]:
        """Ask by curl, which trusts the CA; return the status (0: no answer) and the body."""
        done = subprocess.run(
            [
                *("curl", "--silent", "--max-time", "5", "--cacert", str(self.authority.file)),
                *("--write-out", "\n%{http_code}", *arguments, f"https://localhost:{self.daemon.port}{path}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def openssl(self, *arguments: str) -> str:
        """Return what `openssl s_client` says of a handshake."""
        done = subprocess.run(
            [
                *("openssl", "s_client", "-connect", f"localhost:{self.daemon.port}"),
                *("-CAfile", str(self.authority.file), *arguments),
            ],
            input="GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture
def site(tmp_path: Path, logs: Path) -> Iterator[Site]:
    """Return a running site; it is stopped at the end."""
    need_program("curl", "curl")
    need_program("openssl", "openssl")
    made = Site(tmp_path / "site", logs)
    made.daemon.start()
    try:
        wait_until(lambda: _answers(made), deadline=20, what=lambda: made.daemon.stderr)
        yield made
    finally:
        made.daemon.kill()


def _answers(site: Site) -> bool:
    return site.curl("/-/healthy")[0] == 200


RIGHT = ("--user", f"prometheus:{PASSWORD}")


def test_by_curl(site: Site) -> None:
    """Every path but /-/healthy takes the password; headers are there; plain HTTP and other CAs are refused."""
    for path in ("/", "/metrics", "/-/ready", "/none"):
        assert site.curl(path)[0] == 401
        assert site.curl(path, "--user", "prometheus:wrong")[0] == 401
        assert site.curl(path, *RIGHT)[0] in (200, 404)
    shown = parse(site.curl("/metrics", *RIGHT)[1])
    assert shown["booking_exporter_web_config_last_reload_successful"] == 1
    assert shown["booking_exporter_web_certificate_expiry_timestamp_seconds"] > 1e9
    assert "strict-transport-security: max-age=31536000\n" in site.curl("/metrics", *RIGHT, "--include")[1].lower()
    assert site.curl("/-/healthy", "--cacert", "/etc/ssl/certs/ca-certificates.crt")[0] == 0
    plain = subprocess.run(
        ["curl", "--silent", "--max-time", "5", f"http://localhost:{site.daemon.port}/metrics"],
        capture_output=True,
        check=False,
    )
    assert (plain.returncode != 0, plain.stdout) == (True, b"")


def test_by_openssl(site: Site) -> None:
    """Versions below the minimum are refused; the certificate is verified; no renegotiation, no compression."""
    assert "Verify return code: 0 (ok)" in site.openssl()
    assert "TLSv1.3" in site.openssl("-tls1_3")
    said = site.openssl("-tls1_2")
    assert "Protocol  : TLSv1.2" in said
    assert "Compression: NONE" in said
    for old in ("-tls1", "-tls1_1"):
        assert "Cipher is (NONE)" in site.openssl(old, "-cipher", "ALL:@SECLEVEL=0")
    assert "401 Unauthorized" in site.openssl("-ign_eof")


def test_changes_without_a_restart(site: Site) -> None:
    """A client CA that is asked for, and a file that is broken, are seen without a restart; the journal tells."""
    signed = f"  client_ca_file: {site.authority.file}\n  client_auth_type: RequireAndVerifyClientCert\n"
    site.write(site.localised(WEB).replace("tls_server_config:\n", "tls_server_config:\n" + signed))
    folder = site.folder
    ours = ("--cert", f"{folder}/client.pem", "--key", f"{folder}/client-key.pem")

    wait_until(lambda: site.curl("/-/healthy")[0] == 0, deadline=5, what="a certificate is asked for")
    assert site.curl("/metrics", *RIGHT, *ours)[0] == 200
    assert "401 Unauthorized" not in site.openssl("-ign_eof")
    site.write("basic_auth_users: {")

    def refused() -> bool:
        shown = parse(site.curl("/metrics", *RIGHT, *ours)[1])
        return shown["booking_exporter_web_config_last_reload_successful"] == 0

    wait_until(refused, deadline=5, what="the series says so")
    assert site.curl("/metrics", *ours)[0] == 401
    assert "the one before it stays" in site.daemon.stderr
    assert PASSWORD not in site.daemon.stderr


def test_by_prometheus(site: Site, tmp_path: Path) -> None:
    """A real Prometheus with the page's other half scrapes it; with a wrong password it does not."""
    (site.folder / "password").write_text(PASSWORD + "\n")
    half = site.localised(SCRAPE).replace('"app1.example.org:10877"', f'"localhost:{site.daemon.port}"')
    half += (
        half.split("scrape_configs:\n")[1]
        .replace("job_name: booking-exporter", "job_name: wrong")
        .replace("username: prometheus", "username: nobody")
    )
    with Prometheus(
        tmp_path / "prometheus", config="global: {scrape_interval: 1s, scrape_timeout: 900ms}\n" + half
    ) as server:
        wait_until(lambda: server.query('up{job="booking-exporter"} == 1'), deadline=20, what=server.journal, step=0.2)
        assert server.query('booking_exporter_log_up{job="booking-exporter"}')
        wait_until(lambda: server.query('up{job="wrong"} == 0'), deadline=20, what=server.journal, step=0.2)
        took = server.query('scrape_duration_seconds{job="booking-exporter"}')
    assert max(took.values()) < 0.5


def test_promtool_accepts_the_sample(tmp_path: Path, logs: Path) -> None:
    """The page's file is one for every exporter of Prometheus's toolkit, and `check` has nothing to add."""
    promtool = need_program("promtool", "prometheus")
    site = Site(tmp_path / "site", logs)
    done = subprocess.run([promtool, "check", "web-config", site.web], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    checked = run("check", "--config", str(site.config), "--state", str(tmp_path / "s"))
    assert (checked.returncode, checked.stdout.count("web:")) == (0, 1), checked.stdout


def test_a_broken_file_at_the_start(tmp_path: Path, logs: Path) -> None:
    """With a web configuration that cannot be used nothing is served: exit code 2 and the place of each problem."""
    site = Site(tmp_path / "site", logs)
    site.write(f"basic_auth_users: {{a: {PASSWORD}}}\n")
    site.daemon.start()
    assert site.daemon.wait_end() == 2
    assert f"booking-exporter: {site.web}:1: basic_auth_users.a: is no bcrypt hash" in site.daemon.stderr
    assert PASSWORD not in site.daemon.stderr
