"""The state file, damaged in any way: a `StateError`, a state set aside, or one that once was committed.

SQLite checks its structure and the frames of its WAL, not the values in its pages: a bit that
flips inside a stored number is not noticed. So byte by byte nothing worse than a `StateError` is
promised; of faults that disks do have (a file cut short, blocks lost, zeroed or of an earlier
time, any damage to the WAL) it is promised, too, that no count is higher than what was committed.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.checkpoint.store import EXPOSED, StateError, Store
from exporter.records.block import Ending
from exporter.records.carry import Carry
from tests.support.cutting import HEADER, Reader
from tests.support.effort import examples
from tests.support.states import FILE, SOMETHING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.checkpoint.rows import Loaded

NOW: Final = 1_760_000_000.0
COMMITS: Final = 12
KEY: Final = ("c_total", ())
BLOCK: Final = 512
SIDES: Final = ("", "-wal")
QUICK: Final = settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@dataclass(repr=False)
class Fuzzed:
    """A state as a killed daemon leaves it, its main file and its WAL both in use, and a place for damaged copies.

    `old` is the main file before the last commits, `new` after them; `wal` holds the rest.
    """

    old: bytes
    new: bytes
    wal: bytes
    path: Path

    def __repr__(self) -> str:
        return "the state"

    def open(self, main: bytes, wal: bytes) -> Loaded | None:
        """Open a state of these bytes; None where that is a StateError. A loss must be complete and loud."""
        shutil.rmtree(self.path.parent, ignore_errors=True)
        self.path.parent.mkdir()
        self.path.write_bytes(main)
        if wal:
            self.path.with_name(self.path.name + "-wal").write_bytes(wal)
        try:
            Store.read(self.path)
        except StateError as error:
            told = error.messages
        else:
            told = ("nothing is wrong",)
        aside = None
        try:
            with Store.open(self.path, now=NOW, mountinfo="") as store:
                loaded = store.load()
                aside = store.set_aside
        except StateError as error:
            loaded = None
            told += error.messages
        assert all(told)
        if loaded is not None and loaded.lost:
            assert (loaded.ledger, loaded.files, loaded.start_at_end) == (None, (), True)
            assert loaded.state_lost == NOW
            assert aside is not None
            assert aside.exists()
        return loaded


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Return a state of several commits, none of them folded back at the end."""
    folder = tmp_path_factory.mktemp("state")
    path = folder / "state.sqlite"
    store = Store.open(path, now=NOW, mountinfo="")
    olds = []
    for number in range(1, COMMITS + 1):
        counters = {**SOMETHING.counters, KEY: float(number)}
        row = replace(FILE, position=number, record_start=0, record="")
        store.commit(replace(SOMETHING, counters=counters), [row], [], {EXPOSED: "1"}, ["app"])
        if number in {COMMITS // 3, 2 * COMMITS // 3}:
            store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            olds.append(path.read_bytes())
    wal = path.with_name(path.name + "-wal").read_bytes()
    yield Fuzzed(olds[0], olds[1], wal, folder / "copy" / "state.sqlite")
    store.close()


def counted(loaded: Loaded | None) -> float:
    """Return the count that a state shows: 0 if there is none."""
    return 0 if loaded is None or loaded.ledger is None else loaded.ledger.counters.get(KEY, 0)


def place(loaded: Loaded | None) -> int:
    return 0 if loaded is None or not loaded.files else loaded.files[0].position


@st.composite
def flips(draw: st.DrawFn) -> list[tuple[float, int]]:
    """Draw places, as parts of the whole, and bits to flip there."""
    return draw(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8))


def flipped(data: bytes, changes: list[tuple[float, int]]) -> bytes:
    copy = bytearray(data)
    for part, bits in changes:
        copy[int(part * len(copy))] ^= bits
    return bytes(copy)


def test_whole_state(fuzzed: Fuzzed) -> None:
    """The undamaged state shows all commits."""
    assert (counted(fuzzed.open(fuzzed.new, fuzzed.wal)), place(fuzzed.open(fuzzed.new, fuzzed.wal))) == (12, 12)
    assert counted(fuzzed.open(fuzzed.new, b"")) == 8
    assert counted(fuzzed.open(fuzzed.old, b"")) == 4


@QUICK
@given(flips(), flips() | st.none())
def test_flipped_bits(fuzzed: Fuzzed, main: list[tuple[float, int]], wal: list[tuple[float, int]] | None) -> None:
    """Bits flipped anywhere are a StateError, a loss, or a state that can be read."""
    loaded = fuzzed.open(flipped(fuzzed.new, main), fuzzed.wal if wal is None else flipped(fuzzed.wal, wal))
    assert loaded is None or loaded.lost or loaded.ledger is not None


@QUICK
@given(flips())
def test_flipped_bits_in_the_header(fuzzed: Fuzzed, changes: list[tuple[float, int]]) -> None:
    """Bits flipped among SQLite's own first bytes never give a higher count."""
    loaded = fuzzed.open(flipped(fuzzed.new[:100], changes) + fuzzed.new[100:], fuzzed.wal)
    assert counted(loaded) <= COMMITS


@QUICK
@given(flips())
def test_flipped_bits_in_the_wal(fuzzed: Fuzzed, changes: list[tuple[float, int]]) -> None:
    """A damaged WAL gives a state that was committed, count and position of the same commit."""
    loaded = fuzzed.open(fuzzed.new, flipped(fuzzed.wal, changes))
    assert 8 <= counted(loaded) <= COMMITS
    assert place(loaded) == counted(loaded)


@QUICK
@given(st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_cut_short(fuzzed: Fuzzed, main: int, wal: int) -> None:
    """Files cut short anywhere never give a higher count, nor a position beyond what was counted."""
    whole = main % 2 == 0
    cut_main = fuzzed.new if whole else fuzzed.new[: main % len(fuzzed.new)]
    loaded = fuzzed.open(cut_main, fuzzed.wal[: wal % (len(fuzzed.wal) + 1)])
    assert counted(loaded) <= COMMITS
    assert place(loaded) == counted(loaded)


@QUICK
@given(st.lists(st.integers(0, 1 << 20), min_size=1, max_size=6), st.sampled_from(["zero", "ones", "old", "other"]))
def test_lost_blocks(fuzzed: Fuzzed, blocks: list[int], how: str) -> None:
    """Blocks of the disk that were zeroed, erased, not written or written elsewhere never give a higher count."""
    data = bytearray(fuzzed.new)
    for block in blocks:
        at = block * BLOCK % len(data)
        other = (at + 4096) % len(data)
        put = {"zero": bytes(BLOCK), "ones": b"\xff" * BLOCK, "old": fuzzed.old[at : at + BLOCK]}
        data[at : at + BLOCK] = put.get(how, fuzzed.new[other : other + BLOCK])
    assert counted(fuzzed.open(bytes(data), fuzzed.wal)) <= COMMITS


@QUICK
@given(st.binary(max_size=4096), st.booleans())
def test_any_bytes(fuzzed: Fuzzed, data: bytes, headed: bool) -> None:  # noqa: FBT001  (drawn)
    """Any bytes, also behind the header of a state, are a StateError or a loss, or as good as no file."""
    loaded = fuzzed.open(fuzzed.new[:100] + data if headed else data, b"")
    assert counted(loaded) == 0


TEXTS: Final = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["[]", "[1e999]", "[NaN]", "[null]", '[["a"]]', "{}", "[" * 2000, "1", "inf", "9" * 5000, "٣", "-1"]
    ),
)
NUMBERS: Final = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.floats())
VALUES: Final = st.one_of(TEXTS, NUMBERS, st.binary(max_size=20))
COLUMNS: Final = {
    "meta": ["name", "value"],
    "counters": ["metric", "labels", "value"],
    "histograms": ["metric", "labels", "bounds", "buckets", "sum"],
    "last_events": ["event", "time"],
    "minutes": ["kind", "minute", "number"],
    "layer_minutes": ["layer", "minute", "number"],
    "incidents": ["hash", "first", "held"],
    "incident_pages": ["number", "entries"],
    "violation_pages": ["number", "entries"],
    "violations": ["number", "hash", "role", "time"],
    "logs": ["name"],
    "files": ["path", "device", "position", "record", "head", "grown", "state"],
}


@settings(QUICK, max_examples=examples(100))
@given(
    st.sampled_from([(table, column) for table, columns in COLUMNS.items() for column in columns]),
    VALUES,
    st.integers(0, 5),
)
@example(("histograms", "buckets"), "[1e999]", 0)
@example(("histograms", "bounds"), "[" * 2000, 0)
@example(("counters", "labels"), "[" * 100_000, 0)
@example(("meta", "value"), "9" * 5000, 0)
@example(("meta", "value"), "9" * 5000, 1)
@example(("meta", "value"), "9" * 5000, 2)
@example(("meta", "value"), "9" * 5000, 3)
@example(("files", "record"), "{", 0)
def test_any_value_in_a_row(fuzzed: Fuzzed, column: tuple[str, str], value: object, number: int) -> None:
    """A value that no daemon wrote, in any column, is a StateError, a loss, or read as it stands."""
    scratch = fuzzed.path.with_name("scratch")
    scratch.parent.mkdir(exist_ok=True)
    scratch.write_bytes(fuzzed.new)
    table, name = column
    with closing(sqlite3.connect(scratch)) as connection:
        # Only older versions write such rows.
        connection.execute("INSERT INTO incidents VALUES (x'01', 1.0, 1.0)")
        connection.execute("INSERT INTO violations VALUES (1, x'01', 'report', 1.0)")
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  (our own names)
        first = connection.execute(f"SELECT * FROM {table}").description[0][0]  # noqa: S608  (as above)
        row = rows[number % len(rows)][0]
        connection.execute("PRAGMA journal_mode = DELETE")
        try:
            connection.execute(f"UPDATE {table} SET {name} = ? WHERE {first} = ?", (value, row))  # noqa: S608  (as above)
            connection.commit()
        except sqlite3.IntegrityError:
            connection.rollback()
    loaded = fuzzed.open(scratch.read_bytes(), b"")
    assert loaded is None or loaded.key


CARRIES: Final = st.dictionaries(
    st.sampled_from([*Carry.__slots__, "later"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 1 << 70), st.floats(), st.lists(st.integers(), max_size=1),
        st.sampled_from(["", "none", "line", "json", "event", "unrecognized", "string", "x"]),
    ),
)  # fmt: skip


def resumed(text: str) -> Any:  # noqa: ANN401  (whatever the reader gives)
    """Load a carry and read on with it; None where it is refused by a ValueError."""
    try:
        carry = Carry.load(text)
    except ValueError:
        return None
    reader = Reader(limit=300)
    reader.carry = carry
    log = HEADER + b'Stale booking {"a":"b\n' + HEADER + b'"} \n{"message":"","context":{},"level":1}\n' + b"x" * 700
    reader.feed(log, Ending.QUIET)
    return reader.feed(b"\n" + HEADER, Ending.FINAL)


@QUICK
@given(TEXTS)
def test_any_text_of_a_carry(text: str) -> None:
    """Any text is a carry with which reading goes on, or a ValueError."""
    totals = resumed(text)
    assert totals is None or sum(totals.levels) > 0


@settings(QUICK, max_examples=examples(200))
@given(CARRIES)
@example({"kind": "json", "skipping": True, "tail": "x"})
@example({"kind": "json", "skipping": True, "tail": 99})
@example({"kind": "line", "skipping": True, "inside": "json", "depth": None})
@example({"kind": "line", "skipping": True, "inside": "json", "depth": -5})
@example({"latest": "x"})
def test_any_fields_of_a_carry(fields: dict[str, Any]) -> None:
    """Any values under the carry's names are a carry with which reading goes on, or a ValueError."""
    try:
        text = orjson.dumps(fields).decode()
    except TypeError:  # beyond 64 bits
        return
    totals = resumed(text)
    assert totals is None or sum(totals.levels) > 0


@QUICK
@given(st.builds(
    Carry,
    kind=st.sampled_from(["none", "line", "json"]), level=st.booleans(), counted=st.sampled_from(["", "event"]),
    skipping=st.booleans(), inside=st.sampled_from(["", "string", "json"]), depth=st.integers(0, 1 << 40),
    tail=st.integers(-1, 7), mid_line=st.booleans(), fold=st.integers(0, 1), latest=st.floats(0, 4e9),
))  # fmt: skip
def test_carry_survives(carry: Carry) -> None:
    """A carry is loaded as it was dumped."""
    assert Carry.load(carry.dump()) == carry
