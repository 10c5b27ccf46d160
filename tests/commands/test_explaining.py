"""What is said about single records."""

from __future__ import annotations

import io
from zoneinfo import ZoneInfo

import pytest

from exporter.commands.explaining import Explainer
from exporter.commands.pieces import pieces
from exporter.config.schema import LogSettings
from exporter.events.definitions import EventSet, load_events
from exporter.events.source import Source
from exporter.pipeline import judge_by
from exporter.records.cut import Cutter
from exporter.records.parse import LIMIT
from exporter.records.scan import Scanner
from tests.support.stepper import events

HEADER = b"[2025-10-06 18:22:12] production."


def cutter(known: EventSet, ignored: frozenset[str]) -> Cutter:
    return Cutter(Scanner(known.triggers), judge_by(known, ignored))


def explained(log: bytes, *, ignored: frozenset[str] = frozenset(), known: EventSet | None = None) -> list[str]:
    settings = LogSettings("app", (), ignore_channels=ignored)
    explainer = Explainer(known or events(), settings, 160)
    found = pieces(io.BytesIO(log), cutter(known or events(), ignored), ZoneInfo(settings.timezone))
    return [line.strip() for piece in found for line in explainer.explain(piece)[0]] + explainer.summary()


def test_a_near_miss_says_why() -> None:
    """A record that would be an event at another level is told so."""
    lines = explained(HEADER + b"INFO: Stale booking detected \n")
    assert lines[1] == "not stale_booking: its level is info, not error"
    assert lines[0].startswith("1 -")


def test_a_wrong_channel_says_why() -> None:
    """A record that would be an event in another channel is told so."""
    mine = load_events(
        [
            Source(
                "mine.yaml",
                "version: 1\nevents:\n  - name: mine\n    lowest_level: info\n"
                "    match: {message: {contains: hello}, channels: [web]}\n"
                "    count: {metric: api_gateway_bookings_validated_total}\n"
                "    examples: [{record: '[2025-10-06 18:22:12] web.INFO: hello', expect: {}}]\n",
            )
        ]
    )
    lines = explained(HEADER + b"INFO: hello \n", known=mine)
    assert lines[1] == "not mine: its channel is production, not web"


@pytest.mark.parametrize(
    ("level", "expected"),
    [(b"INFO", "not stale_booking: its level is info, not error"), (b"ERROR", "it matches none of ")],
)
def test_the_family_marker_alone_is_unrecognized(level: bytes, expected: str) -> None:
    """A record with the marker that is no event says so, with what it nearly was or all that it is not."""
    phrase = b"Stale booking detected" if level == b"INFO" else b"nothing known"
    lines = explained(HEADER + level + b": DUPLICATE BOOKING PREVENTION: " + phrase + b" \n")
    assert lines[1] == "= unrecognized: it has the marker of the family, api_gateway_unrecognized_events_total +1"
    assert lines[2].startswith(expected)
    assert lines[-1].strip() == "unrecognized: 1"


def test_an_ignored_channel_is_no_event() -> None:
    """Records of ignored channels are shown, and count nothing."""
    lines = explained(HEADER + b"ERROR: Stale booking detected \n", ignored=frozenset({"production"}))
    assert lines[1] == "no event: its channel is ignored"


def test_a_violation_tells_what_decides() -> None:
    """A report of a unique key tells its role; a label that depends on others shows both values."""
    report = (
        b"ERROR: SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '11' for key "
        b'\'unique_calcom_v2_booking_id\' {"exception":"x"} \n'
    )
    lines = explained(HEADER + report)
    assert "report of a unique key: repeats of one violation are told by key and time, and count once" in lines
    lines = explained(HEADER + b'ERROR: SAGA Compensation FAILED {"calcom_booking_id":11} \n')
    assert any('cause="unique_constraint or other"' in one for one in lines)


def test_malformed_fields_are_told() -> None:
    """An event whose field is missing still counts, and says so."""
    lines = explained(HEADER + b'ERROR: Stale booking detected {"booking_id":1} \n')
    assert any(one.startswith("1 malformed fields") for one in lines)


def test_what_is_odd_about_a_record_is_told() -> None:
    """Lines that look like records, a broken context and a record beyond the limit are each remarked on."""
    lines = explained(HEADER + b'INFO: x {"a": \n[2025-10-06 18:22:12] Processed: App\\Job\n')
    assert lines[1:4] == [
        "(2 lines, 89 B)",
        "(1 of them begin like a record and are none: counted as unparsed)",
        "(its context is no JSON: every field that an event needs is malformed)",
    ]
    assert lines[-1] == "1 records, 0 of them events; 1 unparsed lines"
    lines = explained(HEADER + b"INFO: x \n" + (b"a" * 1023 + b"\n") * 1025)
    assert f"(cut at {LIMIT / 1e6:.1f} MB: nothing after that is looked at)" in lines


def test_json_records_and_times_that_are_none() -> None:
    """JSON records show the time of their own offset in the log's zone; an impossible time is told."""
    record = (
        b'{"message":"hello","context":{},"level":200,"level_name":"INFO","channel":"web",'
        b'"datetime":"2025-10-06T18:22:12.5+02:00","extra":{}}\n'
    )
    assert explained(record)[0] == "1 -  json  2025-10-06 16:22:12+00:00  INFO  web  hello"
    assert "  no time  " in explained(b"[2025-13-06 18:22:12] web.INFO: x \n")[0]


def test_what_cannot_be_parsed_is_told_as_it_counts() -> None:
    """Broken JSON with a level counts as a record, JSON without one as a line, an unfinished line as nothing."""
    broken = b'{"message":"x","level_name":"ERROR","channel":"\n'
    assert explained(broken)[1] == "(it is no JSON: counted as a record of its level, and no event)"
    assert explained(broken)[-1] == "1 records, 0 of them events; 0 unparsed lines"
    spaced = b'{"message":"x", "level_name": "ERROR", "channel": "c"}\n'
    assert explained(spaced)[1].startswith("(its level does not stand where the app's formatter writes it")
    assert explained(spaced)[-1] == "0 records, 0 of them events; 1 unparsed lines"
    assert explained(b"junk") == [
        "1 ?  unparsed  junk",
        "(no line feed ends it: not counted)",
        "0 records, 0 of them events; 0 unparsed lines",
    ]


def test_an_unrecognized_record_may_become_an_event() -> None:
    """A record that was none of the family's events when its context closed, and one by what followed, counts twice."""
    log = HEADER + b'ERROR: DUPLICATE BOOKING PREVENTION: Failed to create appointment from call {"error":""} \n'
    lines = explained(log + b"#1 Lock->block()\n")
    assert lines[2].startswith("= unrecognized: it has the marker of the family")
    assert lines[3] == "= conflict"


def test_lines_of_no_record_are_shown_as_such() -> None:
    """What precedes the first record is unparsed, line by line."""
    assert explained(b"junk\r\n[2025-10-06 18:22:12] Processing: x\n")[:2] == [
        "1 ?  unparsed  junk",
        "2 ?  unparsed  [2025-10-06 18:22:12] Processing: x",
    ]
