"""The fuzzer's corpus, replayed: shapes of real records, the golden logs, and whatever fuzzing found."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import LIMITS, MOST_CUTS, check, pack, unpack

CORPUS = sorted(Path(__file__).with_name("corpus").iterdir())
LARGEST = 4200


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_corpus(path: Path) -> None:
    """Every input is small, holds in all ways of reading, and still does with other cuts and limits."""
    data = path.read_bytes()
    log, _, _ = unpack(data)
    rng = Random(0)
    assert len(data) <= LARGEST
    check(data)
    for limit in range(len(LIMITS)):
        check(pack(log, [rng.randrange(len(log) + 1) for _ in range(4)], limit))


def test_corpus_is_there() -> None:
    """The corpus holds the shapes and golden logs that it was grown from."""
    names = {path.name.partition("-")[0] for path in CORPUS}
    assert {"shape", "golden"} <= names
    assert len(CORPUS) > 90


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
@example(b"")
@example(b"\xff")
def test_any_input_means_something(data: bytes) -> None:
    """Whatever bytes the fuzzer makes are a log, cuts within it and a limit, and hold."""
    log, cuts, limit = unpack(data)
    assert all(0 <= cut <= len(log) for cut in cuts)
    assert limit in LIMITS
    check(data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.data(), st.integers(0, len(LIMITS) - 1))
def test_packed_input_is_unpacked(log: bytes, data: st.DataObject, limit: int) -> None:
    """What `pack` makes means what it was given."""
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=MOST_CUTS))
    assert unpack(pack(log, cuts, limit)) == (log, sorted(set(cuts)), LIMITS[limit])
