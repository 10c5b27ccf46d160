"""Properties of the cutter over generated logs: what it counts does not depend on the blocks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.records.block import Ending
from exporter.records.enclosure import LINE_LIMIT
from tests.support.cutting import HEADER, PHRASE, TOKENS, Reader, read

LIMITS = st.sampled_from([150, 300, 700, 1 << 20])
logs = st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)
offsets = st.lists(st.integers(0, 4000), max_size=12)

TRACE = b"[stacktrace]\n#0 /var/www/a.php(3): b()\n"
WELL_FORMED = (
    HEADER + b'Stale booking detected {"age_seconds":-31.5} \n',
    HEADER + b"Stale booking detected  \n" + TRACE,
    HEADER + b'x {"name":"Eve\n' + HEADER + b'Stale booking {\\"a\\":1} \n' + HEADER + b'again"} \n',
    HEADER + b'x {"list":["} ","a  \n' + HEADER + b'b"]} {"url":"z"} \n' + TRACE,
    b"\0\0\0" + HEADER + b"y [] []\n",
    b'{"message":"Stale booking","context":[],"level":400,"level_name":"ERROR","channel":"a","extra":[]}\n',
    HEADER + b'HTTP request returned status code 400:\n{"message":"Unauthenticated."}\n {"status":400} \n',
)
"""Each is one record of level error, whatever stands inside; those with the phrase in their message are an event."""


@settings(max_examples=300, deadline=None)
@given(logs, offsets, LIMITS)
def test_blocks_do_not_matter(log: bytes, cuts: list[int], limit: int) -> None:
    """What a log adds up to does not depend on the blocks or on the restarts between them."""
    assert read(log, cuts, limit=limit) == read(log, limit=limit)


@settings(max_examples=100, deadline=None)
@given(logs)
def test_single_bytes(log: bytes) -> None:
    """A log that grows byte by byte adds up to the same."""
    assert read(log[:400], range(400)) == read(log[:400])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WELL_FORMED), max_size=12), offsets)
def test_oracle(records: list[bytes], cuts: list[int]) -> None:
    """Of well-formed records exactly as many are counted as were written, forged ones never."""
    events = sum(record in (WELL_FORMED[0], WELL_FORMED[1], WELL_FORMED[5]) for record in records)
    totals = read(b"".join(records), cuts)
    assert totals.records == ({"error": len(records)} if records else {})
    assert (len(totals.events), totals.unparsed, totals.oversized) == (events, 0, 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=40)), max_size=30), offsets, LIMITS)
def test_any_bytes(parts: list[bytes], cuts: list[int], limit: int) -> None:
    """Any bytes at all are read without an error, with any silence between, and no more is counted than is there."""
    log = b"".join(parts)
    reader, done = Reader(limit=limit), 0
    for end in sorted(min(cut, len(log)) for cut in cuts):
        reader.feed(log[done:end], Ending.QUIET if end % 2 else Ending.MORE)
        done = end
    totals = reader.feed(log[done:], Ending.FINAL)
    assert sum(totals.levels) <= log.count(b": ") + log.count(b'"level_name":"')
    assert len(totals.events) <= 2 * (sum(totals.levels) + totals.unparsed + totals.oversized)
    assert totals.unparsed <= log.count(b"\n") + log.count(b"{") + log.count(b"[2020-06-02 10:56:05]")


@settings(max_examples=100, deadline=None)
@given(logs, LIMITS, st.integers(1, 3000))
def test_progress(log: bytes, limit: int, size: int) -> None:
    """What is kept for the next block is bounded, so that a buffer of fixed size never fills up."""
    reader = Reader(limit=limit)
    for at in range(0, len(log), size):
        reader.feed(log[at : at + size])
        assert len(reader.held) <= limit + LINE_LIMIT + 1024


@settings(max_examples=200, deadline=None)
@given(st.permutations(WELL_FORMED), st.integers(0, 2000))
def test_silence_never_counts_twice(records: list[bytes], at: int) -> None:
    """Silence anywhere, also inside a record, takes no event back and counts none twice."""
    log = b"".join(records)
    reader = Reader()
    before = len(reader.feed(log[:at], Ending.QUIET).events)
    totals = reader.feed(log[at:], Ending.FINAL)
    assert before <= len(totals.events) == 3
    assert log.count(PHRASE) > 3
