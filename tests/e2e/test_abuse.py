"""The HTTP side under abuse: whatever clients do, logs are followed in time and a scrape shows one snapshot."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support import abuse
from tests.support.abuse import FOLLOWED_WITHIN, LIMIT_KIB, Background, Feed
from tests.support.daemon import Daemon
from tests.support.scrape import parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.support.abuse import Answer

HEAD = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
CONFLICTS = 'api_gateway_booking_conflicts_total{kind="slot_lock"}'
HUGE = {
    "one header": HEAD + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
    "many headers": HEAD + b"X: y\r\n" * 100_000 + b"\r\n",
    "path": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no request": b"A" * 1_000_000,
    "binary": b"\x16\x03\x01" + bytes(500_000),
}
ODD = [
    (abuse.request("/metrics/"), {404}),
    (abuse.request("/%00%ff/../../etc/passwd"), {404}),
    (abuse.request("//metrics"), {404}),
    (abuse.request("http://elsewhere/metrics"), {404}),
    (abuse.request("*", method="OPTIONS"), {404}),
    (abuse.request("/" + "%41" * 4000), {404}),
    (abuse.request("/metrics?" + "x=%F0%9F&" * 1000), {200}),
    (abuse.request("/metrics?name[]=a&collect[]=b"), {200}),
    (abuse.request(method="HEAD"), {200}),
    (abuse.request(method="POST"), {405}),
    (abuse.request(method="BREW"), {405}),
    (abuse.request(method="CONNECT"), {405}),
    (abuse.request(accept="application/openmetrics-text;version=x.y;q=nan,*/*;q=9e999"), {200}),
    (abuse.request(accept=",;=" * 4000), {200}),
    (abuse.request(encoding="gzip;q=0, identity;q=zzz"), {200}),
    (b"GET /metrics HTTP/1.0\r\n\r\n", {200}),
    (b"GET /metrics HTTP/0.9\r\n\r\n", {200, 400}),
    (b"GET /metrics HTTP/1.1\r\n\r\n", {400}),
    (HEAD + b"Upgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n", {200}),
    (HEAD + b"Expect: 100-continue\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n", {200}),
    (HEAD + b"Content-Length: -1\r\n\r\n", {400}),
    (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nfffffffff\r\n", {200}),
    (HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n", {400, 501}),
    (HEAD + b"Bad Header\r\n\r\n", {400}),
    (HEAD + b"X: a\r\n b\r\nConnection: close\r\n\r\n", {200}),
    (HEAD + b"X: \x00\r\n\r\n", {400}),
]
"""Requests, and the statuses that may answer them."""


@pytest.fixture
def daemon(tmp_path: Path, logs: Path) -> Iterator[Daemon]:
    """Return a daemon that follows `logs`, ready."""
    with Daemon(tmp_path / "daemon", "--log", f"{logs}/laravel*.log") as one:
        yield one


@pytest.fixture
def feed(logs: Path) -> Iterator[Feed]:
    """Return a writer of batches into `logs`."""
    with Feed(logs / "laravel.log") as one:
        yield one


def storm(daemon: Daemon, feed: Feed, abusers: Callable[[], Awaitable[list[Answer]]]) -> list[Answer]:
    """Let `abusers` loose while batches are written and scraped; return the answers, all those to Prometheus too.

    What must hold whatever happens is asserted here: nothing is delayed, half-updated, logged or held in memory.
    """
    steady: list[Answer] = []

    async def everything() -> list[Answer]:
        async with Background(feed.run(0.05), abuse.steadily(daemon.port, 0.02, steady)):
            return await abusers()

    answers = asyncio.run(everything())
    scraped = [*steady, *(answer for answer in answers if b"# TYPE" in answer.body)]
    shown = [answer.samples for answer in scraped if answer.status == 200]
    assert [fault for samples in shown for fault in abuse.faults(samples)] == []
    assert Counter(answer.status for answer in steady).keys() == {200}
    assert abuse.delay(feed, scraped) < FOLLOWED_WITHIN
    assert abuse.peak_kib(daemon) < LIMIT_KIB
    assert "Traceback" not in daemon.stderr
    assert daemon.stderr.count("\n") == 1
    return answers


def test_500_parallel_scrapes(daemon: Daemon, feed: Feed) -> None:
    """500 scrapes at once are all answered, in all formats, while the log is followed without delay."""
    answers = storm(daemon, feed, lambda: abuse.scrapes(daemon.port, 500, parallel=500))

    assert Counter(answer.status for answer in answers) == {200: 500}
    assert len({answer.headers["content-type"] for answer in answers}) == 3
    for answer in answers[:8]:
        assert parse(answer.body.decode()).samples


def test_scrapes_show_one_snapshot(daemon: Daemon, feed: Feed) -> None:
    """In 4,000 scrapes by 40 clients beside a writer, the series of one record never disagree."""
    answers = storm(daemon, feed, lambda: abuse.scrapes(daemon.port, 4000, parallel=40))

    assert Counter(answer.status for answer in answers) == {200: 4000}
    seen = {answer.samples["api_gateway_bookings_validated_total"] for answer in answers}
    assert len(seen) > 20


@pytest.mark.slow
def test_slow_and_half_open_clients(daemon: Daemon, feed: Feed) -> None:
    """100 clients that send byte by byte and 100 that send no more are cut off after ten seconds, to no one's harm."""

    async def abusers() -> list[Answer]:
        slow = await abuse.half_open(daemon.port, 100)
        silent = await abuse.half_open(daemon.port, 50)
        begun = await abuse.half_open(daemon.port, 50, HEAD)
        seconds = await asyncio.gather(
            abuse.closed_after([*silent, *begun]),
            *(abuse.trickle(one, HEAD + b"X: " + b"y" * 1000, 0.1) for one in slow),
        )
        assert max(seconds) < 15
        return []

    assert storm(daemon, feed, abusers) == []


@pytest.mark.slow
def test_half_open_clients_lock_nobody_out(daemon: Daemon, feed: Feed) -> None:
    """More half-open connections than the server holds do not keep Prometheus out: the oldest give way."""

    async def abusers() -> list[Answer]:
        held = await abuse.pile_up(daemon.port, HEAD, batches=15, number=80, interval=0.3)
        answers = await abuse.scrapes(daemon.port, 100, parallel=10)
        abuse.drop(held)
        return answers

    assert Counter(answer.status for answer in storm(daemon, feed, abusers)) == {200: 100}


def test_answers_that_nobody_takes(daemon: Daemon, feed: Feed) -> None:
    """200 clients that ask for hundreds of scrapes at once and read none are held in bounded memory."""

    async def abusers() -> list[Answer]:
        held = await abuse.half_open(daemon.port, 200, (HEAD + b"\r\n") * 400)
        answers = await abuse.scrapes(daemon.port, 200, parallel=4)
        abuse.drop(held)
        return answers

    assert Counter(answer.status for answer in storm(daemon, feed, abusers)) == {200: 200}


def test_huge_requests(daemon: Daemon, feed: Feed) -> None:
    """Headers beyond 16 KiB are refused, in whatever form, and the connection is closed; 50 of each take no memory."""

    async def abusers() -> list[Answer]:
        return await asyncio.gather(*(abuse.ask(daemon.port, data) for data in HUGE.values() for _ in range(50)))

    assert Counter(answer.status for answer in storm(daemon, feed, abusers)).keys() <= {0, 400, 431}


def test_odd_requests(daemon: Daemon, feed: Feed) -> None:
    """Odd paths, methods and headers get a plain status, and the connection is closed."""

    async def abusers() -> list[Answer]:
        return [await abuse.ask(daemon.port, data) for data, _ in ODD]

    answers = storm(daemon, feed, abusers)
    wrong = {
        data[:200]: answer.status
        for (data, statuses), answer in zip(ODD, answers, strict=True)
        if answer.status not in statuses
    }
    assert wrong == {}


@pytest.mark.slow
def test_scrapes_during_a_long_catch_up(daemon: Daemon, feed: Feed, logs: Path, tmp_path: Path) -> None:
    """While four million events that appeared at once are read, live records of another file are counted in time."""
    record = b"[2025-10-06 18:22:12] production.WARNING: [SLOT_LOCK] Lock conflict {}\n"
    number = 400
    backlog = tmp_path / "backlog"
    with backlog.open("wb") as file:
        for _ in range(number):
            file.write(record * 10_000)

    async def abusers() -> list[Answer]:
        answers: list[Answer] = []
        backlog.rename(logs / "laravel-backlog.log")
        while not answers or answers[-1].samples[CONFLICTS] < 10_000 * number:
            answers += await abuse.scrapes(daemon.port, 50, parallel=5)
        return answers

    values = [answer.samples[CONFLICTS] for answer in storm(daemon, feed, abusers)]
    assert len(set(values)) > 5
    assert max(values) == 10_000 * number
