"""A running server for the tests of exporter.web, and clients that say exactly what a test wants."""

from __future__ import annotations

import contextlib
import socket
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from exporter.web.server import Server
from tests.support.pages import SCENES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from tests.support.pages import Scene

    Serve = Callable[..., Server]
    Connect = Callable[[Server], socket.socket]
    Client = Callable[[Server], HTTPConnection]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers of an app on free ports; all are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(app: ASGIApp, address: str = "127.0.0.1", **limits: Any) -> Server:  # noqa: ANN401  (what Server takes)
            server = Server(app, address, 0, **limits)
            server.start()
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open connections without saying anything; reads fail after 5 seconds; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def open_one(server: Server) -> socket.socket:
            return stack.enter_context(socket.create_connection((server.address, server.port), timeout=5))

        yield open_one


@pytest.fixture
def client() -> Iterator[Client]:
    """Open HTTP connections that last for several requests; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def open_one(server: Server) -> HTTPConnection:
            connection = HTTPConnection(server.address, server.port, timeout=5)
            stack.callback(connection.close)
            return connection

        yield open_one


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Scene]]:
    """Make scenes of tests.support.pages by their names, each once for all tests."""
    made: dict[str, Scene] = {}
    with contextlib.ExitStack() as stack:

        def make(name: str) -> Scene:
            if name not in made:
                made[name] = stack.enter_context(SCENES[name](tmp_path_factory.mktemp(name)))
            return made[name]

        yield make
