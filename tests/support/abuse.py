"""Clients that strain the HTTP side of a daemon, and a writer whose every batch is seen as a whole.

A batch is one page of the file, appended by one write: the kernel shows it to a reader as a whole,
so a committed snapshot holds whole batches only, and `faults` can say what must agree in it.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import time
from dataclasses import dataclass
from itertools import cycle
from math import isclose
from typing import TYPE_CHECKING, Self

from tests.support.oracle import sample
from tests.support.scrape import OPENMETRICS

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.support.daemon import Daemon

    Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HOST = "127.0.0.1"
PAGE = 4096
RECORDS = 7
"""Records in a batch."""
LIMIT_KIB = 90_000_000 // 1024
"""Resident memory that the daemon may reach (guarantee G5)."""
FOLLOWED_WITHIN = 1.1
"""Seconds after which a scrape must show a record: 1 s and the commit interval."""
ACCEPTS = (("text/plain", ""), (OPENMETRICS, ""), ("text/plain;version=1.0.0", "gzip"), (OPENMETRICS, "gzip"))
_AGE = 64.25
_SAMPLE = re.compile(rb"^((?:api_gateway|booking_exporter)_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
_TIME = "[2025-10-06 18:22:12] production."
_BATCH = """\
{t}ERROR: Stale booking detected from Cal.com {{"booking_id":"b-{n}","age_seconds":-64.25}}
{t}ERROR: Stale booking detected from Cal.com {{"booking_id":"m-{n}","age_seconds":"none"}}
{t}INFO: [Cal.com] Webhook received {{"event":"BOOKING.CREATED"}}
{t}INFO: Webhook Event Processed {{"id":{n},"provider":"calcom"}}
{t}INFO: Public booking created {{"appointment_id":{n}}}
{t}INFO: Cal.com booking successful and validated {{"freshness_validated":true}}
{t}DEBUG: [14 MB] QUERY {{"sql":"{fill}"}}
"""


class Feed:
    """Appends batches to `path`; `written` holds the monotonic time of each, taken before the write."""

    def __init__(self, path: Path) -> None:
        self.written: list[float] = []
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def write(self) -> None:
        """Append one batch."""
        number = len(self.written) + 1_000_000
        bare = _BATCH.format(t=_TIME, n=number, fill="")
        data = _BATCH.format(t=_TIME, n=number, fill="x" * (PAGE - len(bare))).encode()
        self.written.append(time.monotonic())
        assert os.write(self._descriptor, data) == PAGE

    async def run(self, interval: float) -> None:
        """Append a batch every `interval` seconds until cancelled."""
        while True:
            self.write()
            await asyncio.sleep(interval)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request brought: `status` 0 where the connection was closed without an answer. Times are monotonic."""

    sent: float
    ended: float
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def samples(self) -> dict[str, float]:
        """All samples of our series, by name and labels as they stand there."""
        return {key.decode(): float(value) for key, value in _SAMPLE.findall(self.body)}


def request(path: str = "/metrics", *, accept: str = "text/plain", encoding: str = "", method: str = "GET") -> bytes:
    """Return a request after whose answer the connection is closed."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nAccept-Encoding: {encoding}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


async def ask(port: int, data: bytes, *, within: float = 30) -> Answer:
    """Send `data` on a connection of its own and read until the server closes it; TimeoutError if it does not."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection(HOST, port)
        sent = time.monotonic()
        received = b""
        try:
            writer.write(data)
            while block := await reader.read(1 << 18):
                received += block
        except ConnectionError:
            pass  # refused before all was sent: what came before counts
        finally:
            writer.transport.abort()
    return _answer(sent, received)


def _answer(sent: float, received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(sent, time.monotonic(), int(first.split()[1]) if first else 0, headers, body)


async def scrapes(port: int, number: int, *, parallel: int) -> list[Answer]:
    """Scrape `number` times, `parallel` clients at once, in all formats, plain and gzip."""
    variants = cycle([request(accept=accept, encoding=encoding) for accept, encoding in ACCEPTS])
    waiting = [next(variants) for _ in range(number)]

    async def client() -> list[Answer]:
        answers = []
        while waiting:
            answers.append(await ask(port, waiting.pop()))
        return answers

    lists = await asyncio.gather(*(client() for _ in range(parallel)))
    return [answer for answers in lists for answer in answers]


async def steadily(port: int, interval: float, answers: list[Answer]) -> None:
    """Scrape every `interval` seconds, as Prometheus does, until cancelled; the answers go to `answers`."""
    while True:
        answers.append(await ask(port, request()))
        await asyncio.sleep(interval)


async def half_open(port: int, number: int, begun: bytes = b"") -> list[Connection]:
    """Return connections on which only `begun` was sent."""
    connections = await asyncio.gather(*(asyncio.open_connection(HOST, port) for _ in range(number)))
    for _, writer in connections:
        writer.write(begun)
    return connections


async def pile_up(port: int, begun: bytes, *, batches: int, number: int, interval: float) -> list[Connection]:
    """Return connections on which only `begun` was sent, `number` at once, `interval` seconds between the batches."""
    held: list[Connection] = []
    for _ in range(batches):
        held += await half_open(port, number, begun)
        await asyncio.sleep(interval)
    return held


async def trickle(connection: Connection, data: bytes, interval: float) -> float:
    """Send `data` byte by byte; return the seconds until the server closed the connection, or the answer ended."""
    reader, writer = connection
    began = time.monotonic()
    closed = asyncio.create_task(_to_end(reader))
    for number in range(len(data)):
        if closed.done():
            break
        writer.write(data[number : number + 1])
        await asyncio.sleep(interval)
    await closed
    writer.transport.abort()
    return time.monotonic() - began


async def closed_after(connections: Sequence[Connection]) -> float:
    """Return the seconds until the server has closed all of them."""
    began = time.monotonic()
    await asyncio.gather(*(_to_end(reader) for reader, _ in connections))
    drop(connections)
    return time.monotonic() - began


def drop(connections: Iterable[Connection]) -> None:
    """Close the connections from this side."""
    for _, writer in connections:
        writer.transport.abort()


async def _to_end(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(1 << 18):
            pass
    except ConnectionError:
        return


class Background:
    """Runs coroutines until the block ends; one that failed makes the end of the block fail."""

    def __init__(self, *coroutines: Coroutine[None, None, None]) -> None:
        self._coroutines = coroutines
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(one) for one in self._coroutines]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def delay(feed: Feed, answers: Sequence[Answer]) -> float:
    """Return the longest time in seconds after which a scrape, when sent, did not show a batch yet."""
    longest = 0.0
    for answer in answers:
        shown = round(answer.samples.get("api_gateway_bookings_validated_total", 0))
        if shown < len(feed.written):
            longest = max(longest, answer.sent - feed.written[shown])
    return longest


def faults(samples: Mapping[str, float]) -> list[str]:
    """Return what does not agree in one exposition: nothing, if it shows one committed snapshot of whole batches."""
    batches = samples["api_gateway_bookings_validated_total"]
    counters = {
        sample("api_gateway_" + name, labels): number * batches
        for name, labels, number in (
            ("duplicate_booking_rejections_total", {"layer": "layer1", "reason": "stale_booking"}, 2),
            ("duplicate_booking_incidents_total", {"layer": "layer1"}, 2),
            ("booking_age_seconds_bucket", {"status": "stale", "le": "60"}, 0),
            ("booking_age_seconds_bucket", {"status": "stale", "le": "120"}, 1),
            ("booking_age_seconds_bucket", {"status": "stale", "le": "86400"}, 1),
            ("booking_age_seconds_count", {"status": "stale"}, 1),
            ("booking_age_seconds_sum", {"status": "stale"}, _AGE),
            ("webhooks_received_total", {}, 1),
            ("webhook_events_total", {"outcome": "processed", "provider": "calcom"}, 1),
            ("appointments_created_total", {"source": "public"}, 1),
            ("log_records_total", {"level": "error"}, 2),
            ("log_records_total", {"level": "info"}, 4),
            ("log_records_total", {"level": "debug"}, 1),
        )
    }
    expected = counters | {
        'booking_exporter_malformed_fields_total{event="stale_booking"}': batches,
        "api_gateway_duplicate_prevention_rate": 0,  # the batches are of 2025
    }
    if not samples.get('api_gateway_log_records_total{level="warning"}'):
        expected['booking_exporter_read_bytes_total{log="app"}'] = PAGE * batches
    return [
        f"{key} is {samples.get(key)}, not {want}"
        for key, want in expected.items()
        if not isclose(samples.get(key, 0), want, rel_tol=1e-12)
    ]


def peak_kib(daemon: Daemon) -> int:
    """Return the peak of the daemon's resident memory in KiB."""
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as status:  # noqa: PTH123 - no Path at hand
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])
