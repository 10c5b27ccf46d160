"""PromQL for panels: selectors that use the dashboard's variables, and the shapes that recur.

Fleet values come from series with an instance (aggregated here) or from recorded ones, which have
only job and environment (rules/recording.yml) and therefore are those of the fleets that the
chosen servers belong to. Limits are those of rules/thresholds.yml, so that a site edits one file.
"""

from __future__ import annotations

from dataclasses import dataclass

FLEET = 'job=~"$job", environment=~"$environment"'
SERVERS = f'{FLEET}, instance=~"$instance"'
RATE = "$__rate_interval"
CRITICAL = 'severity="critical"'
WARNING = 'severity="warning"'
OWN = 'component="booking-exporter"'


@dataclass(frozen=True, slots=True)
class Query:
    """One target of a panel: PromQL and the legend of its series."""

    expr: str
    legend: str = ""


def series(name: str, matchers: str = "") -> str:
    """Return the selector of a scraped series on the chosen servers."""
    return f"{name}{{{SERVERS}{', ' * bool(matchers)}{matchers}}}"


def fleet(name: str, matchers: str = "") -> str:
    """Return a recorded series of the fleets that the chosen servers belong to."""
    return f"({name}{{{FLEET}{', ' * bool(matchers)}{matchers}}} and on (job, environment) {series('up')})"


def limit(name: str) -> str:
    """Return one limit of rules/thresholds.yml."""
    return f"(max(booking:threshold:{name}) and on () {series('up')})"


def firing(matchers: str = "") -> str:
    """Return the firing alerts about the chosen servers, or about what has no such label."""
    chosen = 'job=~"$job|", environment=~"$environment|", instance=~"$instance|"'
    return f'ALERTS{{alertstate="firing", component=~"booking.*", {chosen}{", " * bool(matchers)}{matchers}}}'


def increase(name: str, *, by: str = "", matchers: str = "", window: str = RATE) -> str:
    """Return how often something happened in `window`, as a whole number, per value of the labels `by`."""
    return f"round({_sum(by)} (increase({series(name, matchers)}[{window}])))"


def rate(name: str, *, by: str = "", matchers: str = "") -> str:
    """Return how often something happens per second, per value of the labels `by`."""
    return f"{_sum(by)} (rate({series(name, matchers)}[{RATE}]))"


def quantile(share: float, name: str, *, by: str = "", matchers: str = "", window: str = RATE) -> str:
    """Return a quantile of a histogram, per value of the labels `by`."""
    buckets = f"increase({series(name + '_bucket', matchers)}[{window}])"
    return f"histogram_quantile({share}, sum by ({', '.join(filter(None, (by, 'le')))}) ({buckets}))"


def heat(name: str, matchers: str = "") -> str:
    """Return how many observations fell into each bucket of a histogram."""
    return f"sum by (le) (increase({series(name + '_bucket', matchers)}[{RATE}]))"


def gauge(name: str, *, by: str = "", matchers: str = "", window: str = "5m") -> str:
    """Return the largest value of a gauge: several samplers and a missed scrape change nothing."""
    return f"max{_by(by)} (max_over_time({series(name, matchers)}[{window}]))"


def top(expr: str) -> str:
    """Return the ten largest series: what a fleet of hundreds can show per server."""
    return f"topk(10, {expr})"


def _sum(by: str) -> str:
    return f"sum{_by(by)}"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
