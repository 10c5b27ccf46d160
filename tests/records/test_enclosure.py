"""Which lines that look like a record stand inside the record before them."""

from __future__ import annotations

import pytest

from exporter.records.carry import Carry
from exporter.records.enclosure import LINE_LIMIT, PASSED_OVER, Enclosure, Verdict
from tests.support.cutting import HEADER


def verdict(before: bytes, line: bytes, *, final: bool = False, limit: int = 1 << 20) -> Verdict:
    text = bytearray(before + line)
    return Enclosure(text, len(text), Carry(), limit).header(0, len(before), final=final)


@pytest.mark.parametrize(
    ("before", "line", "expected"),
    [
        (b' {"a":"x\n', b'm"} \n', Verdict.FORGED),
        (b' {"a":"x\n', b'm"} \r\n', Verdict.FORGED),
        (b' {"a":"x\n', b"m\n", Verdict.FORGED),
        (b' {"a":"x\n', b'm {\\"b\\":1}\n', Verdict.FORGED),
        (b' {"a":"x\n', b'm","b":["z"]} [] \n', Verdict.FORGED),
        (b' {"a":"x\n', b'm {"b":1} \n', Verdict.GENUINE),
        (b' {"a":"x\n', b'm "quoted" \n', Verdict.GENUINE),
        (b' {"a":"x"} \n', b'm"} \n', Verdict.GENUINE),
        (b"  \n", b"m\n", Verdict.GENUINE),
        (b' {"a":"x\n', b"m", Verdict.WAIT),
        (b' {"a":"x\n', b"m" * LINE_LIMIT, Verdict.FORGED),
    ],
)
def test_header(before: bytes, line: bytes, expected: Verdict) -> None:
    """A header in an open string is forged where the string is sound at its line's end, whatever the limit."""
    assert verdict(HEADER + b"x" + before, HEADER + line) is expected
    assert verdict(HEADER + b"x" + before, HEADER + line, limit=len(HEADER) + 3) is not Verdict.FORGED or (
        expected is Verdict.FORGED
    )


def test_header_at_the_very_end() -> None:
    """Where nothing will follow, an incomplete line is judged as it is."""
    assert verdict(HEADER + b'x {"a":"x\n', HEADER + b"m", final=True) is Verdict.FORGED
    assert verdict(HEADER + b'x {"a":"x\n', HEADER + b'm {"b', final=True) is Verdict.GENUINE


@pytest.mark.parametrize(
    ("line", "final", "expected"),
    [
        (b'{"message":"x","context":{}', False, Verdict.GENUINE),
        (b'{"message":"x \\"y\\"","level":400', False, Verdict.GENUINE),
        (b'{"message":"x"}\n', False, Verdict.FORGED),
        (b'{"message":"x","errors":{', False, Verdict.FORGED),
        (b'{"message":"x (truncated...)\n', False, Verdict.FORGED),
        (b'{"message":"', False, Verdict.WAIT),
        (b'{"message":"x","con', False, Verdict.WAIT),
        (b'{"message":"x\\', False, Verdict.WAIT),
        (b'{"message":"x","con', True, Verdict.FORGED),
        (b'{"message":"' + b"x" * LINE_LIMIT, False, Verdict.GENUINE),
    ],
)
def test_json(line: bytes, final: bool, expected: Verdict) -> None:  # noqa: FBT001  (a column of the table)
    """Behind a line record, what begins like a JSON record is one only where JsonFormatter's next key follows."""
    text = bytearray(HEADER + b"x\n" + line)
    begin = len(text) - len(line)
    assert Enclosure(text, len(text), Carry(), 1 << 20).json(begin, final=final) is expected


def test_place_does_not_depend_on_order() -> None:
    """What is open at an offset is the same whether it was asked for before, and where it went before."""
    text = bytearray(HEADER + b'x {"a":"1\n2","b":["3\n4\n5"]} \n')
    ends = range(len(HEADER) + 2, len(text) + 1)
    for limit in (len(HEADER) + 12, 1 << 20):
        rising = Enclosure(text, len(text), Carry(), limit)
        falling = Enclosure(text, len(text), Carry(), limit)
        forward = [(rising.place(0, end).inside, rising.place(0, end).depth) for end in ends]
        backward = [(falling.place(0, end).inside, falling.place(0, end).depth) for end in reversed(ends)]
        assert forward == backward[::-1]
        assert {inside for inside, _ in forward} == {"", "string", "json"}


def test_passed_over() -> None:
    """Where the record's beginning is gone, the state at the first byte tells what is open."""
    text = bytearray(b'x\n4"]} \n')
    inside = Enclosure(text, len(text), Carry("line", skipping=True, inside="string", depth=2), 10)
    assert inside.place(PASSED_OVER, 2).inside == "string"
    assert inside.place(PASSED_OVER, 5) == (PASSED_OVER, 5, "json", 1)
    assert inside.place(PASSED_OVER, 2).inside == "string"
    assert Enclosure(text, len(text), Carry("line", skipping=True), 10).place(PASSED_OVER, 2).inside == ""
