"""Tells systemd how the daemon fares: a datagram of `NAME=value` lines per message, to the socket that it named.

The protocol is that of sd_notify(3) (https://www.freedesktop.org/software/systemd/man/sd_notify.html);
without NOTIFY_SOCKET nobody is told anything. A message that cannot be sent is dropped: a
supervisor that does not listen must not stop the daemon.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAIT_SECONDS = 1.0
"""How long a full socket is waited for."""


class Notifier:
    """Sends to the socket that `environ` names; `watchdog` is how often to ping it at least, in seconds, or None."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Take NOTIFY_SOCKET, and WATCHDOG_USEC where it is meant for this process."""
        self.watchdog = _watchdog(environ)
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))

    def send(self, **fields: str | int) -> bool:
        """Send one message; tell whether it was taken."""
        if self._address is None:
            return False
        text = "".join(f"{name}={value}\n" for name, value in fields.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.settimeout(_WAIT_SECONDS)
            link.connect(self._address)
            link.sendall(text.encode())
            return True
        return False


def _address(name: str) -> str | None:
    """Return the socket's address; None where there is none of a kind that we know. `@` stands for an abstract one."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Return the interval in seconds within which systemd wants a ping (sd_watchdog_enabled(3))."""
    microseconds, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (microseconds.isdecimal() and int(microseconds)) or process not in {"", str(os.getpid())}:
        return None
    return int(microseconds) / 1e6
