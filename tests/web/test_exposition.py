"""exporter.web.exposition: formats, compression and the cost of a scrape."""

from __future__ import annotations

import gzip
import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporter.catalogue import APP, BUILTIN, Catalogue
from exporter.model import HistogramValue
from exporter.web.collector import View
from exporter.web.exposition import Exposition
from tests.support.packages import need_program
from tests.support.snapshots import EVENTS, NOW, make_collector, make_health, make_snapshot

if TYPE_CHECKING:
    from exporter.model import Snapshot

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
TEXT_1 = "text/plain;version=1.0.0;escaping=allow-utf-8"
TEXT = "text/plain;version=0.0.4"
VALIDATED = (APP + "bookings_validated_total", ())


class OneCounter(Collector):
    """Stands for the process series, whose values change by themselves."""

    def collect(self) -> list[Metric]:
        return [CounterMetricFamily("process_cpu_seconds_total", "CPU.", value=1.5)]


class Failing(Collector):
    def collect(self) -> list[Metric]:
        raise OSError


def make_exposition(view: View, catalogue: Catalogue | None = None) -> Exposition:
    return Exposition(make_collector(view, catalogue), OneCounter())


def busy_view() -> View:
    """Return a view with values of all kinds, among them such as are written in a special way."""
    snapshot = make_snapshot(
        counters={VALIDATED: 12_345_678, (APP + "log_records_total", ("error",)): 2**53},
        histograms={(APP + "booking_age_seconds", ("stale",)): HistogramValue((1,) * 15, 0.1 + 0.2)},
        last_events={"stale_booking": NOW},
        state_lost=NOW,
    )
    return View(snapshot, make_health())


@pytest.mark.parametrize("accept", ["", TEXT, TEXT_1, OPENMETRICS, PROMETHEUS_3])
@pytest.mark.parametrize("snapshot", [busy_view().snapshot, make_snapshot(), make_snapshot(exposed=False)])
@pytest.mark.parametrize("logs", [("app",), ('a"b\\c\nd', "größe")])
def test_the_format_is_the_clients_own(accept: str, snapshot: Snapshot, logs: tuple[str, ...]) -> None:
    """What is filled in here is, byte by byte, what prometheus_client writes for the same families."""
    catalogue = Catalogue(BUILTIN, logs=logs, events=EVENTS)
    health = make_health(logs=dict.fromkeys(logs, make_health().logs["app"]), last_commit=None)
    view = View(snapshot, health)
    registry = CollectorRegistry()
    registry.register(make_collector(view, catalogue))
    registry.register(OneCounter())
    encode, content_type = choose_encoder(accept)

    rendered = make_exposition(view, catalogue).render(accept)

    assert rendered.body == encode(registry)
    assert rendered.headers["Content-Type"] == content_type


def test_the_strict_openmetrics_parser_accepts_it() -> None:
    """The OpenMetrics form is valid by prometheus_client's strict parser."""
    body = make_exposition(busy_view()).render(OPENMETRICS).body.decode()

    values = {one.name: one.value for family in parse_openmetrics(body) for one in family.samples}  # type: ignore[no-untyped-call]  # the library left it untyped

    assert values[VALIDATED[0]] == 12_345_678


def test_the_text_parser_accepts_it() -> None:
    """The text form is valid by prometheus_client's parser."""
    body = make_exposition(busy_view()).render(TEXT).body.decode()

    values = {one.name: one.value for family in parse_text(body) for one in family.samples}

    assert values[VALIDATED[0]] == 12_345_678


@pytest.mark.parametrize("exposed", [False, True])
def test_promtool_has_no_complaint(exposed: bool) -> None:  # noqa: FBT001 - pytest passes parameters by name
    """`promtool check metrics` finds nothing to say, before and after the history is counted."""
    promtool = need_program("promtool", "prometheus")
    view = View(make_snapshot(exposed=exposed, last_events={"stale_booking": NOW}, state_lost=NOW), make_health())
    body = Exposition(make_collector(view)).render().body

    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False, timeout=30)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_gzip_for_those_who_accept_it() -> None:
    """The body is compressed if the client says so, and the headers tell."""
    exposition = make_exposition(busy_view())
    plain, packed = exposition.render(), exposition.render(accept_encoding="deflate, gzip;q=1.0")

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=x",
        'text/plain;version="1.0.0"',
        "nonsense;;;=,,",
        "application/openmetrics-text;version=0.0.1",
    ],
)
def test_an_accept_header_that_nobody_understands(accept: str) -> None:
    """Any odd Accept header gets an exposition that it can hardly misread, never an error."""
    rendered = make_exposition(busy_view()).render(accept)

    assert rendered.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert f"{VALIDATED[0]} 1.2345678e+07".encode() in rendered.body


def test_prepared_formats_are_bounded() -> None:
    """A client that asks for ever new versions does not make the daemon grow."""
    exposition = make_exposition(busy_view())

    for minor in range(30):
        exposition.render(f"application/openmetrics-text;version=1.{minor}.0")

    assert len(exposition._prepared) <= 5


def test_new_values_show_in_a_prepared_format() -> None:
    """Only names and labels are prepared: each render shows the values of its moment."""
    view = busy_view()
    exposition = make_exposition(view)
    exposition.render(TEXT)

    view.snapshot = make_snapshot(counters={VALIDATED: 8})

    assert f"{VALIDATED[0]} 8.0\n".encode() in exposition.render(TEXT).body


def test_a_new_collector_is_used_at_once() -> None:
    """After a reload, which replaces the collector, its series are shown and the old ones are gone."""
    exposition = make_exposition(busy_view())
    before = exposition.render(TEXT).body

    exposition.collector = make_collector(busy_view(), Catalogue(BUILTIN, logs=("other",)))
    after = exposition.render(TEXT).body

    assert b'log="app"' in before
    assert b'log="other"' not in before
    assert b'log="app"' not in after
    assert b'log="other"' in after


def test_the_process_is_shown() -> None:
    """Memory, CPU time, file descriptors and start time of the process are part of the exposition."""
    body = Exposition(make_collector(busy_view())).render(TEXT).body

    for name in (b"resident_memory_bytes", b"cpu_seconds_total", b"open_fds", b"max_fds", b"start_time_seconds"):
        assert b"\nprocess_" + name + b" " in body


def test_a_failing_collector_gives_no_half_scrape() -> None:
    """What a collector raises is passed on; nothing is returned."""
    with pytest.raises(OSError, match=r"^$"):
        Exposition(make_collector(busy_view()), Failing()).render()
