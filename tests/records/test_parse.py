"""One record's bytes to its parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.records.parse import LIMIT, parse

HEAD = b"[2025-10-06 18:22:12] production.ERROR: "
JSON = (
    b'{"message":"M \\u00fc","context":{"a":1},"level":400,"level_name":"ERROR","channel":"app",'
    b'"datetime":"2025-10-06T18:22:12.5+02:00","extra":{}}\n'
)


def test_line() -> None:
    """A line record gives its header's parts, message, context and where it is complete."""
    record = parse(HEAD + b'msg {"a":1} \nmore\n')
    assert record is not None
    assert (record.format, record.level, record.channel) == ("line", "error", "production")
    assert (record.time_text, record.message, record.context) == (b"2025-10-06 18:22:12", b"msg", {"a": 1})
    assert record.raw == HEAD + b'msg {"a":1} \nmore\n'
    assert record.closed == len(HEAD) + 13


@pytest.mark.parametrize(
    ("header", "time", "channel"),
    [
        (b"[2018-05-05 19:28:29] .DEBUG: ", b"2018-05-05 19:28:29", ""),
        (b"[2018-05-05 19:28:29] my-app.queue worker.DEBUG: ", b"2018-05-05 19:28:29", "my-app.queue worker"),
        (b"[2023-08-11T09:21:45.704004+02:00] a.DEBUG: ", b"2023-08-11T09:21:45.704004+02:00", "a"),
        (b"[2018-05-05 19:28:29] \xff.DEBUG: ", b"2018-05-05 19:28:29", "\ufffd"),
    ],
)
def test_headers(header: bytes, time: bytes, channel: str) -> None:
    """Channels may be empty or hold dots, dashes and spaces, times may be Monolog's own."""
    for body in (b'm {"a":1} \n', b"m  \n"):
        record = parse(header + body)
        assert record is not None
        assert (record.time_text, record.channel, record.message, record.level) == (time, channel, b"m", "debug")


@pytest.mark.parametrize("before", [b"\0" * 50, b"\xef\xbb\xbf", b"\0\xef\xbb\xbf"])
def test_junk_before(before: bytes) -> None:
    """Leading NULs and a byte order mark belong to no record."""
    for text in (HEAD + b"m  \n", JSON):
        record = parse(before + text)
        assert record is not None
        assert record.raw == text


@pytest.mark.parametrize(
    ("body", "message", "context"),
    [
        (b"m  \n", b"m", {}),
        (b"m\r\n", b"m", {}),
        (b"m [] []\n", b"m", {}),
        (b"m", b"m", {}),
        (b"m\rn  \n", b"m\rn", {}),
        (b"", b"", {}),
        (b'm {"a":1}', b"m", {"a": 1}),
        (b'm {"a":1} {"ip":"x"} \n', b"m", {"a": 1}),
        (b'm {"a":"x\ny"} \n', b"m", {"a": "x\ny"}),
        (b'm {"a":"\xff"} \n', b"m", {"a": "\ufffd"}),
        (b'm {x} {"a":1} \n', b"m {x}", {"a": 1}),
        (b'on [2025-10-06] {"a":1} \n', b"on [2025-10-06]", {"a": 1}),
        (b'm { "a": 1 } \nmore\n', b"m", {"a": 1}),
        (b'm {"a":1}\t\n', b"m", {"a": 1}),
        (b'[14 MB] QUERY {"a":1} \n', b"[14 MB] QUERY", {"a": 1}),
        (b'm {"a":1 \n', b"m", None),
        (b'm {"a":"torn \n', b"m", None),
        (b'm ["torn \n', b"m", None),
        (b"m {id}  \n", b"m", None),
        (b"m [id  \n", b"m [id", {}),
    ],
)
def test_bodies(body: bytes, message: bytes, context: object) -> None:
    """The context is the first that parses; without any the message ends at the first brace and it is None."""
    record = parse(HEAD + body)
    assert record is not None
    assert (record.message, record.context) == (message, context)


def test_trailing_lines_change_nothing() -> None:
    """Lines behind a complete record alter neither message nor context nor where it is complete."""
    for body in (b'm { "a": 1 } \n', b'm {"a":"x\ny"} \n', b'm [1] {"a":1} \n', b"m  \n"):
        alone, followed = parse(HEAD + body), parse(HEAD + body + b'more {"b":2} \n')
        assert alone is not None
        assert followed is not None
        assert (alone.message, alone.context, alone.closed) == (followed.message, followed.context, followed.closed)


def test_json() -> None:
    """A JSON record gives the same parts; its message is decoded."""
    record = parse(JSON + b"more\n")
    assert record is not None
    assert (record.format, record.level, record.channel) == ("json", "error", "app")
    assert (record.time_text, record.message) == (b"2025-10-06T18:22:12.5+02:00", "M ü".encode())
    assert (record.context, record.closed) == ({"a": 1}, len(JSON))


@pytest.mark.parametrize(
    ("old", "new", "context"),
    [
        (b'{"a":1}', b"[]", {}),
        (b'{"a":1}', b"[5]", {"0": 5}),
        (b'{"a":1}', b"null", None),
        (b'"context":{"a":1},', b"", {}),
        (b'{"a":1}', b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":1}', b'{"a":"\x01"}', {"a": "\x01"}),
        (b"\n", b"\r\n", {"a": 1}),
        (b"\n", b"", {"a": 1}),
    ],
)
def test_json_contexts(old: bytes, new: bytes, context: object) -> None:
    """A JSON context may be a list, absent or badly encoded; another value is None."""
    record = parse(JSON.replace(old, new))
    assert record is not None
    assert (record.level, record.context) == ("error", context)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (b'{"date":"2025-10-06 18:22:12.000000","timezone_type":3}', b"2025-10-06 18:22:12.000000"),
        (b"7", b""),
        (b"{}", b""),
    ],
)
def test_json_times(new: bytes, expected: bytes) -> None:
    """Monolog 1 wrote the time as an object; anything else is no time."""
    record = parse(JSON.replace(b'"2025-10-06T18:22:12.5+02:00"', new))
    assert record is not None
    assert record.time_text == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0",
        b"plain\n",
        b"[2025-10-06 18:22:12] Processed: x\n",
        b'{"message":"x"}\n',
        b'{"message":"x","level_name":"LOUD"}\n',
        b'{"message":"x","message":5,"level_name":"ERROR"}\n',
        b'{"message":"x","level_name":"ERROR"',
        b'{"message":"x"\n' + b"more\n" * (LIMIT // 5),
        b'{"message":"x' + b"y" * LIMIT,
        b'{"message":"\\q","context":{"a":"' + b"y" * LIMIT,
    ],
)
def test_no_record(raw: bytes) -> None:
    """What is of neither format is None."""
    assert parse(raw) is None


def test_json_beyond_the_limit() -> None:
    """Of a JSON record that lost its end to the limit, the message is left."""
    record = parse(b'{"message":"M \\"x\\"","context":{"a":"' + b"y" * 100, 100)
    assert record is not None
    assert (record.message, record.level, record.context, record.closed) == (b'M "x"', "", None, None)


@given(st.sampled_from([b"", HEAD, b'{"message":"']), st.binary(max_size=60))
def test_any_bytes(head: bytes, rest: bytes) -> None:
    """Any bytes parse to a record or to None, and a context is a mapping or None."""
    record = parse(head + rest)
    assert record is None or record.context is None or isinstance(dict(record.context), dict)
