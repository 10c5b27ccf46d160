"""exporter.web.app: what each address answers, over real connections."""

from __future__ import annotations

import gzip
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from prometheus_client.registry import Collector

from exporter.catalogue import APP
from exporter.web.app import create_app
from exporter.web.collector import View
from exporter.web.exposition import Exposition
from tests.support.snapshots import make_collector, make_health, make_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPConnection, HTTPResponse

    from prometheus_client.metrics_core import Metric
    from starlette.applications import Starlette

    from exporter.web.server import Server


class Breakable(Collector):
    """Process series that fail while `broken`."""

    broken = False

    def collect(self) -> list[Metric]:
        if self.broken:
            raise ValueError("Mrs Miller, 1 Main Street")
        return []


@dataclass
class Page:
    """The app on a server, and what stands behind it."""

    view: View
    process: Breakable
    connection: HTTPConnection

    def ask(self, method: str, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        self.connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        response = self.connection.getresponse()
        return response, response.read()


def make_app(view: View, process: Collector | None = None) -> Starlette:
    return create_app(Exposition(make_collector(view), process), logging.getLogger("test.web"))


@pytest.fixture
def page(serve: Callable[[Starlette], Server], client: Callable[[Server], HTTPConnection]) -> Page:
    view, process = View(make_snapshot(), make_health()), Breakable()
    return Page(view, process, client(serve(make_app(view, process))))


def test_metrics(page: Page) -> None:
    """/metrics is the exposition in the format that the client asks for."""
    response, body = page.ask("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert response.status == 200
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert f"\n{APP}bookings_validated_total 0.0\n".encode() in body
    assert body.endswith(b"# EOF\n")


def test_several_accept_headers(page: Page) -> None:
    """Accept may be spread over several header lines."""
    page.connection.putrequest("GET", "/metrics")
    page.connection.putheader("Accept", "image/png")
    page.connection.putheader("Accept", "application/openmetrics-text; version=1.0.0")
    page.connection.endheaders()
    response = page.connection.getresponse()

    assert response.read().endswith(b"# EOF\n")


def test_metrics_compressed(page: Page) -> None:
    """/metrics is compressed for a client that accepts gzip."""
    response, body = page.ask("GET", "/metrics", Accept_Encoding="gzip")

    assert response.headers["Content-Encoding"] == "gzip"
    assert b"booking_exporter_build_info" in gzip.decompress(body)


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
def test_head(page: Page, path: str) -> None:
    """HEAD answers with the headers of GET and no body."""
    got, body = page.ask("GET", path)
    head, nothing = page.ask("HEAD", path)

    assert (head.status, nothing) == (got.status, b"")
    assert int(head.headers["Content-Length"]) == len(body) > 0
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_healthy(page: Page) -> None:
    """/-/healthy says yes for as long as the process serves, whatever else is wrong."""
    page.view.snapshot = make_snapshot(exposed=False)
    page.view.health = make_health(ready=False, commit_failing=True)
    page.process.broken = True

    response, body = page.ask("GET", "/-/healthy")

    assert (response.status, body) == (200, b"healthy\n")


def test_ready(page: Page) -> None:
    """/-/ready is 200 once the history is counted."""
    response, body = page.ask("GET", "/-/ready")

    assert (response.status, body) == (200, b"ready\n")


def test_not_ready(page: Page) -> None:
    """/-/ready is 503 before, with the reason in one line."""
    page.view.health = make_health(ready=False)

    response, body = page.ask("GET", "/-/ready")

    assert (response.status, body) == (503, b"not ready: starting\n")


def test_status_page(page: Page) -> None:
    """/ is the status page, for browsers that may load nothing else; it is drawn from what is shown now."""
    response, body = page.ask("GET", "/")

    assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Everything is all right." in body.decode()
    assert response.headers["Referrer-Policy"] == "no-referrer"
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert "frame-ancestors 'none'" in policy


def test_a_failing_status_page(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    """A page that fails is 500 in one line, told once, without a word of the error; a scrape does not suffer."""
    page.view.health = None  # type: ignore[assignment]  # stands for whatever nobody has thought of
    answers = [page.ask("GET", "/") for _ in range(2)]

    assert {response.status for response, _ in answers} == {500}
    assert {body for _, body in answers} == {b"the status page failed; the exporter's log names the place\n"}
    (record,) = caplog.records
    assert "the status page fails: AttributeError in verdict.py line " in record.getMessage()
    page.view.health = make_health()
    assert page.ask("GET", "/")[0].status == 200
    assert page.ask("GET", "/metrics")[0].status == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/ready", "/nowhere"])
def test_safety_headers(page: Page, path: str) -> None:
    """Every answer forbids scripts and guessing of types, is not stored, and does not name the server."""
    headers = page.ask("GET", path)[0].headers

    assert headers["Content-Security-Policy"].split("; ")[0] == "default-src 'none'"
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers
    assert "Date" in headers


@pytest.mark.parametrize("path", ["/nowhere", "/metrics/", "/-/", "//", "/%2e%2e/etc/passwd"])
def test_unknown_address(page: Page, path: str) -> None:
    """Any other address is 404 in one line of plain text, without a redirect."""
    response, body = page.ask("GET", path)

    assert (response.status, body) == (404, b"Not Found\n")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_wrong_method(page: Page, method: str) -> None:
    """Nothing can be sent to the daemon: other methods are 405, with those that are allowed."""
    response, body = page.ask(method, "/metrics")

    assert (response.status, body) == (405, b"Method Not Allowed\n")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_failing_scrape(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    """A scrape that fails is 500 without a half of an exposition; the log tells once, and nothing of the text."""
    page.process.broken = True
    answers = [page.ask("GET", "/metrics") for _ in range(3)]

    assert {response.status for response, _ in answers} == {500}
    assert {body for _, body in answers} == {b"the exposition failed; the exporter's log names the place\n"}
    (record,) = caplog.records
    assert "the exposition fails: ValueError in test_app.py line " in record.getMessage()
    assert "Miller" not in caplog.text


def test_a_scrape_that_fails_again(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    """After a scrape that succeeded, the next failure is told anew."""
    statuses = []
    for broken in (True, False, True):
        page.process.broken = broken
        statuses.append(page.ask("GET", "/metrics")[0].status)

    assert statuses == [500, 200, 500]
    assert len(caplog.records) == 2
