"""Memory stays bounded on records and lines of any size (guarantee G5)."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, BinaryIO

import pytest

from tests.support.daemon import environment
from tests.support.oracle import sample
from tests.support.peak import measured, peak_kib
from tests.support.scrape import parse

if TYPE_CHECKING:
    from pathlib import Path

SIZE = int(os.environ.get("BOOKING_EXPORTER_MEMORY_TEST_BYTES", "2000000000"))
LONG_LINE = 200_000_000
LIMIT_KIB = 90_000_000 // 1024

HEADER = b"[2025-10-06 18:22:12] production."
EVENT = HEADER + b'INFO: Public booking created {"appointment_id":1,"note":"'
TRACE = b"#17 /var/www/vendor/laravel/framework/src/Illuminate/Pipeline/Pipeline.php(144): handle(Object(Request))\n"


def _write_block(file: BinaryIO) -> int:
    """Write an event of 300 KB and a stack trace of 300 KB, two records."""
    note = b"x" * 300_000
    trace = TRACE * (300_000 // len(TRACE))
    return file.write(EVENT + note + b'"} \n' + HEADER + b'ERROR: boom {"exception":"' + trace + b'"} \n')


def _run_once(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Read all files once; the peak of resident memory is told on standard error."""
    return subprocess.run(
        measured("run", "--once", *arguments),
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        check=False,
    )


@pytest.mark.slow
def test_two_gigabytes_are_read_with_less_than_90_mb(tmp_path: Path) -> None:
    """2 GB of 300 KB records and one line of 200 MB are counted exactly, with resident memory under 90 MB."""
    log = tmp_path / "laravel.log"
    size = events = 0
    with log.open("wb") as file:
        while size < SIZE - LONG_LINE:
            size += _write_block(file)
            events += 1
        size += file.write(HEADER + b"INFO: endless ")
        for _ in range(LONG_LINE // 1_000_000):
            size += file.write(b"Stale booking detected, y" * 40_000)
        size += file.write(b"\n" + EVENT + b'"} \n')
    try:
        done = _run_once("--log", str(log))
    finally:
        log.unlink()
    assert done.returncode == 0, done.stderr
    scrape = parse(done.stdout)
    assert scrape[sample("api_gateway_appointments_created_total", {"source": "public"})] == events + 1
    assert scrape.total("api_gateway_log_records_total") == 2 * events + 2
    assert scrape.total("booking_exporter_oversized_records_total") == 1
    assert scrape.total("booking_exporter_read_bytes_total") == size
    assert peak_kib(done.stderr) < LIMIT_KIB


def test_a_hundred_logs_are_followed_with_less_than_90_mb(tmp_path: Path) -> None:
    """100 configured logs, each full of events of many kinds, are counted exactly, with resident memory under 90 MB."""
    logs, events = 100, 2000
    kinds = (b"INFO: Public booking created", b"ERROR: Stale booking detected", b"WARNING: [SLOT_LOCK] Lock conflict")
    for number in range(logs):
        lines = (
            HEADER + kinds[at % 3] + b' {"booking_id":%d,"age_seconds":%d.5} \n' % (number, at) for at in range(events)
        )
        (tmp_path / f"{number}.log").write_bytes(b"".join(lines))
    config = tmp_path / "config.yaml"
    config.write_text("logs:\n" + "".join(f"  - {{name: l{n}, paths: ['{tmp_path}/{n}.log']}}\n" for n in range(logs)))
    done = _run_once("--config", str(config))
    assert done.returncode == 0, done.stderr
    scrape = parse(done.stdout)
    assert scrape.total("api_gateway_log_records_total") == logs * events
    assert peak_kib(done.stderr) < LIMIT_KIB
