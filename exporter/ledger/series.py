"""Counters and histograms, each as it is now and as it was last committed.

All closed label sets of the catalogue exist at 0 from the start. What the state holds beyond the
catalogue (a metric or a log that the configuration no longer names) is kept as it is and not
shown, so that it continues where it stood should it be declared again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from math import isfinite
from typing import TYPE_CHECKING, Generic, TypeVar

from exporter.ledger.changed import Changed
from exporter.model import HistogramValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.catalogue import Catalogue
    from exporter.model import SeriesKey

Value = TypeVar("Value")


class _Committed(ABC, Generic[Value]):
    """What of the series is committed, and what has changed since."""

    def __init__(self, state: Mapping[SeriesKey, Value]) -> None:
        self._committed = dict(state)
        self._changed: Changed[SeriesKey] = Changed()
        self._handed: dict[SeriesKey, Value] = {}
        self._shown: Mapping[SeriesKey, Value] = {}

    def committed(self) -> None:
        """Show what the last `changes` returned."""
        self._changed.settle()
        if self._handed:
            self._committed.update(self._handed)
            self._handed = {}
            self._show()

    @property
    def shown(self) -> Mapping[SeriesKey, Value]:
        """The declared series as last committed; a mapping that never changes."""
        return self._shown

    @abstractmethod
    def _show(self) -> None:
        """Make `shown` anew."""


class Counters(_Committed[float]):
    """All counters, as floats."""

    def __init__(self, catalogue: Catalogue, state: Mapping[SeriesKey, float]) -> None:
        """Continue from `state`, with every declared counter at 0 where the state has none."""
        super().__init__(state)
        self._values = dict(state)
        self.redeclare(catalogue)

    def redeclare(self, catalogue: Catalogue) -> None:
        """Take a new catalogue; the values stay."""
        self._declared = {
            (one.name, labels): one.zero
            for one in catalogue
            if one.kind == "counter"
            for labels in catalogue.label_sets(one)
        }
        self._show()

    def add(self, key: SeriesKey, amount: float) -> None:
        """Add `amount`, at least 0. KeyError where the series is not declared, ValueError below 0 or for NaN."""
        if key not in self._declared:
            raise KeyError(f"undeclared counter or label values: {key[0]}")
        if not 0 <= amount < float("inf"):
            raise ValueError(f"a counter cannot take this amount: {key[0]}")
        if amount:
            self._values[key] = self._values.get(key, 0.0) + amount
            self._changed.touch(key)

    def changes(self) -> dict[SeriesKey, float]:
        """Return the present values of all that changed since the last `committed`."""
        self._handed = {key: self._values[key] for key in self._changed.hand_out(self._values)}
        return self._handed

    def state(self) -> dict[SeriesKey, float]:
        """Return all present values, those no longer declared as well."""
        return dict(self._values)

    def _show(self) -> None:
        held = self._committed
        self._shown = {key: held.get(key, 0.0) for key, zero in self._declared.items() if zero or key in held}


class Histograms(_Committed[HistogramValue]):
    """All histograms."""

    def __init__(self, catalogue: Catalogue, state: Mapping[SeriesKey, HistogramValue]) -> None:
        """Continue from `state`, with every declared histogram at 0 where the state has none.

        A histogram whose buckets were changed starts again at 0: its counts fit no other buckets. They stay
        in the state until the first observation, so that they are there should the buckets come back.
        """
        super().__init__(state)
        self._state = dict(state)
        self._anew: set[SeriesKey] = set()
        """Those at 0 in place of what the state holds for other buckets, with nothing observed yet."""
        self._buckets: dict[SeriesKey, list[int]] = {}
        self._sums: dict[SeriesKey, float] = {}
        self.redeclare(catalogue)

    def redeclare(self, catalogue: Catalogue) -> None:
        """Take a new catalogue; the values stay where the buckets do, and all is as after a restart with it."""
        self._state = self.state()
        self._bounds = {
            (one.name, labels): one.buckets
            for one in catalogue
            if one.kind == "histogram"
            for labels in catalogue.label_sets(one)
        }
        self._zero = {key: catalogue[key[0]].zero for key in self._bounds}
        self._buckets = {}
        self._sums = {}
        self._anew = set()
        for key, bounds in self._bounds.items():
            value = self._fitting(self._state, key, bounds)
            if value is not self._state.get(key, value):
                self._anew.add(key)
                if self._fitting(self._committed, key, bounds) is self._committed.get(key):
                    # Superseded by what is to be committed next, which these buckets do not fit.
                    del self._committed[key]
            self._buckets[key] = list(value.buckets)
            self._sums[key] = value.sum
        self._show()

    def observe(self, key: SeriesKey, values: Sequence[float]) -> None:
        """Count `values` in order. KeyError where the series is not declared, ValueError where one is not finite."""
        bounds = self._bounds.get(key)
        if bounds is None:
            raise KeyError(f"undeclared histogram or label values: {key[0]}")
        if not all(map(isfinite, values)):
            raise ValueError(f"a histogram cannot take this value: {key[0]}")
        buckets, total = self._buckets[key], self._sums[key]
        for value in values:
            buckets[bisect_left(bounds, value)] += 1
            total += value
        self._sums[key] = total
        self._anew.discard(key)
        self._changed.touch(key)

    def changes(self) -> dict[SeriesKey, HistogramValue]:
        """Return the present values of all that changed since the last `committed`."""
        keys = self._changed.hand_out(self._state.keys() | self._buckets.keys())
        self._handed = {key: self._value(key) if self._counts(key) else self._state[key] for key in keys}
        return self._handed

    def state(self) -> dict[SeriesKey, HistogramValue]:
        """Return all present values, those no longer declared as well."""
        return self._state | {key: self._value(key) for key in self._buckets if self._counts(key)}

    def _counts(self, key: SeriesKey) -> bool:
        return key in self._buckets and key not in self._anew

    def _value(self, key: SeriesKey) -> HistogramValue:
        return HistogramValue(tuple(self._buckets[key]), self._sums[key], self._bounds[key])

    def _show(self) -> None:
        self._shown = {
            key: self._fitting(self._committed, key, bounds)
            for key, bounds in self._bounds.items()
            if self._zero[key] or key in self._committed
        }

    @staticmethod
    def _fitting(held: Mapping[SeriesKey, HistogramValue], key: SeriesKey, bounds: tuple[float, ...]) -> HistogramValue:
        value = held.get(key)
        # Without bounds of its own a value is known to fit by its length alone.
        if value is None or (value.bounds or bounds) != bounds or len(value.buckets) != len(bounds) + 1:
            return HistogramValue((0,) * (len(bounds) + 1), 0.0, bounds)
        return value
