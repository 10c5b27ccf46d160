"""From a collector to the body of `/metrics`: format by Accept, gzip by Accept-Encoding.

Formats: Prometheus text 0.0.4 and 1.0.0
(https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/), all as prometheus_client writes them.

The client's encoders escape every name character by character, which takes 3 to 7 ms for 400
samples. So they write each line once, with a placeholder, and a scrape only fills in the values.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from exporter.web.collector import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from exporter.web.collector import Family, SnapshotCollector
    from exporter.web.health import Moment

_PLACEHOLDER = float("nan")
_HEAD_LINES = 2

_FORMATS_KEPT = 4
"""Clients choose the version that they ask for, so the number of prepared formats has to be bounded."""

_GZIP_LEVEL = 1
"""The body is made of repetitions: level 9 saves little more and takes several times as long."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished body and the headers that describe it."""

    body: bytes
    headers: dict[str, str]


class Exposition:
    """Renders what `collector` shows. For one thread, the one that serves HTTP.

    `collector` may be replaced at any time by a plain assignment (after a reload of the
    configuration): each scrape uses the one that it found at its beginning.
    """

    def __init__(self, collector: SnapshotCollector, process: Collector | None = None) -> None:
        """Render `collector` and after it `process`, by default the `process_…` series of this process."""
        self.collector = collector
        self._process = ProcessCollector(registry=None) if process is None else process
        self._prepared_for = collector
        self._prepared: dict[str, list[_Template]] = {}

    def render(self, accept: str = "", accept_encoding: str = "") -> Rendered:
        """Return the present exposition for a client that sent these two headers.

        Whatever the collector raises is passed on; nothing is half rendered.
        """
        collector = self.collector
        encode, content_type = _encoder(accept)
        lines: list[str] = []
        moment = collector.moment()
        for template in self._templates(collector, encode, content_type):
            lines += template.lines(moment)
        # The encoder writes the rest, which ends with the format's end mark where it has one.
        body = "".join(f"{line}\n" for line in lines).encode() + encode(self._process)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if gzip_accepted(accept_encoding):
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Rendered(body, headers)

    def _templates(
        self, collector: SnapshotCollector, encode: Callable[[Collector], bytes], content_type: str
    ) -> list[_Template]:
        """Return the templates of `collector` for this format, made at its first use."""
        if self._prepared_for is not collector or len(self._prepared) > _FORMATS_KEPT:
            self._prepared_for = collector
            self._prepared = {}
        if content_type not in self._prepared:
            self._prepared[content_type] = [_Template(family, encode) for family in collector.families]
        return self._prepared[content_type]


class _Template:
    """One family in one format: its HELP and TYPE lines, and each sample's line up to the value."""

    def __init__(self, family: Family, encode: Callable[[Collector], bytes]) -> None:
        metric = family.metric([_PLACEHOLDER] * len(family.samples))
        written = encode(_Collected([metric])).decode().split("\n")
        self._family = family
        self._head = written[:_HEAD_LINES]
        self._starts = [line.removesuffix("NaN") for line in written[_HEAD_LINES:][: len(family.samples)]]

    def lines(self, moment: Moment) -> Iterator[str]:
        """Yield the lines of the family, none if it may not be shown or has no value."""
        if not self._family.shown(moment):
            return
        values = zip(self._starts, self._family.read(moment), strict=True)
        samples = [start + number(value) for start, value in values if value is not None]
        if samples:
            yield from self._head
            yield from samples


class _Collected(Collector):
    """Families in the form that prometheus_client's encoders take."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Choose the encoder for an Accept header; text 0.0.4 for one that cannot be understood."""
    try:
        return choose_encoder(accept)
    except TypeError:  # how prometheus_client 0.26 fails on a version that is no number
        return choose_encoder("")
