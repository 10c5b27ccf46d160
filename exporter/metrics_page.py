"""METRICS.md, the reference of all series, made from the catalogue.

`python -m exporter.metrics_page` prints it. Pure but for that; a test compares it with the file.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from exporter.catalogue import APP, BUILTIN, PER_EVENT, PER_LOG, PER_STATUS, Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.catalogue import Label, Origin, Series

_HEAD = """\
# Metrics

Generated from the catalogue (`python -m exporter.metrics_page`); edit `exporter/catalogue.py`, not this file.

All series are served at `/metrics`, in the Prometheus text format or in OpenMetrics. Ages and
durations are in seconds, sizes in bytes, timestamps in Unix seconds. There are no `_created` series.

Label values are closed sets, listed below, so the number of series does not grow with what is logged.
Counters and histograms exist from the first exposition on, at 0 where nothing has happened yet; a
gauge is absent while its value is not known. Event definitions of your own can add series to these.

When a value changes:

- *commit*: with a commit to the state file, so that no value that was scraped is ever taken back,
  and a restart is invisible to `rate()` and `increase()`. Those about the app are hidden until the
  history found at a first start has been counted.
- *sample*: when the app's database is asked, where one is configured. Not kept over restarts. A gauge is
  absent until it is known, and again when its query has failed for longer than `database.stale_after`.
- *scrape*: computed when `/metrics` is read, so that a commit that is stuck shows.
"""

_APP_HEAD = "About the app"
_OWN_HEAD = "About the exporter"
_TABLE = "| Series | Type | Labels | Changes at | Meaning |\n| --- | --- | --- | --- | --- |"

_PROCESS = """\
## About the process

`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`,
`process_start_time_seconds`, `process_open_fds` and `process_max_fds`, as every Prometheus client
library names them.
"""

_CHANGES: dict[Origin, str] = {"log": "commit", "own": "commit", "health": "scrape", "database": "sample"}
_OPEN = {
    PER_LOG: "the configured name of a log",
    PER_EVENT: "the name of an event definition",
    PER_STATUS: "those of `database.statuses`, and `other`",
    "version": "the exporter's version",
}


def page(catalogue: Catalogue) -> str:
    """Return the text of METRICS.md, in Markdown, for the series of `catalogue` in declaration order.

    KeyError: a label without closed values that this page has no words for.
    """
    app = [series for series in catalogue if series.name.startswith(APP)]
    own = [series for series in catalogue if not series.name.startswith(APP)]
    return "\n".join([_HEAD, *_section(_APP_HEAD, app), *_section(_OWN_HEAD, own), _PROCESS])


def _section(title: str, series: Iterable[Series]) -> Iterator[str]:
    yield f"## {title}\n"
    yield _TABLE
    yield from map(_row, series)
    yield ""


def _row(series: Series) -> str:
    cells = (f"`{series.name}`", series.kind, _labels(series), _CHANGES[series.origin], _meaning(series))
    return f"| {' | '.join(cells)} |"


def _labels(series: Series) -> str:
    """Return the labels with their values; where only some combinations exist, exactly those."""
    if series.combinations is not None:
        names = " with ".join(f"`{name}`" for name in series.label_names)
        pairs = (" with ".join(f"`{value}`" for value in values) for values in series.combinations)
        return f"{names}: {', '.join(pairs)}"
    return "<br>".join(_label(label) for label in series.labels)


def _label(label: Label) -> str:
    return f"`{label.name}`: {_OPEN[label.name] if label.values is None else _values(label.values)}"


def _values(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _meaning(series: Series) -> str:
    if not series.buckets:
        return series.help
    return f"{series.help} Buckets: {', '.join(f'{bound:g}' for bound in series.buckets)}."


if __name__ == "__main__":
    sys.stdout.write(page(Catalogue(BUILTIN)))
