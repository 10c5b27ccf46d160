from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.catalogue import Catalogue, Label, Series
from exporter.ledger.series import Counters, Histograms
from exporter.model import HistogramValue

COUNT = Series("c_total", "counter", "A counter.", "log", (Label("log"),))
LATE = Series("late_total", "counter", "Absent before its first.", "log", zero=False)
TOOK = Series("took_seconds", "histogram", "A histogram.", "log", (Label("log"),), (1.0, 2.0))
RARE = Series("rare_seconds", "histogram", "Absent before its first.", "log", (), (1.0,), zero=False)


def declared(*logs: str, took: Series = TOOK) -> Catalogue:
    return Catalogue((COUNT, LATE, took, RARE), logs=logs)


def test_counters_exist_at_zero() -> None:
    """Every closed label set is shown at 0 from the start, except where the catalogue says otherwise."""
    counters = Counters(declared("a", "b"), {})
    assert counters.shown == {("c_total", ("a",)): 0.0, ("c_total", ("b",)): 0.0}


def test_counters_show_only_what_was_committed() -> None:
    """An amount appears after its commit, and not what was added while that commit ran."""
    counters = Counters(declared("a"), {})
    before = counters.shown
    counters.add(("c_total", ("a",)), 2)
    assert counters.changes() == {("c_total", ("a",)): 2.0}
    counters.add(("c_total", ("a",)), 5)
    counters.committed()
    assert counters.shown == {("c_total", ("a",)): 2.0}
    assert before == {("c_total", ("a",)): 0.0}
    assert counters.changes() == {("c_total", ("a",)): 7.0}


def test_counters_without_a_zero_appear_with_their_first() -> None:
    """A counter declared without a zero is absent until its first amount is committed."""
    counters = Counters(declared(), {})
    counters.add(("late_total", ()), 1)
    assert counters.shown == {}
    counters.changes()
    counters.committed()
    assert counters.shown == {("late_total", ()): 1.0}


def test_counters_reuse_what_did_not_change() -> None:
    """A commit without counters leaves the shown mapping as it is."""
    counters = Counters(declared("a"), {})
    shown = counters.shown
    counters.add(("c_total", ("a",)), 0)
    assert counters.changes() == {}
    counters.committed()
    assert counters.shown is shown


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_counters_never_fall(amount: float) -> None:
    """An amount that would lower or spoil a counter is refused."""
    with pytest.raises(ValueError, match="c_total"):
        Counters(declared("a"), {}).add(("c_total", ("a",)), amount)


def test_counters_refuse_undeclared_labels() -> None:
    """A label value outside the closed set is refused, and not told."""
    with pytest.raises(KeyError, match="c_total") as refused:
        Counters(declared("a"), {}).add(("c_total", ("secret",)), 1)
    assert "secret" not in str(refused.value)


def test_counters_keep_what_is_no_longer_declared() -> None:
    """The count of a removed log is kept, not shown, and continues when the log is back."""
    counters = Counters(declared("a"), {("c_total", ("gone",)): 3.0})
    assert ("c_total", ("gone",)) not in counters.shown
    assert counters.state()["c_total", ("gone",)] == 3.0
    counters.redeclare(declared("gone"))
    assert counters.shown == {("c_total", ("gone",)): 3.0}


def test_histograms_count_by_upper_bound() -> None:
    """A value belongs to the first bucket whose bound is not below it, and the last bucket takes the rest."""
    histograms = Histograms(declared("a"), {})
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histograms.observe(("took_seconds", ("a",)), [value])
    (observed,) = histograms.changes().values()
    assert (observed.buckets, observed.sum, observed.bounds, observed.count) == ((2, 2, 1), 14.0, (1.0, 2.0), 5)


def test_histograms_show_only_what_was_committed() -> None:
    """An observation appears after its commit, and not what came while that commit ran."""
    histograms = Histograms(declared("a"), {})
    histograms.observe(("took_seconds", ("a",)), [1.0])
    assert histograms.shown == {("took_seconds", ("a",)): HistogramValue((0, 0, 0), 0.0)}
    histograms.changes()
    histograms.observe(("took_seconds", ("a",)), [1.0])
    histograms.committed()
    assert histograms.shown == {("took_seconds", ("a",)): HistogramValue((1, 0, 0), 1.0)}
    shown = histograms.shown
    assert histograms.changes() == {("took_seconds", ("a",)): HistogramValue((2, 0, 0), 2.0)}
    histograms.committed()
    histograms.committed()
    assert histograms.shown != shown


def test_histograms_without_a_zero_appear_with_their_first() -> None:
    """A histogram declared without a zero is absent until its first observation is committed."""
    histograms = Histograms(declared(), {})
    histograms.observe(("rare_seconds", ()), [3.0])
    assert histograms.shown == {}
    histograms.changes()
    histograms.committed()
    assert histograms.shown == {("rare_seconds", ()): HistogramValue((0, 1), 3.0)}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_histograms_take_finite_values_only(value: float) -> None:
    """A value that would spoil the sum for good is refused."""
    with pytest.raises(ValueError, match="took_seconds"):
        Histograms(declared("a"), {}).observe(("took_seconds", ("a",)), [value])


def test_histograms_refuse_undeclared_labels() -> None:
    """A label value outside the closed set is refused, and not told."""
    with pytest.raises(KeyError, match="took_seconds") as refused:
        Histograms(declared("a"), {}).observe(("took_seconds", ("secret",)), [1.0])
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("bounds", "buckets"),
    [((1.0, 3.0), (1, 0, 0)), ((1.0,), (1, 0)), ((), (1, 0))],
    ids=["moved", "fewer", "unknown"],
)
def test_histograms_with_other_buckets_start_again(bounds: tuple[float, ...], buckets: tuple[int, ...]) -> None:
    """Counts made for other buckets are not read against these."""
    key = ("took_seconds", ("a",))
    histograms = Histograms(declared("a"), {key: HistogramValue(buckets, 0.5, bounds)})
    assert histograms.shown[key] == HistogramValue((0, 0, 0), 0.0)


def test_histograms_survive_a_new_catalogue() -> None:
    """What was observed and not committed is neither lost when a log goes nor when it comes back."""
    key = ("took_seconds", ("a",))
    histograms = Histograms(declared("a"), {key: HistogramValue((1, 0, 0), 0.5, (1.0, 2.0))})
    histograms.observe(key, [1.5])
    histograms.redeclare(declared("b"))
    assert key not in histograms.shown
    assert histograms.changes() == {key: HistogramValue((1, 1, 0), 2.0)}
    histograms.committed()
    histograms.redeclare(declared("a"))
    assert histograms.shown == {key: HistogramValue((1, 1, 0), 2.0)}
    assert histograms.state()[key] == HistogramValue((1, 1, 0), 2.0)


def test_buckets_that_come_back_find_their_counts() -> None:
    """Other buckets and back: what a reload shows is what a restart would show, and counting goes on from it."""
    key = ("took_seconds", ("a",))
    wider = declared("a", took=replace(TOOK, buckets=(1.0, 5.0)))
    histograms = Histograms(declared("a"), {})
    histograms.observe(key, [0.5] * 49)
    histograms.changes()
    histograms.committed()
    histograms.observe(key, [0.5])
    histograms.redeclare(wider)
    assert histograms.shown[key] == HistogramValue((0, 0, 0), 0.0)
    assert histograms.changes() == {key: HistogramValue((50, 0, 0), 25.0)}
    histograms.committed()
    histograms.redeclare(declared("a"))
    assert histograms.shown[key] == Histograms(declared("a"), histograms.state()).shown[key]
    for catalogue in (wider, declared("a")):
        histograms.redeclare(catalogue)
    assert histograms.shown[key] == HistogramValue((50, 0, 0), 25.0)
    histograms.observe(key, [1.5])
    histograms.changes()
    histograms.committed()
    assert histograms.shown[key] == HistogramValue((50, 1, 0), 26.5)


def test_buckets_that_come_back_after_others_counted_begin_again() -> None:
    """Once others have counted, committed or not, the earlier buckets begin at 0 for good."""
    key = ("took_seconds", ("a",))
    wider = declared("a", took=replace(TOOK, buckets=(1.0, 5.0)))
    histograms = Histograms(declared("a"), {key: HistogramValue((50, 0, 0), 25.0, (1.0, 2.0))})
    histograms.redeclare(wider)
    histograms.observe(key, [4.0])
    histograms.redeclare(declared("a"))
    assert histograms.shown[key] == HistogramValue((0, 0, 0), 0.0)
    assert histograms.changes() == {key: HistogramValue((0, 1, 0), 4.0)}
    histograms.observe(key, [0.5])
    histograms.redeclare(declared("a"))
    assert histograms.shown[key] == HistogramValue((0, 0, 0), 0.0)
    histograms.changes()
    histograms.committed()
    assert histograms.shown[key] == HistogramValue((1, 0, 0), 0.5)
