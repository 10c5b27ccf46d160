"""Writes the logs that the benchmarks read: `python -m tests.benchmarks.generate sparse 300 FILE`.

Two kinds, both from a seed: `sparse` (2 % of the records are events, the others queries, plain
lines and stack traces, as in a real app) and `dense` (every record is an event). Every event is
told by one record with a number of its own, so that a program without memory of earlier records
(such as one for mtail) can count the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

SEED = 20251006
CHUNK = 1 << 20

FRAME = (
    b"#%d /var/www/api-gateway/vendor/laravel/framework/src/Illuminate/Pipeline/Pipeline.php(%d): "
    b"Illuminate\\Pipeline\\Pipeline->handle(Object(Illuminate\\Http\\Request), Object(Closure))\n"
)
TRACE = b"".join(FRAME % (number, 100 + number) for number in range(30))
FAMILY = "🚨 DUPLICATE BOOKING PREVENTION: ".encode()

EVENTS = (
    b"ERROR: " + FAMILY + b'Stale booking detected from Cal.com idempotency {"booking_id":%d,"age_seconds":-2041.5} \n',
    b"ERROR: " + FAMILY + b'Call ID mismatch - other call {"booking_id":%d,"age_seconds":-12.25} \n',
    b"ERROR: " + FAMILY + b'Appointment with this Cal.com booking ID already exists {"calcom_booking_id":"%d"} \n',
    b'ERROR: Failed to save appointment record to database {"error":"%d for key \'unique_calcom_v2_booking_id\'"} \n',
    b'INFO: COMPLETE Cal.com Booking Response Analysis {"booking_id":%d,"booking_age_seconds":-0.75} \n',
    b'INFO: Cal.com booking successful and validated {"booking_id":%d,"freshness_validated":true} \n',
    b'INFO: Local appointment record created {"appointment_id":%d} \n',
    b'INFO: Appointment created immediately after Cal.com booking {"appointment_id":%d} \n',
    b'INFO: Appointment created from booking {"appointment_id":%d} \n',
    b'INFO: Public booking created {"appointment_id":%d} \n',
    b'WARNING: PRE-SYNC CONFLICT: Slot already booked in database {"existing_appointment_id":%d} \n',
    b'ERROR: CRITICAL: Cal.com booked WRONG time - rejecting booking! {"booking_id":%d} \n',
    b'WARNING: [SLOT_LOCK] Lock conflict {"lock_key":"booking_lock:%d"} \n',
    b'INFO: IDEMPOTENCY: Returning cached booking result {"appointment_id":%d} \n',
    b'INFO: IDEMPOTENCY: Cached successful booking result {"appointment_id":%d} \n',
    b'WARNING: Duplicate booking attempt blocked (SYNC) {"call_id":%d} \n',
    b'ERROR: Cal.com booking failed {"call_id":%d,"status":422} \n',
    b'WARNING: SAGA Compensation: Attempting to cancel {"calcom_booking_id":"%d"} \n',
    b'INFO: [Cal.com] Webhook received {"event":"BOOKING.CREATED","id":%d} \n',
    b'INFO: Webhook Event Processed {"id":%d,"provider":"calcom"} \n',
    b'INFO: Duplicate check performance {"call_id":%d,"query_time_ms":0.5,"result":"unique"} \n',
)


def _event(rng: Random, number: int) -> bytes:
    return rng.choice(EVENTS) % number


def _any(rng: Random, number: int) -> bytes:
    draw = rng.random()
    if draw < 0.02:
        return _event(rng, number)
    if draw < 0.08:
        return b'ERROR: Something failed {"exception":"[object] (RuntimeException(code: 0): boom)\n' + TRACE + b'"} \n'
    if draw < 0.2:
        return b"DEBUG: plain words  \n"
    return (
        b'INFO: [14 MB] QUERY {"sql":"select * from `calls` where `retell_call_id` = ? limit 1",'
        b'"bindings":["call_c16e0a04dce8c2b10c92b5f6%d"],"time_ms":0.83} \n' % number
    )


KINDS = {"sparse": _any, "dense": _event}


def generate(kind: str, size: int, path: Path, *, seed: int = SEED) -> int:
    """Write about `size` bytes of the `kind` of log to `path`; return the number of records."""
    rng = Random(seed)
    record = KINDS[kind]
    number = written = 0
    with path.open("wb") as file:
        while written < size:
            lines = []
            pending = 0
            while pending < CHUNK:
                number += 1
                second = number // 20
                clock = b"[2025-10-%02d %02d:%02d:%02d] production." % (
                    1 + second // 86400 % 28,
                    second // 3600 % 24,
                    second // 60 % 60,
                    second % 60,
                )
                lines.append(clock + record(rng, number))
                pending += len(lines[-1])
            written += file.write(b"".join(lines))
    return number


def main() -> None:
    """Generate a log as the command line says."""
    parser = argparse.ArgumentParser(description="Generate a log to measure with.")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("megabytes", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    generate(chosen.kind, chosen.megabytes * 1_000_000, chosen.file, seed=chosen.seed)


if __name__ == "__main__":
    main()
