r"""Where a context begins and ends, and what is open in between."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.records.context import Json, json_end, layout, load, resume, uncut


@pytest.mark.parametrize(
    ("text", "status", "stop", "depth"),
    [
        (b'{"a":[1,-2.5e+3,true,false,null,"x\\"y"],"b":{}}', Json.CLOSED, 47, 0),
        (b"[] rest", Json.CLOSED, 2, 0),
        (b'{"a":"line\nline', Json.STRING, 5, 1),
        (b'{"a":"x\\', Json.STRING, 5, 1),
        (b'{"a":[{"', Json.STRING, 7, 3),
        (b'{"a":[1,', Json.OPEN, 8, 2),
        (b'{"a":12', Json.OPEN, 5, 1),
        (b'{"a":tru', Json.OPEN, 5, 1),
        (b'{"a":1,\n', Json.BROKEN, 7, 1),
        (b'{"a": 1}', Json.BROKEN, 5, 1),
        (b'{"a"b', Json.BROKEN, 1, 1),
        (b"[object] (X)", Json.BROKEN, 1, 1),
        (b"[" + b"1" * 60 + b"]", Json.BROKEN, 1, 1),
    ],
)
def test_json_end(text: bytes, status: Json, stop: int, depth: int) -> None:
    """A scan of compact JSON tells how it ended, where, and how deep."""
    assert json_end(text, 0, len(text)) == (status, stop, depth)


@given(st.recursive(st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=8), st.data())
def test_scan_resumes(value: object, data: st.DataObject) -> None:
    """Parted anywhere that `uncut` allows, a scan goes on to the same end."""
    text = orjson.dumps([value])
    at = uncut(text, 1, data.draw(st.integers(1, len(text) - 1)))
    status, token, depth = json_end(text, 0, at)
    begin = at if status is Json.STRING else token
    assert resume(text, begin, len(text), depth, in_string=status is Json.STRING) == (Json.CLOSED, len(text), 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'b"} \n', Json.CLOSED),
        (b'b"} []\r\n', Json.CLOSED),
        (b'b","c":"d', Json.STRING),
        (b"b", Json.STRING),
        (b'b",', Json.OPEN),
        (b'b"} \nmore\n', Json.BROKEN),
        (b'msg {"x":1} \n', Json.BROKEN),
        (b'msg "x" \n', Json.BROKEN),
    ],
)
def test_resume(text: bytes, expected: Json) -> None:
    """From inside a string on, a context is closed only where its line ends with it; foreign quotes break it."""
    assert resume(text, 0, len(text), 1, in_string=True)[0] is expected


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        (b"[ab", 2, 2),
        (b'["ab"', 5, 4),
        (b'["a\\"b', 5, 3),
        (b'["a\\\\b', 4, 3),
        (b'["a\\\\b', 5, 5),
        (b'["a\\\\"', 6, 5),
        (b'["', 1, 1),
    ],
)
def test_uncut(text: bytes, at: int, expected: int) -> None:
    """Text is not parted behind a quote, nor within an escape."""
    assert uncut(text, 1, at) == expected


@pytest.mark.parametrize(
    ("body", "message", "context", "closed"),
    [
        (b'msg {"a":1} \n', b"msg", b'{"a":1}', 13),
        (b"msg  \n", b"msg", None, 6),
        (b"msg  \r\n", b"msg", None, 7),
        (b"  \n", b"", None, 3),
        (b' {"a":1} \n', b"", b'{"a":1}', 10),
        (b"msg [] []\n", b"msg", b"[]", 10),
        (b'msg {"a":1} {"url":"x"} \n', b"msg", b'{"a":1}', 25),
        (b'msg {"a":1}\n', b"msg", b'{"a":1}', 12),
        (b'msg {"a":1} \r\n', b"msg", b'{"a":1}', 14),
        (b'msg {"a":1}', b"msg", b'{"a":1}', None),
        (b'msg {"a":"x\ny  \nz"} \nmore\n', b"msg", b'{"a":"x\ny  \nz"}', 21),
        (b'one {two} {"a":1} \n', b"one {two}", b'{"a":1}', 19),
        (b'on [2025-10-06] {"a":1} \n', b"on [2025-10-06]", b'{"a":1}', 25),
        (b'on [,] {"a":1} \n', b"on [,]", b'{"a":1}', 16),
        (b'on [1,2] at {"a":1} \n', b"on [1,2] at", b'{"a":1}', 21),
        (b"one {two  \n", b"one", None, 11),
        (b"one\ntwo\n", b"one\ntwo", None, None),
        (b'one  \n {"a":1} \n', b"one", None, 6),
        (b"x" + b" [y" * 40 + b' {"a":1} \n', b"x" + b" [y" * 40 + b' {"a":1}', None, None),
    ],
)
def test_layout(body: bytes, message: bytes, context: bytes | None, closed: int | None) -> None:
    """Message and context are found, and the line feed at which the record is complete."""
    text = b"head" + body
    where = layout(text, 4, len(text))
    assert text[4 : where.message_end] == message
    assert (text[slice(*where.context)] if where.context else None) == context
    assert where.closed == (None if closed is None else closed + 4)


@pytest.mark.parametrize(
    ("body", "message", "inside", "token"),
    [
        (b'msg {"a":"x\n', b"msg", Json.STRING, 9),
        (b'msg {"a":', b"msg", Json.OPEN, 9),
        (b'msg {id} ["x', b"msg", Json.STRING, 10),
        (b'msg {"a":1} {"url":"x\n', b"msg", Json.STRING, 19),
    ],
)
def test_open(body: bytes, message: bytes, inside: Json, token: int) -> None:
    """Where the text ends inside a context it says so, and the message ends at the first brace."""
    where = layout(body, 0, len(body))
    assert (body[: where.message_end], where.inside, where.token) == (message, inside, token)
    assert where.closed is None


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (b'{"a":"x\ny"}', {"a": "x\ny"}),
        (b'{"a":"x\r\ny"}', {"a": "x\r\ny"}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":"\t\x01"}', {"a": "\t\x01"}),
        (b"[7,8]", {"0": 7, "1": 8}),
        (b"[]", {}),
        (b"7", None),
        (b"{", None),
        (b"[" * 5000 + b"]" * 5000, None),
    ],
)
def test_load(context: bytes, expected: object) -> None:
    """Line feeds and stray bytes in strings are restored, lists become mappings, anything else is None."""
    assert load(context) == expected
