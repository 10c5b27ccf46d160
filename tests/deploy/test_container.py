"""The container: what its image is built from, what it may do, its health check. `make machine` builds and runs it."""

from __future__ import annotations

import fnmatch
import http.server
import os
import re
import runpy
import shutil
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.config.load import load
from exporter.config.overrides import Overrides
from tests.support.built import ROOT
from tests.support.certificates import Authority
from tests.support.daemon import Daemon, free_port
from tests.support.packages import need_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.built import Built

FOLDER = ROOT / "deploy" / "container"
CONTAINERFILE = (FOLDER / "Containerfile").read_text("utf-8").replace("\\\n", " ")
FINAL = CONTAINERFILE.rpartition("FROM ")[2]
CONFIG_PATH = "/etc/booking-exporter/config.yaml"
STATE_FOLDER = "/var/lib/booking-exporter"


def context(target: Path) -> None:
    """Copy what the build gets, that is what `.dockerignore` lets through, to `target`."""
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
    for name in subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0"):  # fmt: skip
        kept = True
        for rule in rules:
            pattern = rule.lstrip("!").removeprefix("**/")
            if fnmatch.fnmatch(name, pattern) or name.startswith(pattern + "/"):
                kept = rule.startswith("!")
        if name and kept and (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the checkout")
def test_the_image_gets_what_it_is_built_from_and_no_more(built: Built, tmp_path: Path) -> None:
    """From the context alone the same wheel comes out; tests, rules and whatever lies about are not in it."""
    context(tmp_path / "context")
    assert {path.name for path in (tmp_path / "context").iterdir()} == {
        ".gitignore", "LICENSE", "README.md", "deploy", "exporter", "hatch_build.py", "pyproject.toml",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheel")],
        cwd=tmp_path / "context", check=True, capture_output=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1767225600"},
    )  # fmt: skip
    (wheel,) = (tmp_path / "wheel").iterdir()
    assert wheel.read_bytes() == built.wheel.read_bytes()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (tmp_path / "context" / name).exists(), name


def test_the_image_runs_without_rights() -> None:
    """As a numbered user, with packages by their hashes and without pip, compiler or a fetched program."""
    assert re.findall(r"^USER (.*)$", FINAL, re.MULTILINE) == ["10877:10877"]
    assert re.findall(r"^VOLUME (.*)$", FINAL, re.MULTILINE) == [STATE_FOLDER]
    assert not re.search(r"\b(pip|gcc|curl|wget|ADD)\b", FINAL)
    installs = re.findall(r"pip .*?install .*?(?=&&|\n)", CONTAINERFILE)
    assert installs
    assert [one for one in installs if "--require-hashes" not in one and "--no-index" not in one] == []
    assert CONFIG_PATH in FINAL


def test_the_configuration_is_valid_and_the_same_everywhere() -> None:
    """The mounted file loads, and the ConfigMap holds the same."""
    settings = load(FOLDER / "config.yaml", {}, Overrides())
    assert [one.name for one in settings.logs] == ["app"]
    (text,) = kubernetes("ConfigMap")["data"].values()
    assert yaml.safe_load(text) == yaml.safe_load((FOLDER / "config.yaml").read_text("utf-8"))


def kubernetes(kind: str) -> dict[str, Any]:
    """Return the one object of a kind."""
    documents = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text("utf-8"))
    (one,) = (document for document in documents if document["kind"] == kind)
    assert isinstance(one, dict)
    return one


def test_compose_shares_the_logs_read_only_and_keeps_the_state() -> None:
    """App and exporter share one volume, which only the app writes; nothing else can be written but the state."""
    document = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    app, exporter = document["services"]["app"], document["services"]["exporter"]
    mounts = dict(one.split(":", 1) for one in exporter["volumes"])
    assert mounts == {"logs": "/logs:ro", "state": STATE_FOLDER, "./config.yaml": f"{CONFIG_PATH}:ro"}
    assert [one.split(":")[0] for one in app["volumes"]] == ["logs"]
    assert set(document["volumes"]) == {"logs", "state"}
    assert (exporter["read_only"], exporter["cap_drop"]) == (True, ["ALL"])
    assert exporter["ports"][0].startswith("127.0.0.1:")
    build = exporter["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()


def test_kubernetes_shares_the_logs_read_only_and_keeps_the_state() -> None:
    """The sidecar starts before the app, ends after it, has no rights, and keeps its state in a claim."""
    body = kubernetes("StatefulSet")["spec"]
    pod = body["template"]["spec"]
    (sidecar,), (app,) = pod["initContainers"], pod["containers"]
    assert sidecar["restartPolicy"] == "Always"
    mounts = {one["name"]: (one["mountPath"], one.get("readOnly", False)) for one in sidecar["volumeMounts"]}
    assert mounts == {
        "logs": ("/logs", True),
        "state": (STATE_FOLDER, False),
        "config": (os.path.dirname(CONFIG_PATH), True),  # noqa: PTH120  # a path in the container
    }
    assert {one["name"] for one in app["volumeMounts"]} == {"logs"}
    claims = {one["metadata"]["name"] for one in body["volumeClaimTemplates"]}
    assert claims | {one["name"] for one in pod["volumes"]} == set(mounts)
    rights = sidecar["securityContext"]
    assert (rights["runAsUser"], rights["runAsNonRoot"], rights["readOnlyRootFilesystem"]) == (10877, True, True)
    assert "readinessProbe" not in sidecar
    ports = {one["name"]: one["containerPort"] for one in sidecar["ports"]}
    assert ports == {"booking-metrics": 10877}
    assert sidecar["livenessProbe"]["exec"]["command"] == [
        "health"
    ]  # httpGet would ask in plain HTTP, whatever is served
    assert sidecar["livenessProbe"]["timeoutSeconds"] >= 3 * 1.5


def health(port: int) -> subprocess.CompletedProcess[str]:
    """Run the health check against a port."""
    return subprocess.run(
        [sys.executable, "-I", str(FOLDER / "health.py")],
        env={"BOOKING_EXPORTER_LISTEN_PORT": str(port)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_health_is_that_of_the_daemon(tmp_path: Path, logs: Path) -> None:
    """0 while the daemon serves, 1 with one line when it is gone."""
    with Daemon(tmp_path / "daemon", "--log", f"{logs}/laravel*.log") as daemon:
        assert (health(daemon.port).returncode, health(daemon.port).stderr) == (0, "")
    done = health(daemon.port)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "refused" in done.stderr


@contextmanager
def answering(status: int, certificate: Path | None = None) -> Iterator[int]:
    """Serve `status` for every path, over TLS if there is a certificate; yield the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/-/healthy" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
def test_health_with_client_certificates(tmp_path: Path, logs: Path, version: str) -> None:
    """An exporter that refuses whoever has no certificate is alive, and is not when it is gone."""
    Authority(tmp_path).issue("server")
    (tmp_path / "web.yml").write_text(
        "tls_server_config: {cert_file: server.pem, key_file: server-key.pem, client_ca_file: ca.pem, "
        f"client_auth_type: RequireAndVerifyClientCert, max_version: {version}}}\n"
    )
    config = {
        "listen": {"web_config_file": f"{tmp_path}/web.yml"},
        "logs": [{"name": "app", "paths": [f"{logs}/laravel*.log"]}],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        sys.executable, "-m", "exporter", "run", "--config", f"{tmp_path}/config.yaml",
        "--state", f"{tmp_path}/state.sqlite", "--listen", f"127.0.0.1:{port}",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: health(port).returncode == 0, deadline=20, what="it is healthy")
        finally:
            process.kill()
    assert health(port).returncode == 1


@pytest.mark.parametrize(
    ("file", "words", "environ", "found"),
    [
        ("logs: []", "run", {}, ("127.0.0.1", 10877)),
        ("listen: {port: 9000}", "run", {}, ("127.0.0.1", 9000)),
        ("listen: {port: 9000, address: 10.1.2.3}", "run", {"LISTEN_PORT": "9001"}, ("10.1.2.3", 9001)),
        ("listen: {address: 10.1.2.3}", "run", {"LISTEN_ADDRESS": "::"}, ("127.0.0.1", 10877)),
        ("listen: {port: 9000}", "run --listen=[::1]:9002", {"LISTEN_PORT": "9001"}, ("::1", 9002)),
        ("listen: {port: 9000}", "run --listen :::9002", {}, ("127.0.0.1", 9002)),
        ("listen:", "run", {}, ("127.0.0.1", 10877)),
        ("[1]", "run", {}, ("127.0.0.1", 10877)),
        ("a: [", "run", {}, ("127.0.0.1", 10877)),
    ],
)
def test_health_is_asked_where_the_daemon_listens(
    tmp_path: Path, file: str, words: str, environ: dict[str, str], found: tuple[str, int]
) -> None:
    """By command line, environment and file, in this order; for all addresses, at the loopback one."""
    (tmp_path / "config.yaml").write_text(file)
    place = runpy.run_path(str(FOLDER / "health.py"))["place"]
    given = ["python", "booking-exporter", *words.split(), "--config", f"{tmp_path}/config.yaml"]
    assert place(given, {f"BOOKING_EXPORTER_{name}": value for name, value in environ.items()}) == found


def test_health_is_told_over_tls_too(tmp_path: Path) -> None:
    """A server with a certificate of its own that says 200 is healthy; one that says 503 is not."""
    path = tmp_path / "both.pem"
    subprocess.run(
        [need_program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=x", "-days", "2", "-keyout", str(path), "-out", str(tmp_path / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    with path.open("a") as file:
        file.write((tmp_path / "certificate.pem").read_text())
    with answering(200, path) as port:
        assert health(port).returncode == 0
    with answering(503) as port:
        done = health(port)
    assert (done.returncode, done.stderr) == (1, "not healthy: status 503\n")
