"""Writes the logs that the benchmarks read: `python -m tests.benchmarks.generate sparse 300 FILE`.

Two kinds, both from a seed: `sparse` (2 % of the records are events; queries, transcripts, plain
lines and stack traces are the rest, in the shares that public Laravel logs have: one record in
eight with a trace, two thirds of the bytes in traces, about 1 KB a record) and `dense` (every
record is an event, with the contexts that the app logs). Both come in Monolog's line format and in
its JSON format. Every event is told by one record with a number of its own, so that a program
without memory of earlier records (such as one for mtail) can count the same.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from random import Random
from typing import Any

SEED = 20251006
CHUNK = 1 << 20
POOL = 400
"""Bodies prepared of each kind of record; numbers and times differ in each copy."""
NUMBER = 918273645
"""Stands in a prepared body for the record's number."""
_MARKER = b"%d" % NUMBER

FRAME = (
    "#%d /var/www/api-gateway/vendor/laravel/framework/src/Illuminate/%s(%d): Illuminate\\%s->handle(Object(Closure))\n"
)
PLACES = ("Pipeline/Pipeline.php", "Database/Connection.php", "Routing/Router.php", "Queue/Worker.php")
NAMES = ("Ada Beispiel", "Zoë Muster", "Łukasz Probe", "李 试例", "Jürgen Größe")
FAMILY = "🚨 DUPLICATE BOOKING PREVENTION: "

Body = tuple[str, str, dict[str, Any]]
"""A record's level, message and context."""


def _person(rng: Random) -> dict[str, Any]:
    name = rng.choice(NAMES)
    return {
        "name": name,
        "email": f"kunde{rng.randrange(999)}@example.test",
        "timeZone": "Europe/Berlin",
        "language": {"locale": "de"},
        "absent": False,
        "phoneNumber": None,
    }


def _trace(rng: Random) -> str:
    frames = rng.randrange(10, 60)
    return "".join(FRAME % (n, rng.choice(PLACES), 100 + n, "Pipeline\\Pipeline") for n in range(frames))


def _rejection(rng: Random) -> dict[str, Any]:
    return {
        "booking_id": NUMBER,
        "created_at": "2025-10-06T10:02:48+02:00",
        "age_seconds": -rng.randrange(120, 200000) / 4,
        "freshness_threshold_seconds": 30,
        "current_call_id": f"call_{rng.randbytes(13).hex()}",
        "booking_metadata_call_id": f"call_{rng.randbytes(13).hex()}",
        "booking_attendees": [_person(rng)],
        "requested_time": "2025-12-09 18:15",
        "reason": "Cal.com returned existing booking instead of creating new one",
    }


def _analysis(rng: Random) -> dict[str, Any]:
    keys = ["id", "uid", "title", "description", "hosts", "status", "start", "end", "duration", "metadata", "attendees"]
    host = {"id": 1414768, "name": "Jürgen Muster", "email": "host@example.test", "username": "jm"}
    data = {
        "id": NUMBER,
        "uid": rng.randbytes(11).hex(),
        "title": f"Beratung à la carte zwischen Salon und {rng.choice(NAMES)}",
        "description": 'Wunsch: \\ "kurz" / Tel: +49 151 …',
        "hosts": [host],
        "status": "accepted",
        "start": "2025-12-13T14:15:00.000Z",
        "attendees": [_person(rng)],
    }
    return {
        "booking_id": NUMBER,
        "response_structure": {"has_data_key": True, "has_user": False, "data_keys": keys},
        "hosts_array": [host],
        "full_response": {"status": "success", "data": data},
        "freshness_check_passed": True,
        "booking_age_seconds": -rng.randrange(1, 20) / 4,
    }


def _failed_save(rng: Random) -> dict[str, Any]:
    sql = "insert into `appointments` (`company_id`, `customer_id`, `service_id`, `starts_at`, `calcom_v2_booking_id`)"
    error = (
        f"SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '{NUMBER}' for key "
        f"'unique_calcom_v2_booking_id' (Connection: mysql, SQL: {sql} values (15, {rng.randrange(999)}, 42, ?, ?))"
    )
    return {"error": error, "call_id": rng.randrange(99999), "trace": _trace(rng)}


def _events(rng: Random) -> list[Body]:
    booked = {"appointment_id": NUMBER, "customer": rng.choice(NAMES), "service": "Beratung", "calcom_id": "x1"}
    conflict = {"existing_appointment_id": NUMBER, "existing_customer": rng.choice(NAMES), "company_id": 15}
    duplicate = {"existing_appointment_id": 1, "new_customer_name": rng.choice(NAMES), "calcom_booking_id": str(NUMBER)}
    cached = {"call_id": f"call_{rng.randbytes(13).hex()}", "appointment_id": NUMBER}
    return [
        ("ERROR", FAMILY + "Stale booking detected from Cal.com idempotency", _rejection(rng)),
        ("ERROR", FAMILY + "Call ID mismatch - booking belongs to different call", _rejection(rng)),
        ("ERROR", FAMILY + "Appointment with this Cal.com booking ID already exists", duplicate),
        ("ERROR", "❌ Failed to save appointment record to database", _failed_save(rng)),
        ("INFO", "🔍 POC: COMPLETE Cal.com Booking Response Analysis", _analysis(rng)),
        ("INFO", "✅ Cal.com booking successful and validated", {"booking_id": NUMBER, "freshness_validated": True}),
        ("INFO", "📅 Local appointment record created", booked),
        ("INFO", "✅ Appointment created immediately after Cal.com booking", booked),
        ("INFO", "Appointment created from booking", booked),
        ("WARNING", "🚨 PRE-SYNC CONFLICT: Slot already booked in database", conflict),
        ("ERROR", "🚨 CRITICAL: Cal.com booked WRONG time - rejecting booking!", conflict),
        ("WARNING", "[SLOT_LOCK] Lock conflict", {"lock_key": f"booking_lock:{NUMBER}", "current_call": "call_1"}),
        ("INFO", "⚡ IDEMPOTENCY: Returning cached booking result for duplicate call", cached),
        ("INFO", "💾 IDEMPOTENCY: Cached successful booking result", cached),
        ("ERROR", "Cal.com booking failed", {"call_id": NUMBER, "status": 422, "body": "slot is not available"}),
        ("WARNING", "🔄 SAGA Compensation: Attempting to cancel Cal.com booking", {"calcom_booking_id": str(NUMBER)}),
        ("INFO", "[Cal.com] Webhook received", {"event": "BOOKING.CREATED", "id": NUMBER}),
        ("INFO", "✅ Webhook Event Processed", {"id": NUMBER, "provider": "calcom", "event_type": "BOOKING.CREATED"}),
        ("INFO", "🔍 Duplicate check performance", {"query_time_ms": rng.randrange(1, 40) / 4, "result": "unique"}),
    ]


def _noise(rng: Random) -> Body:
    draw = rng.random()
    if draw < 0.13:
        text = f"[object] (RuntimeException(code: 0): boom at /app/x.php:3)\n[stacktrace]\n{_trace(rng)}"
        return "ERROR", "Something failed badly", {"exception": text}
    if draw < 0.25:
        return "DEBUG", f"🔒 Acquiring distributed lock {rng.randrange(99)}", {}
    if draw < 0.30:
        lines = "\n".join(
            f"User: Ich bräuchte einen Termin, {rng.choice(NAMES)} …" for _ in range(rng.randrange(2, 20))
        )
        return (
            "INFO",
            "[14 MB] QUERY",
            {"sql": "update `calls` set `transcript` = ?", "bindings": [lines], "time_ms": 1.5},
        )
    sql = "select * from `calls` where `retell_call_id` = ? limit 1"
    return "INFO", f"[{rng.randrange(10, 30)} MB] QUERY", {"sql": sql, "bindings": [f"call_{NUMBER}"], "time_ms": 0.83}


def _line(body: Body, _: Random) -> tuple[bytes, bytes]:
    """Return a body in Monolog's line format as Laravel configures it, up to the time and from there on."""
    level, message, context = body
    text = json.dumps(context, ensure_ascii=False, separators=(",", ":")).replace("\\n", "\n") if context else ""
    return b"[", f"] production.{level}: {message} {text} \n".encode()


def _json(body: Body, rng: Random) -> tuple[bytes, bytes]:
    """Return a body in Monolog's JSON format, up to the time and from there on."""
    level, message, context = body
    fields = {"message": message, "context": context, "level": 200, "level_name": level, "channel": "production"}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"datetime":"'.encode(), f'.{rng.randrange(10**6):06d}+02:00","extra":{{}}}}\n'.encode()


FORMATS = {"line": (_line, b" "), "json": (_json, b"T")}


SHARES = {"sparse": 0.02, "dense": 1.0}
"""The share of events among the records of each kind of log."""
PER_SECOND = 20
"""Records that bear the same simulated second."""


class Source:
    """Records without end: equal for an equal share of events, seed and format."""

    def __init__(self, share: float, *, seed: int = SEED, form: str = "line") -> None:
        self._rng = Random(seed)
        self._share = share
        self._first = seed % 86400  # two logs that begin in one second with one record would be taken for copies
        write, self._between = FORMATS[form]
        self._events = [write(body, self._rng) for _ in range(POOL // 10) for body in _events(self._rng)]
        self._noise = [write(_noise(self._rng), self._rng) for _ in range(POOL * 5)]
        self.records = 0

    def record(self) -> bytes:
        """Return the next record, with a number of its own and the time of the simulation."""
        self.records += 1
        second = self._first + self.records // PER_SECOND
        clock = b"2025-10-%02d%s%02d:%02d:%02d" % (
            1 + second // 86400 % 25,
            self._between,
            second // 3600 % 24,
            second // 60 % 60,
            second % 60,
        )
        before, behind = self._rng.choice(self._events if self._rng.random() < self._share else self._noise)
        own = b"%d" % self.records
        return before.replace(_MARKER, own) + clock + behind.replace(_MARKER, own)


def generate(kind: str, size: int, path: Path, *, seed: int = SEED, form: str = "line") -> int:
    """Write about `size` bytes of the `kind` of log to `path`; return the number of records."""
    return generate_share(SHARES[kind], size, path, seed=seed, form=form)


def generate_share(share: float, size: int, path: Path, *, seed: int = SEED, form: str = "line") -> int:
    """Write about `size` bytes to `path`, `share` of the records events; return the number of records."""
    source = Source(share, seed=seed, form=form)
    written = 0
    with path.open("wb") as file:
        while written < size:
            lines = []
            pending = 0
            while pending < min(CHUNK, size - written):
                lines.append(source.record())
                pending += len(lines[-1])
            written += file.write(b"".join(lines))
        # Writing back what is dirty would slow down the commits of whoever is measured on it.
        file.flush()
        os.fsync(file.fileno())
    return source.records


KINDS = tuple(SHARES)


def main() -> None:
    """Generate a log as the command line says."""
    parser = argparse.ArgumentParser(description="Generate a log to measure with.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("megabytes", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--format", choices=sorted(FORMATS), default="line")
    chosen = parser.parse_args()
    generate(chosen.kind, chosen.megabytes * 1_000_000, chosen.file, seed=chosen.seed, form=chosen.format)


if __name__ == "__main__":
    main()
