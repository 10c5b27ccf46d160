"""Counting in remembered ranges, against a table in memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from exporter.database.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

RECOUNT = 100.0


class Table:
    """Rows by id, and how many of them each count has looked at."""

    def __init__(self, rows: Mapping[int, str] | None = None) -> None:
        self.rows = dict(rows or {})
        self.looked: list[int] = []

    def newest(self) -> int | None:
        return max(self.rows, default=None)

    def boundary(self, after: int | None, rows: int) -> int | None:
        behind = sorted(one for one in self.rows if after is None or one > after)
        return behind[rows - 1] if len(behind) >= rows else None

    def count(self, after: int | None, upto: int) -> Mapping[str, int]:
        found = [group for one, group in self.rows.items() if (after is None or one > after) and one <= upto]
        self.looked.append(len(found))
        return Counter(found)

    def truth(self) -> dict[str, int]:
        return dict(Counter(self.rows.values()))


def always() -> bool:
    return True


def tally() -> Tally:
    return Tally(RECOUNT, rows=8, tail=3, most=16)


def test_first_count_in_slices() -> None:
    """While there is no time for more, nothing is shown, and what was counted is kept."""
    table, one = Table(dict.fromkeys(range(1, 101), "a")), tally()
    left = iter([True] * 5 + [False])
    assert one.refresh(table, 0, lambda: next(left)) is None
    assert one.ranges == 5
    table.looked.clear()
    assert one.refresh(table, 0, always) == {"a": 100}
    assert sum(table.looked) <= 60 + 8


def test_a_regular_count_looks_at_few_rows() -> None:
    """New rows count at once, and only they and some old ones are looked at."""
    table, one = Table(dict.fromkeys(range(1, 1001), "a")), tally()
    one.refresh(table, 0, always)
    for number in range(1001, 1101):
        table.rows[number] = "b"
        table.looked.clear()
        assert one.refresh(table, (number - 1000) * 0.5, always) == table.truth()
        assert max(table.looked) <= 1000 / 16 * 2 + 8
        assert len(table.looked) <= 3


def test_ranges_are_bounded() -> None:
    """Neighbours are joined where there would be too many ranges; counts stay right."""
    table, one = Table(), tally()
    for number in range(1, 400):
        table.rows[number] = "ab"[number % 2]
        assert one.refresh(table, 0, always) == table.truth()
        assert one.ranges <= 16


def test_sparse_ids() -> None:
    """Ids may be far apart."""
    table, one = Table({number * 10**12: "a" for number in range(1, 50)}), tally()
    assert one.refresh(table, 0, always) == {"a": 49}
    assert one.ranges <= 17


def test_updates_and_deletes_are_seen_within_the_recount() -> None:
    """Old rows that change are right again after `recount` seconds, whatever the pace of the calls."""
    for step in (0.3, 7.0, 60.0):
        table, one = Table(dict.fromkeys(range(1, 101), "a")), tally()
        one.refresh(table, 0, always)
        for number in range(1, 101, 3):
            table.rows[number] = "b"
        del table.rows[50]
        now = 0.0
        while now < RECOUNT + step:
            now += step
            one.refresh(table, now, always)
        assert one.refresh(table, now, always) == table.truth()


def test_ranges_that_had_no_time_are_made_up_for() -> None:
    """A call without time counts nothing anew; the next ones do."""
    table, one = Table(dict.fromkeys(range(1, 101), "a")), tally()
    one.refresh(table, 0, always)
    table.rows = dict.fromkeys(table.rows, "b")
    one.refresh(table, RECOUNT, lambda: False)
    assert one.refresh(table, RECOUNT + 1, always) == {"b": 100}


def test_emptied_table() -> None:
    """A table that was emptied counts nothing, and begins anew when ids come again."""
    table, one = Table(dict.fromkeys(range(1, 101), "a")), tally()
    one.refresh(table, 0, always)
    table.rows.clear()
    assert one.refresh(table, 1, always) == {}
    table.rows = {1: "b", 2: "b"}
    assert one.refresh(table, 2, always) == {"b": 2}


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("insert"), st.integers(1, 400), st.sampled_from("abc")),
            st.tuples(st.just("update"), st.integers(1, 400), st.sampled_from("abc")),
            st.tuples(st.just("delete"), st.integers(1, 400), st.just("")),
            st.tuples(st.just("wait"), st.integers(1, 40), st.just("")),
        ),
        max_size=120,
    )
)
def test_right_after_a_quiet_recount(actions: list[tuple[str, int, str]]) -> None:
    """Whatever happened, in whatever order of ids, the counts are the table's after one undisturbed recount."""
    table, one, now = Table(dict.fromkeys(range(1, 60), "a")), tally(), 0.0
    for action, number, group in actions:
        if action == "insert" or (action == "update" and number in table.rows):
            table.rows[number] = group
        elif action == "delete":
            table.rows.pop(number, None)
        else:
            now += number
            one.refresh(table, now, always)
    one.refresh(table, now, always)
    for _ in range(11):
        now += RECOUNT / 10
        one.refresh(table, now, always)
    assert one.refresh(table, now, always) == table.truth()
