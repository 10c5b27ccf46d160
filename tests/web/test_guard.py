"""exporter.web.guard: who is let through, which headers are added, how many requests are answered."""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from starlette.datastructures import Headers

from exporter.web.app import create_app
from exporter.web.collector import View
from exporter.web.exposition import Exposition
from exporter.web.guard import Guard
from exporter.web.passwords import WAITING, Passwords
from exporter.webconfig.current import Loaded
from exporter.webconfig.schema import RateLimit, WebSettings
from tests.support.snapshots import make_collector, make_health, make_snapshot
from tests.web.test_passwords import SECRET, USERS

if TYPE_CHECKING:
    from starlette.types import Message

    Pairs = list[tuple[str, str]]

APP = create_app(Exposition(make_collector(View(make_snapshot(), make_health()))), logging.getLogger("test"))
PATHS = ("/", "/metrics", "/-/ready", "/none", "/-/healthy/", "//-/healthy", "/-/healthy/../../metrics", "/-/HEALTHY")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes


class Guarded:
    """A guarded application whose settings and clock a test has in its hand."""

    def __init__(self, waiting: int = WAITING, **settings: Any) -> None:  # noqa: ANN401  (what WebSettings takes)
        self.settings = WebSettings(**settings)
        self.now = 0.0
        loaded = Loaded(self.settings, None, b"", b"")
        self._guard = Guard(
            APP, lambda: replace(loaded, settings=self.settings), lambda: self.now, Passwords(waiting=waiting)
        )

    def ask(self, path: str, headers: Pairs | None = None, method: str = "GET") -> Answer:
        """Return the answer to one request."""
        sent: list[Message] = []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers or ()],
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self._guard(scope, receive, send))
        return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), b"".join(one["body"] for one in sent[1:]))

    def status(self, path: str = "/metrics", headers: Pairs | None = None) -> int:
        return self.ask(path, headers).status


def basic(name: bytes, password: bytes) -> Pairs:
    return [("Authorization", "Basic " + base64.b64encode(name + b":" + password).decode())]


RIGHT = basic(b"prometheus", SECRET)
TOKEN = RIGHT[0][1].removeprefix("Basic ")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_needs_a_password(path: str) -> None:
    """Without a password no path tells anything, not even whether it exists; with one each is as it is."""
    guarded = Guarded(users=USERS)
    refused = guarded.ask(path)
    assert (refused.status, refused.body) == (401, b"user name and password are needed\n")
    assert refused.headers["www-authenticate"] == 'Basic realm="booking-exporter", charset="UTF-8"'
    assert guarded.status(path, RIGHT) in (200, 404)


def test_every_route_of_the_application_needs_a_password() -> None:
    """Every page that the application has is guarded, also one that is added later, but for `/-/healthy`."""
    guarded = Guarded(users=USERS)
    open_paths = [route.path for route in APP.routes if guarded.status(route.path) != 401]  # type: ignore[attr-defined]
    assert open_paths == ["/-/healthy"]
    assert guarded.status("/-/healthy") == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_every_method_needs_a_password(method: str) -> None:
    """No method gets around the password."""
    assert Guarded(users=USERS).ask("/metrics", method=method).status == 401


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"prometheus").decode(),
        "Bearer " + TOKEN,
        TOKEN,
        "Basic " + TOKEN + "=x",
        "Basic " + base64.b64encode(b"prometheus:wrong").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\0").decode(),
        "Basic \xe4",
    ],
)
def test_what_is_no_password(value: str) -> None:
    """Whatever else stands in the header is no password, and no error of ours."""
    assert Guarded(users=USERS).status(headers=[("Authorization", value)]) == 401


def test_the_scheme_in_any_case() -> None:
    """`basic` is the same in any case (RFC 9110, section 11.1)."""
    assert Guarded(users=USERS).status(headers=[("Authorization", "bAsIc " + TOKEN)]) == 200


def test_two_passwords_are_none() -> None:
    """A request with two of these headers, which a proxy may see otherwise than we do, is refused."""
    assert Guarded(users=USERS).status(headers=RIGHT * 2) == 401


def test_users_change() -> None:
    """Whoever is added gets in at the next request, and whoever is removed does not."""
    guarded = Guarded()
    assert guarded.status() == 200
    guarded.settings = WebSettings(users=USERS)
    assert (guarded.status(), guarded.status(headers=RIGHT)) == (401, 200)
    guarded.settings = WebSettings(users={b"other": USERS[b"other"]})
    assert guarded.status(headers=RIGHT) == 401


def test_headers_are_added_to_every_answer() -> None:
    """Configured headers stand in every answer, refusals as well, in place of ours; a policy stands beside ours."""
    headers = (("X-Frame-Options", "deny"), ("Content-Security-Policy", "frame-ancestors 'none'"))
    guarded = Guarded(users=USERS, headers=headers)
    for path, given in (("/metrics", RIGHT), ("/metrics", []), ("/-/healthy", []), ("/none", RIGHT)):
        answer = guarded.ask(path, given)
        assert answer.headers["x-frame-options"] == "deny"
        assert "frame-ancestors 'none'" in answer.headers.getlist("content-security-policy")
    policies = guarded.ask("/metrics", RIGHT).headers.getlist("content-security-policy")
    assert policies == ["default-src 'none'", "frame-ancestors 'none'"]
    other = Guarded(headers=(("X-Content-Type-Options", "nosniff"),)).ask("/metrics")
    assert other.headers.getlist("x-content-type-options") == ["nosniff"]


def test_rate_limit() -> None:
    """A burst is answered, then one request for each interval; `/-/healthy` is answered always."""
    guarded = Guarded(rate_limit=RateLimit(2.0, 3))
    assert [guarded.status() for _ in range(4)] == [200, 200, 200, 429]
    guarded.now = 2.0
    assert [guarded.status() for _ in range(2)] == [200, 429]
    guarded.now = 1000.0
    assert [guarded.status() for _ in range(4)] == [200, 200, 200, 429]
    assert guarded.status("/-/healthy") == 200
    guarded.settings = WebSettings()
    assert guarded.status() == 200


def test_guesses_are_limited_too() -> None:
    """The limit comes before the password: it bounds guessing."""
    guarded = Guarded(users=USERS, rate_limit=RateLimit(60.0, 2))
    assert [guarded.status(headers=basic(b"prometheus", b"%d" % one)) for one in range(3)] == [401, 401, 429]


def test_too_many_checks() -> None:
    """Where too many checks wait, the answer is 503 and says when to come again."""
    answer = Guarded(waiting=0, users=USERS).ask("/metrics", RIGHT)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
