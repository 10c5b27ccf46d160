"""A private Alertmanager (Debian package `prometheus-alertmanager`), amtool, and what receives its messages."""

from __future__ import annotations

import json
import subprocess
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.support.daemon import free_port
from tests.support.packages import need_program
from tests.support.served import Served

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

PACKAGE = "prometheus-alertmanager"


def amtool(*arguments: str) -> tuple[int, str]:
    """Run amtool and return its exit code and all that it printed."""
    program = need_program("amtool", PACKAGE)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


class Alertmanager(Served):
    """The server as a context manager, with the configuration in the file `config`."""

    def __init__(self, folder: Path, config: Path) -> None:
        program = need_program("prometheus-alertmanager", PACKAGE)
        folder.mkdir()
        arguments = (f"--config.file={config}", f"--storage.path={folder / 'data'}", "--cluster.listen-address=")
        super().__init__(folder, program, arguments)


class Hook:
    """A web server that takes JSON as Slack's incoming webhooks do, and keeps it by path.

    Like Slack it refuses a message without attachments or text, and a button without an address:
    https://api.slack.com/legacy/message-buttons.
    """

    def __init__(self) -> None:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.received.append((self.path, body))
                accepted = self.path != "/slack" or _acceptable(body)
                self.send_response(200 if accepted else 400)
                self.end_headers()
                self.wfile.write(b"ok" if accepted else b"invalid_attachments")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                """Keep quiet."""

        self.received: list[tuple[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def url(self, path: str) -> str:
        """Return the address of a hook."""
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def slack(self) -> list[dict[str, Any]]:
        """Return the attachments posted to `/slack`, in order."""
        return [one for path, body in tuple(self.received) if path == "/slack" for one in body["attachments"]]


def _acceptable(body: dict[str, Any]) -> bool:
    attachments = body.get("attachments", [])
    buttons = [button for one in attachments for button in one.get("actions", [])]
    return bool(attachments) and all(one.get("text") for one in attachments) and all(one["url"] for one in buttons)


class Mailbox:
    """A mail server that takes what is sent with the right password."""

    def __init__(self, password: str) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        # LOGIN is left out: the library prompts for it in words that Alertmanager does not know.
        self._controller = Controller(
            self,
            "127.0.0.1",
            free_port(),
            authenticator=_authenticator(password),
            auth_require_tls=False,
            auth_exclude_mechanism=["LOGIN"],
        )
        self.port: int = self._controller.port

    async def handle_DATA(self, _server: object, session: Any, envelope: Any) -> str:  # noqa: ANN401, N802  # aiosmtpd's interface
        """Keep a mail of somebody who gave the password."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"

    def __enter__(self) -> Self:
        """Serve."""
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._controller.stop()


def _authenticator(password: str) -> Any:  # noqa: ANN401  # aiosmtpd's type of callables
    def authenticate(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:  # noqa: ANN401  # as above
        return AuthResult(success=data.password == password.encode())

    return authenticate
