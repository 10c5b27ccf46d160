"""`make grafana-import`: what it sends, and what it says when Grafana refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.support.alertrules import ROOT
from tests.support.daemon import free_port
from tests.support.dashboards import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "glsa_ThisIsTheTokenOfTheTest_0123abcd"  # noqa: S105  # of the stand-in


class StandIn:
    """What Grafana's API does with a request for an import: checks it, notes it, and answers `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.words = "says the stand-in"
        self.seen: list[Any] = []
        self.headers: dict[str, str] = {}
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stand_in.answer(self, body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer as Grafana does: 404 for another path, 401 for another token, 400 for a body without wrapper."""
        found = json.loads(body)
        self.seen.append(found)
        self.headers = dict(request.headers)
        status = self.status
        if request.path != "/grafana/api/dashboards/db":
            status = 404
        elif request.headers["Authorization"] != f"Bearer {TOKEN}":
            status = 401
        elif not found.get("dashboard", {}).get("uid"):
            status = 400
        uid = found.get("dashboard", {}).get("uid")
        said: dict[str, object] = {"message": self.words}
        if status == 200:
            said = {"status": "success", "uid": uid, "url": f"/grafana/d/{uid}/x", "version": 1, "id": 1}
        request.send_response(status)
        if status == 302:
            request.send_header("Location", "http://127.0.0.1:1/")
        request.end_headers()
        request.wfile.write(json.dumps(said).encode())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def grafana() -> Iterator[StandIn]:
    """Return a stand-in that accepts."""
    with StandIn() as one:
        yield one


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """Return a file with the right token."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return path


def run(url: str, token: Path | str) -> tuple[int, str, str]:
    """Run the script as make does; return exit code, standard output and standard error."""
    command = [sys.executable, str(ROOT / "grafana" / "upload.py"), url, str(token)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert TOKEN not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_dashboards_are_imported(grafana: StandIn, token: Path) -> None:
    """Each is sent in the API's wrapper with the token, and the address where it is shown is printed."""
    code, out, err = run(grafana.url + "/grafana/", token)
    assert (code, err) == (0, "")
    assert [one["dashboard"] for one in grafana.seen] == [
        json.loads(path.read_text("utf-8")) | {"id": None} for path in FILES
    ]
    assert all(one["overwrite"] is True for one in grafana.seen)
    assert grafana.headers["Content-Type"] == "application/json"
    places = [f"{grafana.url}/grafana/d/{one['dashboard']['uid']}/x" for one in grafana.seen]
    assert out.splitlines() == [f"{path.name}: {place}" for path, place in zip(FILES, places, strict=True)]


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "it is provisioned from a file"),
        (401, "the token is not valid"),
        (403, "give it the role Editor"),
        (412, "rename or delete that one"),
        (302, "the address leads elsewhere"),
        (500, "see Grafana's own log"),
    ],
)
def test_a_refusal_is_explained(grafana: StandIn, token: Path, status: int, remedy: str) -> None:
    """Status, Grafana's own words and what to do, in one line; nothing more is sent."""
    grafana.status = status
    code, out, err = run(grafana.url + "/grafana", token)
    assert (code, out) == (1, "")
    assert err.startswith(f"{FILES[0].name} is not imported: {grafana.url}/grafana: {status} (says the stand-in): ")
    assert remedy in err
    assert err.count("\n") == 1
    assert len(grafana.seen) == 1


def test_another_token_is_refused(grafana: StandIn, tmp_path: Path) -> None:
    """The stand-in looks at the token."""
    other = tmp_path / "other"
    other.write_text("glsa_another\n")
    code, _, err = run(grafana.url + "/grafana", other)
    assert code == 1
    assert "401" in err


def test_a_wrong_path_is_explained(grafana: StandIn, token: Path) -> None:
    """An address without Grafana's path is told from a refused token."""
    code, _, err = run(grafana.url, token)
    assert code == 1
    assert "404 (says the stand-in): there is no Grafana API at this address" in err


def test_a_token_that_grafana_repeats_is_not_shown(grafana: StandIn, token: Path) -> None:
    """Whatever a server says, the token is not printed."""
    grafana.status, grafana.words = 403, f"no right for {TOKEN}"
    code, _, err = run(grafana.url + "/grafana", token)
    assert code == 1
    assert "(no right for …)" in err


def test_nobody_answers(token: Path) -> None:
    """One line that names the address."""
    url = f"http://127.0.0.1:{free_port()}"
    code, _, err = run(url, token)
    assert code == 1
    assert f"{url}: Grafana cannot be reached: [Errno 111] Connection refused" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the token cannot be read: No such file or directory"),
        (b"", "holds no token: one line is expected"),
        (b"two words\n", "holds no token: one line is expected"),
        (b"a\nb\n", "holds no token: one line is expected"),
        (b"\xff\xfe", "holds no token: not a line of ASCII"),
    ],
)
def test_a_file_without_a_token(grafana: StandIn, tmp_path: Path, content: bytes | None, message: str) -> None:
    """Nothing is sent, and the file is named."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    code, _, err = run(grafana.url + "/grafana", path)
    assert (code, err) == (2, f"{path}: {message}\n")
    assert grafana.seen == []


@pytest.mark.parametrize("url", ["grafana.example.com", "ftp://grafana", "http://", "http://user:secret@127.0.0.1/"])
def test_an_address_that_is_none(url: str, token: Path) -> None:
    """The usage is shown; a password in the address is not."""
    code, _, err = run(url, token)
    assert code == 2
    assert "GRAFANA_URL" in err
    assert "secret" not in err


def test_make_calls_it(grafana: StandIn, token: Path) -> None:
    """The target passes both variables, and asks for them where they are missing."""
    command = ["make", "-C", str(ROOT), "--no-print-directory", "grafana-import"]
    right = [*command, f"GRAFANA_URL={grafana.url}/grafana", f"GRAFANA_TOKEN_FILE={token}"]
    done = subprocess.run(right, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(grafana.seen) == len(FILES)
    without = subprocess.run(command, capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert "usage: make grafana-import GRAFANA_URL=" in without.stderr
