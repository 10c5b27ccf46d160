"""What a fleet of exporters costs Prometheus, computed from the page of one of them.

python3 deploy/sizing.py http://127.0.0.1:10877/metrics [--interval 15] [--hosts 10 1000 10000]

Prints a table in Markdown. It needs nothing but Python. Sources of the constants:

- one sample takes 1 to 2 bytes on disk: https://prometheus.io/docs/prometheus/latest/storage/
- a series in memory takes about 3 kB, with its samples: https://www.robustperception.io/why-does-prometheus-use-so-much-ram
- Prometheus adds five series to each target: https://prometheus.io/docs/concepts/jobs_instances/
"""

from __future__ import annotations

import argparse
import gzip
import sys
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ADDED = 5
SAMPLE_BYTES = (1.3, 2.0)
SERIES_BYTES = 3000
DAY = 86400
HOSTS = (10, 1000, 10000)


@dataclass(frozen=True, slots=True)
class Page:
    """One exposition: how many samples it holds, and how many bytes it takes as it is and compressed."""

    samples: int
    plain: int
    compressed: int


def measured(text: bytes) -> Page:
    """Measure an exposition in the text format, uncompressed."""
    samples = sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))
    return Page(samples, len(text), len(gzip.compress(text, 6)))


def row(page: Page, hosts: int, interval: float) -> str:
    """Return the row of the table for so many hosts, scraped every `interval` seconds."""
    series = hosts * (page.samples + ADDED)
    rate = series / interval
    traffic = hosts * page.compressed * 8 / interval
    disk = " to ".join(_size(rate * DAY * one) for one in SAMPLE_BYTES)
    cells = (f"{hosts:,}", f"{series:,}", f"{rate:,.0f}", _bits(traffic), disk, _size(series * SERIES_BYTES))
    return f"| {' | '.join(cells)} |"


def table(page: Page, hosts: Iterable[int] = HOSTS, interval: float = 15) -> str:
    """Return the whole table."""
    head = "| hosts | series | samples/s | scrape traffic | disk per day | memory for series |"
    return "\n".join([head, "|---:" * 6 + "|", *(row(page, one, interval) for one in hosts)])


def _size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004  # SI prefixes
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def _bits(amount: float) -> str:
    return _size(amount).replace("B", "bit/s")


def main(arguments: Sequence[str]) -> int:
    """Fetch the page, print its figures and the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--interval", type=float, default=15, metavar="SECONDS")
    parser.add_argument("--hosts", type=int, nargs="+", default=HOSTS)
    given = parser.parse_args(arguments)
    if not given.url.startswith(("http://", "https://")):
        parser.error("the address begins with http:// or https://")
    with urllib.request.urlopen(given.url, timeout=10) as response:  # noqa: S310  # checked above
        page = measured(response.read())
    sys.stdout.write(
        f"{page.samples} series per host; a page of {page.plain:,} bytes, {page.compressed:,} compressed\n\n"
        f"{table(page, given.hosts, given.interval)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
