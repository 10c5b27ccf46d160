r"""Shapes of records that real logs hold, and what each must count as.

Shapes: 150,116 records of 65 public Laravel and Lumen apps and Monolog's own formats. Counts are
by level, unparsed lines (outside any record, or beginning like one and none), and events that
were counted (`created`: the appointments by source `public`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

T = b"[2025-10-06 18:22:12] "
CREATED = T + b'production.INFO: Public booking created {"appointment_id":1} \n'
DEBUG = T + b"production.DEBUG: plain words  \n"
TRACE = b"".join(b"#%d /var/www/vendor/Pipeline.php(%d): handle(Object(Closure))\n" % (n, n) for n in range(40))
MIB = 1 << 20


def as_json(message: str, level: str = "INFO", context: object = None) -> bytes:
    """Return a line of Monolog's JsonFormatter."""
    record = {
        "message": message,
        "context": {} if context is None else context,
        "level": 200,
        "level_name": level,
        "channel": "production",
        "datetime": "2025-10-06T18:22:12.123456+02:00",
        "extra": {},
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


QUOTED = CREATED[:-2].replace(b'"', b'\\"')
EMOJI = as_json("X Public booking created").replace(b"X", b"\\ud83d\\udee1")
NO_LEVEL = b'{"message":"Public booking created"}\n'


@dataclass(frozen=True, slots=True)
class Shape:
    """The bytes of a log file and what they count as."""

    name: str
    data: bytes
    levels: Mapping[str, int] = field(default_factory=dict)
    unparsed: int = 0
    created: int = 0
    samples: Mapping[str, float] = field(default_factory=dict)


def _shape(
    name: str,
    data: bytes,
    *,
    unparsed: int = 0,
    created: int = 0,
    samples: Mapping[str, float] | None = None,
    **levels: int,
) -> Shape:
    return Shape(name, data, levels, unparsed, created, samples or {})


HEADERS = (
    _shape("empty file", b""),
    _shape("context on one line", CREATED, info=1, created=1),
    _shape("no context, two spaces", DEBUG, debug=1),
    _shape("empty message", T + b"production.INFO:   \n" + CREATED, info=2, created=1),
    _shape(
        "all eight levels",
        b"".join(
            T + b"production." + level + b": x  \n"
            for level in (b"DEBUG", b"INFO", b"NOTICE", b"WARNING", b"ERROR", b"CRITICAL", b"ALERT", b"EMERGENCY")
        ),
        debug=1,
        info=1,
        notice=1,
        warning=1,
        error=1,
        critical=1,
        alert=1,
        emergency=1,
    ),
    _shape("empty channel", CREATED.replace(b"production", b""), info=1, created=1),
    _shape("dotted channel", CREATED.replace(b"production", b"app.queue.worker"), info=1, created=1),
    _shape("dashed channel", CREATED.replace(b"production", b"my-app"), info=1, created=1),
    _shape("channel with spaces", CREATED.replace(b"production", b"my app log"), info=1, created=1),
    _shape("channel of 64 bytes", CREATED.replace(b"production", b"c" * 64), info=1, created=1),
    _shape("channel of 65 bytes is no header", CREATED.replace(b"production", b"c" * 65), unparsed=1),
    _shape("level in lower case is no header", CREATED.replace(b"INFO", b"info"), unparsed=1),
    _shape("ISO time with offset", CREATED.replace(T, b"[2023-08-11T09:21:45.704004+02:00] "), info=1, created=1),
    _shape("ISO time in UTC", CREATED.replace(T, b"[2023-08-11T09:21:45.704004+00:00] "), info=1, created=1),
    _shape("header with a prefix of memory", CREATED.replace(b"Public", b"[14 MB] Public"), info=1, created=1),
    _shape("header not at the beginning of a line", DEBUG[:-1] + b" " + CREATED, debug=1),
)

NOT_RECORDS = (
    _shape(
        "processed line in a record",
        CREATED + T + b"Processed: App\\Jobs\\Sync\n" + DEBUG,
        info=1,
        debug=1,
        created=1,
        unparsed=1,
    ),
    _shape(
        "processed line outside any record",
        T + b"Processed: App\\Jobs\\Sync\n" + CREATED,
        info=1,
        created=1,
        unparsed=1,
    ),
    _shape("processing line with a number", DEBUG + T[:-1] + b"[14] Processing: Sync\n", debug=1, unparsed=1),
    _shape("bracketed time and JSON", DEBUG + T + b'{"message":"Public booking created"}\n', debug=1, unparsed=1),
    _shape(
        "text before the first header", b"PHP Warning: something\nin a line\n" + CREATED, info=1, created=1, unparsed=2
    ),
    _shape(
        "header inside an open JSON string",
        T
        + b'production.INFO: Retell agent {"name":"Eve\n'
        + CREATED[:-2].replace(b'"', b'\\"')
        + b'","id":38} \n'
        + DEBUG,
        info=1,
        debug=1,
    ),
)

ENDINGS = (
    _shape("no line feed at the end", DEBUG + CREATED[:-2], debug=1, info=1, created=1),
    _shape("ends in empty arrays", CREATED.replace(b'{"appointment_id":1} ', b"[] []"), info=1, created=1),
    _shape("context and empty extra", CREATED.replace(b"} \n", b"} []\n"), info=1, created=1),
    _shape("bare brace", CREATED.replace(b"} \n", b"}\n"), info=1, created=1),
    _shape("context is a list", CREATED.replace(b'{"appointment_id":1}', b"[1,2]"), info=1, created=1),
    _shape("context broken off", CREATED.replace(b'":1} \n', b'":\n') + DEBUG, info=1, debug=1, created=1),
    _shape("braces in the message", CREATED.replace(b"created", b"created {curly} [square] words"), info=1, created=1),
    _shape(
        "line feed in the message before the context", CREATED.replace(b"created {", b"created\n {"), info=1, created=1
    ),
    _shape("no space after the context", CREATED[:-2] + b"\n" + CREATED, info=2, created=2),
)

BYTES = (
    _shape("CRLF line ends", (CREATED + DEBUG).replace(b"\n", b"\r\n"), info=1, debug=1, created=1),
    _shape("CRLF inside a message", T + b"production.INFO: one\r\ntwo  \n" + CREATED, info=2, created=1),
    _shape("lone CR inside a message", T + b"production.INFO: one\rtwo  \n" + CREATED, info=2, created=1),
    _shape("NUL run before a header", b"\0" * 4096 + CREATED + DEBUG, info=1, debug=1, created=1),
    _shape("NUL run between records", DEBUG + b"\0" * 4000 + CREATED, info=1, debug=1, created=1),
    _shape("byte order mark", b"\xef\xbb\xbf" + CREATED, info=1, created=1),
    _shape("invalid UTF-8", CREATED.replace(b"created", b"created \xfcber \xc3("), info=1, created=1),
    _shape("invalid UTF-8 in the context", CREATED.replace(b":1}", b':"\xfc\xc3("}'), info=1, created=1),
    _shape("emoji before the phrase", CREATED.replace(b"Public", "🛡️ Public".encode()), info=1, created=1),
    _shape("byte-identical records", CREATED * 1229, info=1229, created=1229),
    _shape("times that step backward", CREATED.replace(b"2025", b"2026") + CREATED, info=2, created=2),
    _shape(
        "UTF-16 file is refused",
        CREATED.decode().encode("utf-16"),
        samples={'booking_exporter_read_errors_total{cause="utf16",log="app"}': 1},
    ),
)

LONG = (
    _shape(
        "stack trace",
        T
        + b'production.ERROR: boom {"exception":"[object] (X: boom at x.php:3)\n[stacktrace]\n'
        + TRACE
        + b'"} \n'
        + CREATED,
        error=1,
        info=1,
        created=1,
    ),
    _shape("stack trace without JSON", T + b"production.ERROR: boom\n" + TRACE + CREATED, error=1, info=1, created=1),
    _shape("event with a trace behind it", CREATED + TRACE + DEBUG, info=1, debug=1, created=1),
    _shape("context with real line feeds", CREATED.replace(b":1}", b':1,"text":"a\n\nb\n"}'), info=1, created=1),
    _shape(
        "two-line PostgreSQL message",
        T + b"production.ERROR: SQLSTATE[23505]: Unique violation: 7 ERROR:  duplicate key value violates unique "
        b'constraint "unique_calcom_v2_booking_id"\nDETAIL:  Key (calcom_v2_booking_id)=(123) already exists. '
        b'(Connection: pgsql) {"userId":1} \n',
        error=1,
        samples={
            'api_gateway_duplicate_booking_rejections_total{layer="layer4",reason="unique_constraint"}': 1,
            'api_gateway_duplicate_booking_incidents_total{layer="layer4"}': 1,
        },
    ),
    _shape(
        "record of 300 KB",
        CREATED.replace(b":1}", b':1,"x":"' + b"x" * 300_000 + b'"}') + DEBUG,
        info=1,
        debug=1,
        created=1,
    ),
    _shape(
        "line of 90 KB in a trace",
        T + b"production.ERROR: boom\n" + b"y" * 90_000 + b"\n" + CREATED,
        error=1,
        info=1,
        created=1,
    ),
    _shape(
        "phrase beyond 1 MiB is not seen",
        T + b"production.INFO: " + b"z" * MIB + b" Public booking created  \n" + CREATED,
        info=2,
        created=1,
        samples={'booking_exporter_oversized_records_total{log="app"}': 1},
    ),
    _shape(
        "line of 10 MiB",
        DEBUG + b"w" * (10 * MIB) + b"\n" + CREATED,
        debug=1,
        info=1,
        created=1,
        samples={'booking_exporter_oversized_records_total{log="app"}': 1},
    ),
)

JSON = (
    _shape("JSON record", as_json("Public booking created", context={"appointment_id": 1}), info=1, created=1),
    _shape(
        "JSON with escaped emoji",
        EMOJI,
        info=1,
        created=1,
    ),
    _shape("JSON with a list as context", as_json("Public booking created", context=[]), info=1, created=1),
    _shape(
        "JSON and lines in one file",
        as_json("x", "DEBUG") + CREATED + as_json("y", "DEBUG"),
        info=1,
        debug=2,
        created=1,
    ),
    _shape("phrase in a JSON context", as_json("QUERY", context={"sql": "Public booking created"}), info=1),
    _shape("header in a JSON context", as_json("QUERY", context={"text": "a\n" + CREATED.decode()}), info=1),
    _shape("JSON without line feed at the end", as_json("Public booking created")[:-1], info=1, created=1),
    _shape("JSON with CRLF", as_json("Public booking created").replace(b"\n", b"\r\n") * 2, info=2, created=2),
    _shape("JSON behind a byte order mark", b"\xef\xbb\xbf" + as_json("Public booking created"), info=1, created=1),
    _shape("JSON behind a NUL run", b"\0" * 4096 + as_json("Public booking created"), info=1, created=1),
    _shape(
        "JSON whose context looks like a record's end",
        as_json("Public booking created", context={"level_name": "ERROR", "channel": "x"}),
        info=1,
        created=1,
    ),
    _shape("JSON that is no record", NO_LEVEL + CREATED, info=1, created=1, unparsed=1),
)

SHAPES = (*HEADERS, *NOT_RECORDS, *ENDINGS, *BYTES, *LONG, *JSON)
