"""The benchmarks measure what they say: same bytes for the same seed, equal counts, figures as documented."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from math import inf
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from exporter.events.definitions import load_events
from exporter.events.examples import run_examples
from exporter.events.source import read_sources
from tests.benchmarks import figures, mtail, process
from tests.benchmarks.__main__ import measure
from tests.benchmarks.compare import differing
from tests.benchmarks.figures import Findings, at_least, at_most, document, histogram_quantile, quantile, table
from tests.benchmarks.generate import KINDS, SHARES, Source, generate
from tests.benchmarks.growth import events_file
from tests.benchmarks.latency import latencies
from tests.benchmarks.page import commits, value
from tests.benchmarks.programs import timed
from tests.benchmarks.sizes import QUICK
from tests.benchmarks.writer import PROBES, SERIES, Plan, write
from tests.support.oneshot import exposition
from tests.support.packages import need_program
from tests.support.scrape import parse

if TYPE_CHECKING:
    from pathlib import Path

HALF = 500_000
"""Bytes of each of the four logs that are compared: 2 MB in all."""


@pytest.fixture(scope="module", params=[(kind, form) for kind in KINDS for form in ("line", "json")], ids="-".join)
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a small generated log of each kind and format, and its format."""
    kind, form = request.param
    path = tmp_path_factory.mktemp("log") / "laravel.log"
    generate(kind, HALF, path, form=form)
    return path, form


def test_exporter_and_mtail_count_the_same(log: tuple[Path, str], tmp_path: Path) -> None:
    """On generated logs of both kinds and formats, so that comparing their speed means something."""
    need_program("mtail", "mtail")
    path, form = log
    theirs = timed(mtail.one_shot(mtail.program(form, tmp_path), path)).output
    assert differing(exposition(path), theirs) == []


def test_generated_log_is_that_of_its_seed(tmp_path: Path) -> None:
    """The same seed gives the same bytes, another seed others; the size is the one asked for, within a record."""
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    assert generate("sparse", HALF, first) == generate("sparse", HALF, again)
    generate("sparse", HALF, other, seed=7)
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    assert HALF <= first.stat().st_size < HALF + 20_000


def test_differences_are_named() -> None:
    """A series that one program counted otherwise, or not at all, is a line; nothing counted is no agreement."""
    page = "# TYPE api_gateway_x_total counter\napi_gateway_x_total %d\n"
    assert differing(page % 3, page % 3) == []
    assert differing(page % 3, page % 4) == ["api_gateway_x_total: exporter 3, mtail 4"]
    assert differing(page % 3, "") == ["api_gateway_x_total: exporter 3, mtail 0"]
    assert differing("", "") == ["the exporter counted nothing"]


def test_json_holds_the_documented_keys() -> None:
    """The document has the keys that `tests/benchmarks/figures.py` documents, and no goal is met by itself."""
    findings = Findings()
    findings.memory("x", "after x", 70, 95)
    findings.runs("ratio", "ours to theirs", "x", [30, 20, 40], at_least(25))
    findings.samples("delay", "delay", "ms", [5, 1, 9, 2], 0.5, at_most(1.5))
    findings.commits("load", "under load", {0.005: 19, inf: 21}, 2)
    whole = json.loads(json.dumps(document(findings, "quick", 1, {"cores": 2})))
    named = figures.__doc__ or ""
    assert all(f"`{key}`" in named for key in (*whole, *whole["figures"][0]))
    met = {one["key"]: (one["value"], one["low"], one["high"], one["count"], one["met"]) for one in whole["figures"]}
    assert met == {
        "ratio": (30, 20, 40, 3, True),
        "delay": (2, 1, 9, 4, False),
        "commit.load.rate": (10, 10, 10, 1, True),
        "commit.load.p95": (5, 5, 5, 1, True),
        "memory.x.resident": (70, 70, 70, 1, None),
        "memory.x.peak": (95, 95, 95, 1, False),
    }
    assert table(findings.ordered()).count("MISSED") == 2


def test_quantiles() -> None:
    """The nearest rank of samples, and Prometheus's interpolation in buckets."""
    assert [quantile([4, 1, 3, 2], share) for share in (0.25, 0.5, 0.51, 0.99)] == [1, 2, 3, 4]
    assert histogram_quantile({1: 0, 2: 10, inf: 10}, 0.5) == 1.5
    assert histogram_quantile({1: 5, 2: 5, inf: 10}, 0.9) == 2
    assert histogram_quantile({1: 0, inf: 0}, 0.9) == 0


def test_commits_between_two_pages() -> None:
    """Buckets of the daemon's own histogram are subtracted bound by bound."""
    name = "booking_exporter_state_commit_seconds"
    page = f'# TYPE {name} histogram\n{name}_bucket{{le="0.5"}} %d\n{name}_bucket{{le="+Inf"}} %d\n{name}_sum 1\n'
    assert commits(parse(page % (1, 2)), parse(page % (4, 7))) == {0.5: 3, inf: 5}
    assert value((page % (4, 7)).encode(), f"{name}_sum") == 1
    assert value((page % (4, 7)).encode(), "absent") == 0


def test_latency_is_up_to_the_first_page_that_shows_the_event() -> None:
    """A page may show several at once; one that was never shown is an error, not a figure."""
    assert latencies([10, 11, 12], [(11.5, 2), (12.25, 3)]) == [1.5, 0.5, 0.25]
    with pytest.raises(ValueError, match="3 probes were written, 2 were shown"):
        latencies([10, 11, 12], [(11.5, 2)])


def test_writer_tells_when_each_probe_was_written(tmp_path: Path) -> None:
    """At the planned rate, in turn over the files; each kind of probe counts in the series that is watched for it."""
    moment = [100.0]

    def wait(seconds: float) -> None:
        moment[0] += seconds

    paths = [tmp_path / "laravel-0.log", tmp_path / "laravel-1.log"]
    files = [os.open(path, os.O_WRONLY | os.O_CREAT) for path in paths]
    times = write(files, Plan(100, 4, 10), clock=lambda: moment[0], wait=wait)
    for file in files:
        os.close(file)
    assert all(path.stat().st_size for path in paths)
    assert moment[0] == pytest.approx(103.99)
    page = exposition(*paths)
    for kind in PROBES:
        assert 10 < len(times[kind]) < 30
        assert times[kind] == sorted(times[kind])
        assert value(page.encode(), SERIES[kind]) == len(times[kind])
    assert parse(page).total("api_gateway_log_records_total") == 400


def test_probes_are_told_by_nothing_else() -> None:
    """The generated log counts in neither of the probes' series, so that the n-th count is the n-th probe."""
    source = Source(SHARES["dense"])
    records = b"".join(source.record() for _ in range(2000))
    assert b"Duplicate booking attempt blocked" not in records
    assert b"Could not acquire booking lock" not in records


def test_process_figures_are_the_kernels() -> None:
    """Processor time is that of all threads, ended ones too; the peak of memory is no lower than the present."""
    pid = os.getpid()
    busy = Thread(target=lambda: sum(range(1_000_000)))
    busy.start()
    busy.join()
    before, shown, after = time.process_time(), process.processor_seconds(pid), time.process_time()
    assert before <= shown <= after
    assert 10 < process.resident_mb(pid) <= process.peak_mb(pid)
    assert process.read_mb(pid) > 0


@pytest.mark.slow
def test_part_of_the_benchmark_runs(tmp_path: Path) -> None:
    """Measured on real processes: two restarts, one on a log of 50 GB of which next to nothing is read."""
    findings = Findings()
    measure(replace(QUICK, restarts=1), ["restart"], tmp_path, findings)
    found = {one.key: one.value for one in findings.figures}
    assert findings.differences == []
    assert found["restart.large"] > 0
    assert 0 < found["restart.large.read"] < 100
    assert list(tmp_path.iterdir()) == []


def test_generated_definitions_match_their_examples(tmp_path: Path) -> None:
    """Each of the definitions that are varied is valid and finds its own record."""
    path = tmp_path / "events.yaml"
    events_file(100, path)
    events = load_events(read_sources((path,), builtin=True))
    assert sum(one.name.startswith("generated_") for one in events.definitions) == 100
    assert run_examples(events) == []
