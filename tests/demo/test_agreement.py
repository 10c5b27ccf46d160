"""The shipped definitions count what the simulated app says that its records mean."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest

from exporter.catalogue import BUILTIN, Catalogue
from exporter.demo.simulate import simulate
from exporter.events.classify import classify
from exporter.events.definitions import EventSet, load_events
from exporter.events.source import read_sources
from exporter.ledger.ledger import Ledger
from exporter.records.parse import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.demo.stage import Written
    from exporter.model import LabelValues, Snapshot

START = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def events() -> EventSet:
    return load_events(read_sources((), builtin=True))


def counted(records: Iterable[Written], events: EventSet) -> dict[str, float]:
    """Return all samples about events that are not 0, as the definitions and the ledger count them."""
    catalogue = Catalogue(BUILTIN, logs=("app",), events=events.names)
    ledger = Ledger(catalogue, None, b"key")
    for one in records:
        record = parse(one.raw)
        assert record
        match = None if record.channel == "testing" else classify(events, record, None)
        if match:
            ledger.apply("app", one.time.timestamp(), match, one.time.timestamp())
    ledger.changes()
    ledger.committed()
    return dict(samples(catalogue, ledger.snapshot(state_lost=None, exposed=True)))


def samples(catalogue: Catalogue, snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    def name(family: str, labels: LabelValues, suffix: str = "") -> str:
        pairs = sorted(zip(catalogue[family].label_names, labels, strict=True))
        text = ",".join(f'{key}="{value}"' for key, value in pairs)
        return f"{family}{suffix}{{{text}}}" if text else family + suffix

    for (family, labels), value in snapshot.counters.items():
        if value:
            yield name(family, labels), value
    for (family, labels), histogram in snapshot.histograms.items():
        if histogram.count:
            yield name(family, labels, "_count"), histogram.count
            yield name(family, labels, "_sum"), histogram.sum


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_definitions_and_simulation_agree(events: EventSet, seed: int) -> None:
    """Over 10,000 records, every counter and histogram is what the simulation expects, and nothing else moves."""
    moments = (START + timedelta(seconds=number / 3) for number in range(1_000_000))
    records = list(islice(simulate(Random(seed), lambda: next(moments)), 10_000))
    expected: Counter[str] = Counter()
    for one in records:
        expected.update(one.counts)
    named = {name: value for name, value in expected.items() if "log_records_total" not in name}
    assert counted(records, events) == pytest.approx(named)
