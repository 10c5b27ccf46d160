"""Blocks to records: every rule by example. The properties over generated logs stand in test_cut_properties."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

import pytest

from exporter.records.block import Cut, Ending
from exporter.records.carry import Carry
from exporter.records.cut import Cutter
from exporter.records.parse import LIMIT
from exporter.records.time import FoldWatch, Times
from tests.support.cutting import HEADER, SCANNER, Reader, judge, read

STALE = HEADER + b'Stale booking detected {"age":-1.5} \n'
OTHER = b"[2023-08-11T09:21:45.704004+02:00] my-app.queue worker.INFO: hello  \n"
JSON = b'{"message":"Stale booking","context":{"a":1},"level":400,"level_name":"ERROR","channel":"x","extra":{}}\n'
TRACE = b"[stacktrace]\n#0 /var/www/a.php(3): b()\n"
MIB = 1 << 20


@pytest.mark.parametrize(
    ("log", "records", "events", "unparsed"),
    [
        (b"", {}, 0, 0),
        (STALE + OTHER + JSON + STALE, {"error": 3, "info": 1}, 3, 0),
        (STALE * 100, {"error": 100}, 100, 0),
        (STALE[:-1], {"error": 1}, 1, 0),
        (STALE.replace(b"\n", b"\r\n") * 2, {"error": 2}, 2, 0),
        (STALE.replace(b"detected", b"a\rb\xff\xc3\r\nc") * 2, {"error": 2}, 2, 0),
        (b"\xef\xbb\xbf" + STALE + STALE, {"error": 2}, 2, 0),
        (STALE + b"\0" * 5000 + STALE + b"\0" * 9 + JSON, {"error": 3}, 3, 0),
        (b"orphan\nlines\n" + STALE, {"error": 1}, 1, 2),
        (b"orphan\nlines", {}, 0, 1),
        (STALE + b"[2020-06-02 10:56:05] Processed: App\n" * 3 + STALE, {"error": 2}, 2, 3),
        (STALE + b"[2020-06-02 10:56:05][14] [x] {y}: z.ERROR: a\n" + TRACE, {"error": 1}, 1, 1),
        (b"[2020-06-02 10:56:05] Processed: App\n" + STALE, {"error": 1}, 1, 1),
        (b'{"message":"Stale booking"}\n' + JSON, {"error": 1}, 1, 1),
        (JSON[:-1], {"error": 1}, 1, 0),
        (JSON + TRACE + JSON, {"error": 2}, 2, 0),
        (b'{"message":"Stale bo', {}, 0, 1),
        (HEADER + b"x" + TRACE + b"Lock->block\n" + STALE, {"error": 2}, 2, 0),
        (HEADER + b'x {"a":"Stale booking"} \n' + HEADER + b"FAMILY  \n", {"error": 2}, 1, 0),
        (b"[2025-02-30 99:99:99] production.ERROR: Stale booking  \n", {"error": 1}, 1, 0),
    ],
)
def test_shapes(log: bytes, records: dict[str, int], events: int, unparsed: int) -> None:
    """Each shape of section 3 counts its records, events and unparsed lines, whole and in halves."""
    for cuts in ((), (len(log) // 2,), (1, 20, len(log) - 1)):
        totals = read(log, cuts)
        assert (totals.records, len(totals.events), totals.unparsed) == (records, events, unparsed)


def enclosed(value: bytes, end: bytes = b'"} \n') -> bytes:
    return HEADER + b'x {"name":"' + value + end


@pytest.mark.parametrize(
    "record",
    [
        enclosed(b"Eve\n" + STALE[:-1].replace(b'"', b'\\"')),
        enclosed(b'\\"\n' + HEADER + b'Stale booking \\"'),
        enclosed((b"Eve\n" + HEADER + b"Stale booking") * 50),
        enclosed(b"} \n" + HEADER + b"Stale booking  \n" + HEADER + b"Stale booking  "),
        enclosed(b"\n" + HEADER + b"Stale booking", b'","b":[1,"\n' + HEADER + b'z"]} {"url":"y"} \n'),
        enclosed(b"y" * MIB + (b"\n" + HEADER + b"Stale booking") * 3),
        enclosed(b'\\\\\\"\n' * (MIB // 4) + HEADER + b"Stale booking"),
    ],
)
def test_forged(record: bytes) -> None:
    """A header inside an open string belongs to the record around it, wherever the block ends."""
    log = record + OTHER
    places = (len(record) - 30, len(record) - 3, len(record) // 2)
    for cuts in ((), *((place,) for place in places), tuple(range(0, len(log), 300_000))):
        totals = read(log, cuts)
        assert totals.records == {"error": 1, "info": 1}
        assert totals.events == []


@pytest.mark.parametrize("torn", [b'x {"a":"torn\n', b'x {"a":"torn', b'x {"a":["torn \\"\n', b'x {"a":"torn\0\0'])
@pytest.mark.parametrize("genuine", [STALE, STALE.replace(b"{", b'"a" {')])
def test_torn(torn: bytes, genuine: bytes) -> None:
    """Behind a torn record a genuine header is accepted, since its own quotes break the string."""
    ahead = HEADER + torn if torn.endswith((b"\n", b"\0")) else HEADER + torn + b"\n"
    for cuts in ((), (len(ahead),), (len(ahead) + len(HEADER) + 3,)):
        totals = read(ahead + genuine, cuts)
        assert (totals.records, len(totals.events)) == ({"error": 2}, 1)


def test_torn_and_silent() -> None:
    """In silence, a record is judged without the incomplete line that may be the next record."""
    reader = Reader()
    reader.feed(HEADER + b'FAMILY {"a":"torn\n' + HEADER + b"Lock->block", Ending.QUIET)
    assert reader.totals.events == [None]
    totals = reader.feed(b' {"b":1} \n', Ending.FINAL)
    assert totals.records == {"error": 2}
    assert [event is not None for event in totals.events] == [False, True]


@pytest.mark.parametrize("next_record", [b"\0" + STALE, b"\0" + JSON])
def test_nothing_is_judged_behind_a_waiting_header(next_record: bytes) -> None:
    """What follows on the line of a header that cannot be judged yet waits with it."""
    log = HEADER + b'x ["torn\n' + HEADER + b"y" + next_record + OTHER
    whole = read(log)
    at = log.index(b"\0")
    for cut in range(at, len(log) - len(OTHER)):
        assert read(log, (cut,)) == whole
    assert (whole.records, len(whole.events)) == ({"error": 3, "info": 1}, 1)


def test_forged_behind_numbers() -> None:
    """A forged header is known beyond the limit, also where blocks end within numbers and words of the context."""
    context = b' {"a":[' + b"12345,-1.5e+3,true,null," * 100 + b'"z\n' + HEADER + b'Stale booking"]} \n'
    log = HEADER + b"x" + context + OTHER
    for cut in range(1500, 1560):
        totals = read(log, (cut, cut + 700), limit=500)
        assert (totals.records, totals.oversized) == ({"error": 1, "info": 1}, 1)


def test_http_response() -> None:
    """The body of a response in a message is no JSON record, and the context behind it is found."""
    for body in (b'{"message":"Unauthenticated."}', b'{"message":"The given data (truncated...)'):
        log = HEADER + b"Stale booking: 400:\n" + body + b'\n {"status":400} \n'
        for cuts in ((), *((cut,) for cut in range(60, len(log), 3))):
            totals = read(log + JSON, cuts)
            assert (totals.records, totals.unparsed, len(totals.events)) == ({"error": 2}, 0, 2)
            assert "'status': 400" in str(totals.events[0])


def test_counted_when_complete() -> None:
    """A record is counted at the line feed that completes it, no sooner, and later lines change nothing."""
    for record in (STALE, HEADER + b"Stale booking  \n", JSON):
        reader = Reader()
        assert reader.feed(record[:-1]).events == []
        pending = [reader.pending]
        assert len(reader.feed(record[-1:]).events) == 1
        assert [*pending, reader.pending] == [True, False]
        assert len(reader.feed(TRACE + STALE + OTHER, Ending.FINAL).events) == 2


def test_silence() -> None:
    """A record without an end of its own is counted after silence, once."""
    for record, levels in ((HEADER + b"Stale booking\n", 1), (JSON[:-1], 1), (JSON[:60], 0)):
        reader = Reader()
        assert reader.feed(record).events == []
        totals = reader.feed(b"", Ending.QUIET)
        assert (len(totals.events), sum(totals.levels), totals.unparsed) == (levels, levels, 0)
        totals = reader.feed(b"\n" + OTHER, Ending.FINAL)
        assert (len(totals.events), sum(totals.levels)) == (levels, levels + 1)


def test_later_lines() -> None:
    """Later lines may turn no event, or an unrecognized one, into an event, never the reverse."""
    reader = Reader()
    assert reader.feed(HEADER + b"FAMILY  \n").events == [None]
    assert reader.feed(b"more\n", Ending.QUIET).events == [None]
    assert len(reader.feed(b"Lock->block\n", Ending.QUIET).events) == 2
    assert len(reader.feed(b"FAMILY Lock->block\n" + STALE, Ending.FINAL).events) == 3
    assert len(read(HEADER + b"FAMILY  \nmore\nLock->block\n" + STALE).events) == 3


@pytest.mark.parametrize(("size", "oversized"), [(LIMIT - 1, 0), (LIMIT, 0), (LIMIT + 1, 1), (3 * LIMIT, 1)])
def test_limit(size: int, oversized: int) -> None:
    """A record beyond the limit is counted as oversized once, as a record once, and evaluated by its beginning."""
    line = HEADER + b"Stale booking " + b"y" * (size - len(HEADER) - 17) + b"  \n"
    json = JSON.replace(b'"a":1', b'"a":"' + b"y" * (size - len(JSON) - 1) + b'"')
    for record in (line, json):
        assert len(record) == size
        for cuts in ((), (size,), (size - 1, size + 1), tuple(range(0, size, 400_000)), (size + 20,)):
            totals = read(record + OTHER, cuts)
            assert (totals.records, totals.unparsed) == ({"error": 1, "info": 1}, 0)
            assert (totals.oversized, len(totals.events)) == (oversized, 1)


def test_beyond_the_limit_matching_sees_nothing() -> None:
    """A phrase behind the limit is not seen."""
    log = HEADER + b"x\n" + b"y\n" * (LIMIT // 2) + b"Lock->block\n" + OTHER
    for cuts in ((), (LIMIT + 1000,)):
        totals = read(log, cuts)
        assert (totals.records, totals.oversized, totals.events) == ({"error": 1, "info": 1}, 1, [])


def test_level_far_from_the_end() -> None:
    """An oversized JSON record's level counts although its end comes much later."""
    log = JSON.replace(b"1}", b'"' + b"y" * 2000 + b'"}').replace(
        b'"extra":{}', b'"extra":{"z":"' + b"z" * 3000 + b'"}'
    )
    for cuts in ((), (2500,), (2500, 3500, 4500)):
        totals = read(log + JSON, cuts, limit=1000)
        assert (totals.records, totals.oversized, totals.unparsed) == ({"error": 2}, 1, 0)


@pytest.mark.parametrize("beginning", [b"", HEADER, JSON[:12]])
@pytest.mark.parametrize("filling", [b"y", b"\\", b'"', b"\0", b"y\n"])
def test_ten_megabytes(beginning: bytes, filling: bytes) -> None:
    """Ten MiB without a record, whatever they are made of, are passed over in blocks of fixed size."""
    reader = Reader()
    block = filling * (MIB // len(filling))
    reader.feed(beginning)
    for _ in range(10):
        reader.feed(block)
        assert len(reader.held) <= LIMIT + 1024
    totals = reader.feed(b"\n" + OTHER, Ending.FINAL)
    assert totals.records == ({"error": 1, "info": 1} if beginning == HEADER else {"info": 1})
    assert totals.oversized == bool(beginning)


def test_many_forged_headers_are_fast() -> None:
    """The time that a record with thousands of forged headers takes grows with its size, not with its square."""
    log = enclosed((b"Eve\n" + HEADER + b'Stale \\"booking\\"') * 10_000) + OTHER
    begin = time.process_time()
    totals = read(log, (len(log) // 2,))
    assert time.process_time() - begin < 5
    assert (totals.records, totals.events) == ({"error": 1, "info": 1}, [])


def test_header_halves() -> None:
    """A header is recognised wherever the block ends, also among orphans and behind a mark or NULs."""
    for before in (b"orphan\n", b"y" * 2000 + b"\n", b"\xef\xbb\xbf", b"y" * 2000 + b"\0\0"):
        log = before + STALE
        for cut in range(len(before) - 3, len(log)):
            totals = read(log, (cut,))
            assert (totals.records, totals.unparsed) == ({"error": 1}, before.count(b"\n"))


def test_no_header_amid_a_line() -> None:
    """What only stands at the beginning of a block, within a line, begins nothing."""
    for text in (HEADER, b"\xef\xbb\xbf" + HEADER, JSON[:12], b"[2020-06-02 10:56:05] Processed: App"):
        for beginning in (b"", HEADER + b"y" * 2000):
            log = beginning + b"y" * 1000 + text + b"y" * (512 - len(text))
            totals = read(log + b"\n" + OTHER, (len(log),), limit=1000)
            assert totals.records == ({"error": 1, "info": 1} if beginning else {"info": 1})
            assert totals.unparsed == (not beginning)


def test_visits() -> None:
    """Each record that begins is told once, with what was counted before it, also where the next block repeats it."""
    parts = (b"orphan\n", HEADER + b"a  \n", HEADER + b"b  \n", STALE, JSON, OTHER)
    log = b"".join(parts)
    starts = [sum(map(len, parts[:number])) for number in range(1, len(parts))]
    seen: list[tuple[int, int, int]] = []

    def visit(begin: int, cut: Cut) -> None:
        seen.append((begin, sum(cut.levels), len(cut.outcomes)))

    cutter = Cutter(SCANNER, judge)
    cutter.cut(bytearray(log), len(log), Carry(), ending=Ending.FINAL, visit=visit)
    assert seen == list(zip(starts, (0, 1, 2, 3, 4), (0, 0, 0, 1, 2), strict=True))
    for end in range(len(log)):
        seen.clear()
        first = cutter.cut(bytearray(log), end, Carry(), visit=visit)
        told = [begin for begin, _, _ in seen]
        seen.clear()
        rest = bytearray(log[first.start :])
        cutter.cut(rest, len(rest), first.carry, seen=end - first.start, ending=Ending.FINAL, visit=visit)
        assert told + [first.start + begin for begin, _, _ in seen] == starts


def test_folds() -> None:
    """The outcomes carry the fold that holds at their header, in file order and across blocks."""
    times = (b"02:10:00", b"02:58:00", b"02:01:00", b"02:02:00", b"03:00:00")
    log = b"".join(STALE.replace(b"2025-10-06 18:22:12", b"2025-10-26 " + text) for text in times)
    for cuts in ((), (130,), (200, 210)):
        reader = Reader(observe=FoldWatch(Times(ZoneInfo("Europe/Berlin"))).observe)
        done = 0
        for cut in cuts:
            reader.feed(log[done:cut])
            done = cut
        assert reader.feed(log[done:], Ending.FINAL).folds == [0, 0, 1, 1, 0]


def test_triggers_in_the_header() -> None:
    """What is found in a header counts for the record that it begins, not for the one before."""
    named = b"[2025-10-06 18:22:12] booking-channel.INFO: x  \n"
    assert read(named + OTHER + named).events == ["info b'x' {} 48"] * 2
    assert read(OTHER + named, (len(OTHER) + 30,)).events == ["info b'x' {} 48"]


def test_suspects_once() -> None:
    """A line that looks like a record in more than one way is one unparsed line, wherever the block ends."""
    log = STALE + b"[2020-06-02 10:56:05] a." + b"b" * 90 + b": c\n" + OTHER
    for cut in range(len(STALE), len(log)):
        assert read(log, (cut,)).unparsed == 1


@pytest.mark.parametrize(
    ("log", "limit"),
    [
        (HEADER + b' {"a":"Lock->block [] []\n [] []\n' + JSON, 1 << 20),
        (HEADER + JSON + b"\xef\xbb\xbf" + JSON, 150),
        (HEADER + b'x {"a":"' + b"y" * 200 + b"\n\0" + HEADER + b"z" * 900 + b'"b"\n' + OTHER, 150),
        (HEADER + b'x {"a":"' + b'\\"' * 600 + b"\n" + HEADER + b'z"} \n' + OTHER, 500),
        (HEADER + b'x {"a":"' + b"y" * 600 + b'"} z {"b":"\n' + HEADER + b'w"} \n' + OTHER, 500),
        (HEADER + b'x {"a":["' + b'y","' * 300 + b"\n" + HEADER + b'w"]} \n' + OTHER, 500),
    ],
)
def test_every_cut(log: bytes, limit: int) -> None:
    """Logs that once added up to something else when they were cut at some byte."""
    whole = read(log, limit=limit)
    for cut in range(len(log)):
        assert read(log, (cut,), limit=limit) == whole


def test_newest() -> None:
    """The last accepted header is told by its offset, -1 where there is none."""
    reader = Reader()
    reader.feed(STALE + b"\0" + OTHER)
    assert reader.last is not None
    assert reader.last.newest == len(STALE) + 1
    reader = Reader()
    reader.feed(b"orphan\n")
    assert reader.last is not None
    assert reader.last.newest == -1
