"""Reading `/metrics` as Prometheus does, in the text format and in OpenMetrics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.support.oracle import sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import Metric

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
RISING = ("counter", "histogram")
OURS = ("api_gateway_", "booking_exporter_")
_FAMILIES = re.compile(r"^(?=# HELP )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Scrape:
    """One exposition: all samples by their canonical name, and those that must never fall."""

    samples: Mapping[str, float]
    rising: Mapping[str, float]

    def __getitem__(self, key: str) -> float:
        """Return the value of a sample, 0 if it is absent."""
        return self.samples.get(key, 0)

    def get(self, name: str, **labels: str) -> float | None:
        """Return the value of a sample, None if it is absent."""
        return self.samples.get(sample(name, labels))

    def total(self, name: str) -> float:
        """Return the sum over all label sets of a sample name."""
        return sum(value for key, value in self.samples.items() if key == name or key.startswith(name + "{"))


def parse(text: str) -> Scrape:
    """Parse an exposition in either format; ValueError where it is not valid."""
    if text.rstrip().endswith("# EOF"):
        return _collect(parse_openmetrics(text))  # type: ignore[no-untyped-call]  # the library left it untyped
    families = [_family(one) for one in _FAMILIES.split(text)]
    return Scrape(
        {key: value for one in families for key, value in one.samples.items()},
        {key: value for one in families for key, value in one.rising.items()},
    )


@lru_cache(4096)
def _family(text: str) -> Scrape:
    """Parse one family; most are as they were a moment ago, and the parser takes 15 ms for all of an exposition."""
    return _collect(parse_text(text))


def _collect(families: Iterable[Metric]) -> Scrape:
    samples: dict[str, float] = {}
    rising: dict[str, float] = {}
    for family in families:
        for one in family.samples:
            key = sample(one.name, one.labels)
            samples[key] = one.value
            if family.type in RISING and one.name.startswith(OURS):
                rising[key] = one.value
    return Scrape(samples, rising)


def fetch(url: str, *, accept: str = "text/plain", timeout: float = 5) -> tuple[int, str]:
    """Return status and body of `url`; OSError where nobody answers, or not to the end."""
    request = Request(url, headers={"Accept": accept})  # noqa: S310 - a local address that the test made
    try:
        with urlopen(request, timeout=timeout) as response:  # noqa: S310 - as above
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except HTTPException as error:
        raise ConnectionError("the answer is not complete") from error
