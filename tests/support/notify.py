"""The other end of sd_notify: a socket that collects what a daemon tells systemd."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

Message = dict[str, str]


class Listener:
    """A notification socket at `address` (`@…` for an abstract one); `messages` is what came so far."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.messages: list[Message] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def environment(self) -> dict[str, str]:
        """What systemd sets for its services."""
        return {"NOTIFY_SOCKET": self.address}

    def read(self) -> list[Message]:
        """Take what came since the last call, and return it."""
        found: list[Message] = []
        while True:
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                self.messages += found
                return found
            found.append(dict(line.split("=", 1) for line in data.decode().splitlines()))

    def wait(self, condition: Callable[[Message], object], what: str, *, deadline: float = 10) -> Message:
        """Return the first message from now on that `condition` holds for."""
        return wait_until(
            lambda: next((one for one in self.read() if condition(one)), None),
            deadline=deadline,
            what=lambda: f"{what}; it was told {self.messages[-5:]}",
        )

    def pings(self) -> int:
        """Return how many watchdog pings came since the last call."""
        return sum("WATCHDOG" in one for one in self.read())
