"""From the latest snapshot and health to prometheus_client's metric families.

Every series, its help and its label values come from the catalogue, never from the snapshot: what
the catalogue does not declare cannot be exposed, and no text of a log record can become a label
value (guarantee G6). Closed label sets stand at 0 from the first exposition on.

No family has `_created` samples: the time at which a series began says nothing about the app.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import INF, floatToGoString

from exporter.catalogue import APP, OWN
from exporter.model import HistogramValue
from exporter.web.health import SOURCES, Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from exporter.catalogue import Catalogue, Series
    from exporter.model import DatabaseSnapshot, Health, LabelValues, Snapshot, WebHealth
    from exporter.web.health import Identity

_Labelled: TypeAlias = "list[tuple[LabelValues, dict[str, str]]]"

number: Callable[[float], str] = floatToGoString
"""How a value or a bucket's bound is written in every format."""


class View:
    """The one place where the loop leaves its latest results and every scrape finds them.

    The loop assigns a whole new `snapshot` or `health`, the database sampler a new `database`; all are
    immutable. A reader takes each reference once, so that it never sees a half-updated set, and nothing
    has to be locked.
    """

    __slots__ = ("database", "health", "snapshot")

    def __init__(self, snapshot: Snapshot, health: Health) -> None:
        """Start with these, and no database."""
        self.snapshot = snapshot
        self.health = health
        self.database: DatabaseSnapshot | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One series: name and labels of each sample that can exist, and how to read their values.

    `read` returns one value for each of `samples`, in the same order; None is a sample that is absent.
    """

    series: Series
    samples: tuple[tuple[str, dict[str, str]], ...]
    read: Callable[[Moment], Iterable[float | None]]

    def shown(self, moment: Moment) -> bool:
        """Tell whether the family may be shown: until the history is counted, nothing about the app (G3)."""
        if moment.snapshot.exposed or self.series.origin == "database":
            return True
        return not (self.series.origin == "log" or self.series.name.startswith(APP))

    def metric(self, values: Iterable[float | None]) -> Metric:
        """Return the family in prometheus_client's form, which appends a counter's `_total` by itself."""
        name = self.series.name.removesuffix("_total") if self.series.kind == "counter" else self.series.name
        metric = Metric(name, self.series.help, self.series.kind)
        for (sample, labels), value in zip(self.samples, values, strict=True):
            if value is not None:
                metric.samples.append(Sample(sample, labels, value))
        return metric


class SnapshotCollector(Collector):
    """A prometheus_client collector of all series in `catalogue`.

    `clock` gives Unix seconds, `web` how the web configuration is (None without one). Series of origin
    `log` and `own` show the view's snapshot, those of origin `health` what is true now. KeyError at
    construction: a gauge that has no source.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        view: View,
        clock: Callable[[], float],
        identity: Identity,
        web: Callable[[], WebHealth | None] = lambda: None,
    ) -> None:
        """Prepare all that stays the same from scrape to scrape: names, label sets and bucket bounds."""
        self.view = view
        self.catalogue = catalogue
        self.families = tuple(_family(one, _label_sets(catalogue, one, identity)) for one in catalogue)
        self._clock = clock
        self._identity = identity
        self._web = web

    def describe(self) -> list[Metric]:
        """Return every family without samples, as prometheus_client's registry wants it."""
        return [family.metric([None] * len(family.samples)) for family in self.families]

    def collect(self) -> Iterator[Metric]:
        """Yield the families that have a value: HELP and TYPE without a sample would only puzzle."""
        moment = self.moment()
        for family in self.families:
            if family.shown(moment):
                metric = family.metric(family.read(moment))
                if metric.samples:
                    yield metric

    def moment(self) -> Moment:
        """Take what one scrape shows."""
        view = self.view
        return Moment(view.snapshot, view.health, self._identity, self._clock(), view.database, self._web())


def _label_sets(catalogue: Catalogue, series: Series, identity: Identity) -> tuple[LabelValues, ...]:
    """Return the label sets of `series`; the version is the one value that only the running program knows."""
    if series.name == OWN + "build_info":
        return ((identity.version,),)
    return catalogue.label_sets(series)


def _family(series: Series, label_sets: Iterable[LabelValues]) -> Family:
    labelled = [(values, dict(zip(series.label_names, values, strict=True))) for values in label_sets]
    match series.kind:
        case "counter" if series.origin == "database":
            return _gauge(series, labelled)
        case "counter":
            return _counter(series, labelled)
        case "histogram":
            return _histogram(series, labelled)
        case "gauge":
            return _gauge(series, labelled)


def _counter(series: Series, labelled: _Labelled) -> Family:
    keys = [(series.name, values) for values, _ in labelled]
    missing = 0.0 if series.zero else None

    def read(moment: Moment) -> list[float | None]:
        return [moment.snapshot.counters.get(key, missing) for key in keys]

    return Family(series, tuple((series.name, labels) for _, labels in labelled), read)


def _gauge(series: Series, labelled: _Labelled) -> Family:
    source = SOURCES[series.name]

    def read(moment: Moment) -> list[float | None]:
        return [source(moment, values) for values, _ in labelled]

    return Family(series, tuple((series.name, labels) for _, labels in labelled), read)


def _histogram(series: Series, labelled: _Labelled) -> Family:
    bounds = [number(bound) for bound in (*series.buckets, INF)]
    empty = HistogramValue((0,) * len(bounds), 0.0)
    keys = [(series.name, values) for values, _ in labelled]
    samples: list[tuple[str, dict[str, str]]] = []
    for _, labels in labelled:
        samples += [(series.name + "_bucket", {**labels, "le": bound}) for bound in bounds]
        samples += [(series.name + "_count", labels), (series.name + "_sum", labels)]

    def read(moment: Moment) -> Iterator[float]:
        for key in keys:
            value = moment.snapshot.histograms.get(key, empty)
            yield from accumulate(value.buckets)
            yield value.count
            yield value.sum

    return Family(series, tuple(samples), read)
