"""The cost of adversarial records grows nearly in line with their size: no pattern and no search goes quadratic."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Final

import pytest

from exporter.records.parse import parse
from tests.support.cutting import HEADER as HEAD
from tests.support.cutting import read

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL: Final = 1 << 17
GROWTH: Final = 4
LARGEST_RATIO: Final = 12.0
"""Four times the input takes four times as long; quadratic cost would take sixteen times."""
TRIES: Final = 3
NOISE: Final = 0.01
"""Process seconds below which a measurement says nothing."""

INPUTS: Final[dict[str, Callable[[int], bytes]]] = {
    "candidates": lambda size: HEAD + b' {"' * (size // 3),
    "candidates of lists": lambda size: HEAD + b" [" * (size // 2),
    "candidates that close": lambda size: HEAD + b" {}x" * (size // 4),
    "candidates that break late": lambda size: HEAD + (b' {"a":"' + b"x" * (size // 40) + b'"!') * 40,
    "candidates, one string": lambda size: HEAD + b' {"a":"' + b' {"' * (size // 3),
    "backslashes": lambda size: HEAD + b' {"a":"' + b"\\" * size,
    "backslashes, odd": lambda size: HEAD + b' {"a":"x' + b"\\" * (size | 1) + b'"} \n',
    "escaped quotes": lambda size: HEAD + b' {"a":"' + b'\\"' * (size // 2) + b'"} \n',
    "quotes": lambda size: HEAD + b' {"a":' + b'"' * size,
    "quotes without context": lambda size: HEAD + b'"' * size,
    "strings": lambda size: HEAD + b' {"a":[' + b'"",' * (size // 3),
    "depth": lambda size: HEAD + b" " + b'{"a":' * (size // 5),
    "depth of lists": lambda size: HEAD + b" " + b"[" * size,
    "depth that closes": lambda size: HEAD + b" " + b"[" * (size // 2) + b"]" * (size // 2) + b"\n",
    "digits": lambda size: HEAD + b' {"a":' + b"1" * size,
    "commas": lambda size: HEAD + b" [" + b"," * size,
    "spaces": lambda size: HEAD + b" " * size,
    "two spaces and no line feed": lambda size: HEAD + b"  \r" * (size // 3),
    "carriage returns": lambda size: HEAD + b'x {"a":1}' + b"\r" * size,
    "line feeds": lambda size: HEAD + b"\n" * size,
    "NULs": lambda size: b"\0" * size + HEAD + b"x  \n",
    "forged headers in a string": lambda size: HEAD + b' {"a":"' + (b"\n" + HEAD) * (size // 41),
    "forged headers behind escapes": lambda size: HEAD + b' {"a":"' + (b'\\"\n' + HEAD) * (size // 43),
    "forged headers with a phrase": lambda size: HEAD + b' {"a":"' + (b"\n" + HEAD + b"Stale booking") * (size // 54),
    "forged headers behind keys": lambda size: HEAD + b' {"a":"b"' + (b',"\n' + HEAD + b'":1') * (size // 47),
    "headers that break a string": lambda size: (HEAD + b' {"a":"\n') * (size // 48),
    "headers": lambda size: (HEAD + b"\n") * (size // 41),
    "headers on one line": lambda size: HEAD * (size // 40),
    "JSON beginnings": lambda size: HEAD + b'\n{"message":"' * (size // 13),
    "JSON beginnings in JSON": lambda size: b'{"message":"' * (size // 12),
    "JSON without end": lambda size: b'{"message":"' + b'\\"' * (size // 2),
    "JSON levels": lambda size: b'{"message":"' + b'"level_name":"INFO","channel":"' * (size // 31),
    "JSON bodies": lambda size: (HEAD + b"x\n" + b'{"message":"a"}\n' * 20) * (size // 360),
    "suspects": lambda size: HEAD + b"\n[2020-06-02 10:56:05] Processed: x" * (size // 35),
    "suspects in a string": lambda size: HEAD + b' {"a":"' + b"\n[2020-06-02 10:56:05] x" * (size // 24),
    "phrases": lambda size: HEAD + b"Stale booking" * (size // 13),
    "phrases in records": lambda size: (HEAD + b'Stale booking {"a":"b"} \n') * (size // 64),
    "unfinished phrases": lambda size: (HEAD + b'Stale booking {"a":"b \n') * (size // 62),
    "times": lambda size: b"[2025-10-06 18:22:12" * (size // 20),
    "channel": lambda size: b"[2025-10-06 18:22:12] " + b"a" * size,
}


def in_one_block(log: bytes) -> object:
    return read(log)


def in_blocks(log: bytes) -> object:
    """Read in blocks of a quarter, whatever the size: what is kept is read again with each."""
    return read(log, range(0, len(log), len(log) // 4))


def beyond_limit(log: bytes) -> object:
    """Read with a limit of a quarter: the rest of the record is passed over."""
    return read(log, limit=len(log) // 4)


def parsed(log: bytes) -> object:
    record = parse(log)
    return record and record.context


def seconds(function: Callable[[bytes], object], log: bytes) -> float:
    """Return the process time of one try."""
    began = time.process_time()
    function(log)
    return time.process_time() - began


def grows_in_line(function: Callable[[bytes], object], small: bytes, large: bytes) -> bool:
    """Tell whether the least times of some tries are in line with the sizes; one that shows it is enough."""
    function(small[: len(small) // 16])  # so that what is made at first use is not measured
    least = (inf, inf)
    for _ in range(TRIES):
        least = (least[0], min(least[1], seconds(function, large)))
        if least[1] <= NOISE:
            return True
        least = (min(least[0], seconds(function, small)), least[1])
        if least[1] <= LARGEST_RATIO * least[0]:
            return True
    return False


@pytest.mark.parametrize("function", [in_one_block, in_blocks, beyond_limit, parsed])
@pytest.mark.parametrize("name", INPUTS)
def test_cost(function: Callable[[bytes], object], name: str) -> None:
    """Four times the bytes take no more than twelve times the process time."""
    make = INPUTS[name]
    assert grows_in_line(function, make(SMALL), make(GROWTH * SMALL))


def test_quadratic_cost_is_seen() -> None:
    """What takes sixteen times as long for four times the bytes is refused."""

    def quadratic(log: bytes) -> object:
        return sum(len(log[at:]) for at in range(0, len(log), 64))

    assert not grows_in_line(quadratic, b"x" * SMALL, b"x" * GROWTH * SMALL)
