"""Scenarios of writing that no other test holds."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
from typing import TYPE_CHECKING

import pytest

from exporter.pipeline import BLOCK
from tests.support.stepper import Stepper, append, record, records

if TYPE_CHECKING:
    from pathlib import Path

LATE_WORD = b"Illuminate\\\\Cache\\\\Lock->block()"
TRACE = (
    b'[2025-10-09 10:53:20] production.ERROR: Failed to create appointment from call {"error":"","call_id":7,"trace":"'
    + b"\n".join(b"#%d /var/www/app/Services/Booking.php(%d): App\\\\Booking->book()" % (one, one) for one in range(40))
    + b"\n#40 /var/www/vendor/lock.php(9): "
    + LATE_WORD
    + b'\n#41 {main}"} \n'
)
"""A record with a trace, whose last lines make an event of it."""
CONFLICT = "booking_conflicts_total{lock}"


def test_crlf_and_bad_utf8(daemon: Stepper, logs: Path) -> None:
    """CRLF, lone CR and bytes that are no UTF-8 change nothing of what is counted, however they are cut."""
    line = record(1).replace(b"created", b"created by J\xfcrgen\xc3\r\xff\xfe").replace(b"\n", b"\r\n")
    data = line * 3 + b"\xef\xbb\xbf" + line + records(2, 4)
    for begin in range(0, len(data), 7):
        append(logs / "laravel.log", data[begin : begin + 7])
        daemon.step(0.2)
    daemon.settle()
    assert daemon.created() == 6
    assert daemon.counters()["log_records_total{info}"] == 6
    assert "unparsed_lines_total{app}" not in daemon.counters()


def test_nul_bytes_after_a_truncation(daemon: Stepper, logs: Path) -> None:
    """A writer without O_APPEND leaves NULs up to its old place when the file is truncated: the next records count."""
    log = logs / "laravel.log"
    with log.open("wb", buffering=0) as writer:
        writer.write(records(0, 100))
        daemon.settle()
        os.truncate(log, 0)
        daemon.step(0.2)
        writer.write(records(100, 104))
        daemon.settle()
        writer.write(records(104, 106))
        daemon.settle()
    assert log.read_bytes().startswith(b"\0" * len(records(0, 100)))
    assert daemon.created() == 106
    assert daemon.losses() == {"possible_losses_total{app,truncated}": 1}
    assert "unparsed_lines_total{app}" not in daemon.counters()


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1])
def test_record_of_the_size_of_a_block(daemon: Stepper, logs: Path, size: int) -> None:
    """A record that ends a byte before, at, or a byte behind the end of a block is counted once."""
    bare = len(record(5, pad=1)) - 1
    data = record(5, pad=size - bare)
    assert len(data) == size
    append(logs / "laravel.log", data + records(0, 3) + data + data)
    append(logs / "laravel-2.log", records(10, 13) + data[: size - 10])
    daemon.settle()
    append(logs / "laravel-2.log", data[size - 10 :])
    daemon.settle()
    assert daemon.created() == 10
    assert daemon.counters()["read_bytes_total{app}"] == 4 * size + len(records(0, 3) + records(10, 13))


def test_line_of_10_mib(daemon: Stepper, logs: Path) -> None:
    """A line of 10 MiB is one oversized record, judged by its beginning; the records around it count."""
    log = logs / "laravel.log"
    append(log, records(0, 3) + record(3, pad=10 << 20) + records(4, 6))
    append(logs / "laravel-2.log", b"x" * (10 << 20) + b"\n" + records(6, 8))
    daemon.settle()
    assert daemon.created() == 8
    assert daemon.counters()["oversized_records_total{app}"] == 1
    assert daemon.counters()["unparsed_lines_total{app}"] == 1
    assert len(daemon.daemon.loop._pipeline._buffer) < 2 << 20


@pytest.mark.parametrize("between", ["poll", "rename", "copytruncate", "stop", "kill", "rename while off"])
def test_trace_in_two_halves(daemon: Stepper, logs: Path, between: str) -> None:
    """A record whose trace comes in two halves is one record and one event, whatever happens in between."""
    log = logs / "laravel.log"
    for cut in (len(TRACE) // 2, TRACE.index(LATE_WORD) + 5, len(TRACE) - 1):
        before, old = daemon.counters(), logs / f"laravel.log.{cut}"
        append(log, records(cut, cut + 8) + TRACE[:cut])
        daemon.settle()
        rest = log
        if between == "kill":
            daemon.crash()
        elif between in {"stop", "rename while off"}:
            daemon.stop()
        if between.startswith("rename"):
            log.rename(old)
            rest = old
        append(rest, TRACE[cut:])
        if between == "copytruncate":
            old.write_bytes(log.read_bytes())
            os.truncate(log, 0)
        if between in {"stop", "rename while off"}:
            daemon.start()
        append(log, records(10_000 + cut, 10_000 + cut + 8))
        daemon.settle()
        after = daemon.counters()
        assert after[CONFLICT] - before.get(CONFLICT, 0) == 1
        assert after["log_records_total{error}"] - before.get("log_records_total{error}", 0) == 1
        assert after["appointments_created_total{public}"] - before.get("appointments_created_total{public}", 0) == 16
        assert daemon.losses() == {}


def _write(path: Path, first: int) -> None:
    """Write as Monolog's StreamHandler with locking does: one append under flock for each record."""
    with path.open("ab", buffering=0) as file:
        for number in range(first, first + 200):
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(record(number, pad=number % 5000))
            fcntl.flock(file, fcntl.LOCK_UN)


def test_many_writers(daemon: Stepper, logs: Path) -> None:
    """Eight processes that append to one file while it is read and rotated lose and double nothing."""
    log = logs / "laravel.log"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(log, 1000 * one)) for one in range(8)]
    for one in writers:
        one.start()
    turns = 0
    while any(one.is_alive() for one in writers):
        daemon.step(0.2)
        turns += 1
        if turns in {3, 20} and log.exists():
            log.rename(logs / f"laravel.log.{turns}")
            append(log, b"")
    for one in writers:
        one.join()
        assert one.exitcode == 0
    daemon.settle()
    assert daemon.created() == 8 * 200
    assert daemon.losses() == {}
    assert "unparsed_lines_total{app}" not in daemon.counters()
