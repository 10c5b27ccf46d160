"""One connection to `/metrics`, kept open and asked as Prometheus asks, and what is read off the answers."""

from __future__ import annotations

import gzip
import re
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Self

from exporter.catalogue import OWN
from tests.support.scrape import OPENMETRICS

if TYPE_CHECKING:
    from tests.support.scrape import Scrape

HEADERS = {"Accept": f"{OPENMETRICS},text/plain;version=0.0.4;q=0.5", "Accept-Encoding": "gzip"}
_BUCKET = re.compile(re.escape(OWN) + r'state_commit_seconds_bucket\{le="([^"]+)"\}')


class Page:
    """The metrics page of a daemon, as a context manager."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=10)

    def __enter__(self) -> Self:
        """Connect."""
        self._connection.connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, path: str = "/metrics") -> tuple[float, bytes]:
        """Return the seconds that one scrape (or another page) took, to its last byte, and the page."""
        begin = time.perf_counter()
        self._connection.request("GET", path, headers=HEADERS)
        answer = self._connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - begin
        assert answer.status == 200, body
        return seconds, gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body


def value(page: bytes, series: str) -> float:
    """Return the value of a series, written as on the page; 0 where it is absent."""
    start = page.find(b"\n" + series.encode() + b" ")
    return float(page[start + len(series) + 2 : page.index(b"\n", start + 1)]) if start >= 0 else 0.0


def commits(before: Scrape, after: Scrape) -> dict[float, float]:
    """Return the daemon's commits between two scrapes as cumulative buckets, upper bound in seconds to count."""
    return {
        float(found[1]): count - before[key]
        for key, count in after.samples.items()
        if (found := _BUCKET.fullmatch(key))
    }
