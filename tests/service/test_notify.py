"""The protocol by which systemd is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from exporter.service.notify import Notifier
from tests.support.notify import Listener

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_a_message_is_one_datagram(tmp_path: Path, *, abstract: bool) -> None:
    """Fields are lines of one datagram, on a socket in the file system or in the abstract name space."""
    address = f"@booking-exporter-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with Listener(address) as listener:
        assert Notifier(listener.environment).send(READY=1, STATUS="following 2 files")
        assert listener.read() == [{"READY": "1", "STATUS": "following 2 files"}]


@pytest.mark.parametrize("address", ["", "vsock:2:1", "relative", "/nowhere/there", "/" + "x" * 200, "@" + "x" * 200])
def test_nobody_listens(address: str) -> None:
    """Without a socket, with one of a kind that we do not know, or when nobody listens, a message is dropped."""
    assert not Notifier({"NOTIFY_SOCKET": address}).send(READY=1)
    assert not Notifier({}).send(READY=1)


def test_a_full_socket_stops_nobody(tmp_path: Path) -> None:
    """A supervisor that does not read makes messages fail, after a second at most."""
    with Listener(str(tmp_path / "notify")) as listener:
        notifier = Notifier(listener.environment)
        taken = 0
        while notifier.send(WATCHDOG=1):
            taken += 1
            assert taken < 100_000
        assert len(listener.read()) == taken > 0


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2500000"}, 2.5),
        ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid())}, 2.5),
        ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours(environ: dict[str, str], expected: float | None) -> None:
    """The watchdog's interval holds where it is set, and for this process."""
    assert Notifier(environ).watchdog == expected
