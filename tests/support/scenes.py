"""What the simulated app does: a scene is a few log calls in a row and what they must add to the series.

Scenes are drawn from a seeded `random.Random`. All values observed are multiples of 1/4 (ages) or
1/4096 s (durations), so that their sums are exact in any order. Each unique-key violation has a
key of its own and its records stay together, because the grouping of its reports depends on
their order (failed save first) and on 60 s of event time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.monolog import Entry
from tests.support.noise import noise
from tests.support.oracle import Tally

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

FAMILY = "🚨 DUPLICATE BOOKING PREVENTION: "

CREATED = (
    ("📅 Local appointment record created", "call"),
    ("✅ Appointment created immediately after Cal.com booking", "function"),
    ("✅ Appointment created from booking", "webhook"),
    ("✅ Appointment created (async mode)", "async"),
    ("Public booking created", "public"),
    ("[BookingService] Appointment created", "service"),
    ("Local appointment created with idempotency key", "service"),
    ("Appointment created from call", "webhook_call"),
)
CONFLICTS = (
    ("WARNING", "🚨 PRE-SYNC CONFLICT: Slot already booked in database", "slot"),
    ("ERROR", "🚨 CRITICAL: Cal.com booked WRONG time - rejecting booking!", "wrong_time"),
    ("WARNING", "[SLOT_LOCK] Lock conflict", "slot_lock"),
    ("WARNING", "⚠️ Could not acquire booking lock - concurrent booking in progress", "lock"),
)
IDEMPOTENCY = (
    ("INFO", "⚡ IDEMPOTENCY: Returning cached booking result for duplicate call", "hit"),
    ("INFO", "💾 IDEMPOTENCY: Cached successful booking result", "stored"),
    ("WARNING", "🛡️ Duplicate booking attempt blocked (SYNC) - returning existing appointment", "blocked"),
)
WEBHOOKS = (
    ("INFO", "✅ Webhook Event Processed", "processed"),
    ("ERROR", "❌ Webhook Event Failed", "failed"),
    ("INFO", "Webhook Event Ignored", "ignored"),
)
FINDINGS = (
    ("CRITICAL", "DUPLICATE BOOKINGS DETECTED", "duplicates"),
    ("EMERGENCY", "Unable to create configured logger. Using emergency logger.", "logging_broken"),
)
MYSQL = (
    "SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry 'KEY' for key "
    "'unique_calcom_v2_booking_id' (Connection: mysql, SQL: insert into `appointments` (`id`) values (KEY))"
)
STACK = "\n".join(f"#{n} /var/www/api-gateway/app/Services/Step.php({n * 7}): App\\Step->run()" for n in range(12))


class App:
    """The simulated app: remembers the bookings it met, because repeats are one incident.

    Its bookings are numbered from `first` on: two apps in one test must not share numbers.
    """

    def __init__(self, rng: Random, first: int) -> None:
        self.rng = rng
        self._next = first
        self._met: dict[str, list[int]] = {}

    def scene(self) -> tuple[list[Entry], Tally]:
        """Return the next entries and what they add, levels included."""
        tally = Tally()
        entries = [noise(self.rng)] if self.rng.random() < 0.6 else self.rng.choice(SCENES)(self, tally)
        for entry in entries:
            tally.add("log_records_total", level=entry.level.lower())
        return entries, tally

    def fresh(self) -> int:
        """Return a booking's number that was not used before."""
        self._next += 1
        return self._next

    def booking(self, layer: str, tally: Tally) -> int:
        """Return a new booking or one met before in `layer`; a new one is one more incident."""
        met = self._met.setdefault(layer, [])
        if met and self.rng.random() < 0.3:
            return self.rng.choice(met)
        met.append(self.fresh())
        tally.add("duplicate_booking_incidents_total", layer=layer)
        return met[-1]

    def age(self) -> float:
        """Return an age as Carbon 3 logs it: negative for the past."""
        return -self.rng.randrange(1, 40_000) / 4


def stale(app: App, tally: Tally) -> list[Entry]:
    """Log layer 1: Cal.com returned an old booking."""
    age = app.age()
    tally.add("duplicate_booking_rejections_total", layer="layer1", reason="stale_booking")
    tally.observe("booking_age_seconds", -age, status="stale")
    context = {"booking_id": app.booking("layer1", tally), "age_seconds": age, "attendee": "Łukasz Żółć"}
    return [Entry("ERROR", FAMILY + "Stale booking detected from Cal.com idempotency", context)]


def mismatch(app: App, tally: Tally) -> list[Entry]:
    """Log layer 2: the booking belongs to another call; its age may be null."""
    age = None if app.rng.random() < 0.3 else app.age()
    tally.add("duplicate_booking_rejections_total", layer="layer2", reason="call_id_mismatch")
    if age is not None:
        tally.observe("booking_age_seconds", -age, status="call_id_mismatch")
    context = {"booking_id": app.booking("layer2", tally), "age_seconds": age, "expected_call_id": "call_a"}
    return [Entry("ERROR", FAMILY + "Call ID mismatch - booking belongs to different call", context)]


def database(app: App, tally: Tally) -> list[Entry]:
    """Log layer 3: the app's own check found the booking in its table."""
    tally.add("duplicate_booking_rejections_total", layer="layer3", reason="database_duplicate")
    context = {"existing_customer_name": "Ännchen Öztürk", "calcom_booking_id": str(app.booking("layer3", tally))}
    return [Entry("ERROR", FAMILY + "Appointment with this Cal.com booking ID already exists", context)]


def unique(app: App, tally: Tally) -> list[Entry]:
    """Log layer 4: one violation told two to four times, sometimes with its compensation."""
    key = str(app.fresh())
    error = MYSQL.replace("KEY", key)
    tally.add("duplicate_booking_rejections_total", layer="layer4", reason="unique_constraint")
    tally.add("duplicate_booking_incidents_total", layer="layer4")
    saved = {"error": error, "calcom_booking_id": key, "trace": STACK}
    report = Entry(
        "ERROR", error, {"userId": 7, "exception": f"[object] (PDOException: {error}\n[stacktrace]\n{STACK}"}
    )
    entries = [Entry("ERROR", "❌ Failed to save appointment record to database", saved)]
    if app.rng.random() < 0.5:
        entries += compensation(app, tally, key, "unique_constraint")
    entries.append(Entry("ERROR", "Failed to create appointment from call", {"error": error, "trace": STACK}))
    return entries + [report] * app.rng.randrange(3)


def reported(app: App, tally: Tally) -> list[Entry]:
    """Log layer 4 by the framework's report alone, twice within one second: one rejection."""
    key = str(app.fresh())
    error = (
        'SQLSTATE[23505]: Unique violation: 7 ERROR:  duplicate key value violates unique constraint "'
        f'unique_calcom_v2_booking_id"\nDETAIL:  Key (calcom_v2_booking_id)=({key}) already exists.'
    )
    tally.add("duplicate_booking_rejections_total", layer="layer4", reason="unique_constraint")
    tally.add("duplicate_booking_incidents_total", layer="layer4")
    return [Entry("ERROR", error, {"exception": f"[object] ({error}\n[stacktrace]\n{STACK}"})] * app.rng.randrange(1, 3)


def compensation(app: App, tally: Tally, key: str, cause: str) -> list[Entry]:
    """Log the cancellation of a booking that could not be saved."""
    tally.add("compensation_attempts_total")
    outcome, level, message = app.rng.choice(
        (
            ("succeeded", "INFO", "✅ SAGA Compensation successful: Cal.com booking cancelled"),
            ("failed", "ERROR", "❌ SAGA Compensation FAILED: Cal.com booking not cancelled"),
            ("failed", "ERROR", "❌ SAGA Compensation exception: Cal.com cancellation failed"),
        )
    )
    tally.add("compensations_total", outcome=outcome, cause=cause)
    attempt = Entry(
        "WARNING",
        "🔄 SAGA Compensation: Attempting to cancel Cal.com booking due to DB failure",
        {"calcom_booking_id": key, "starts_at": "2026-11-29 17:45:00"},
    )
    return [attempt, Entry(level, message, {"calcom_booking_id": key, "reason": "db_save_failed"})]


def compensated(app: App, tally: Tally) -> list[Entry]:
    """Log a compensation after another failure than a duplicate."""
    return compensation(app, tally, str(app.fresh()), "other")


def created(app: App, tally: Tally) -> list[Entry]:
    """Log an appointment by one of the app's code paths."""
    message, source = app.rng.choice(CREATED)
    tally.add("appointments_created_total", source=source)
    return [Entry("INFO", message, {"appointment_id": app.fresh(), "customer": "Jürgen Größenwahn"})]


def validated(app: App, tally: Tally) -> list[Entry]:
    """Log a fresh booking: its analysis, whose age may be null, and its validation."""
    age = None if app.rng.random() < 0.2 else app.age()
    if age is not None:
        tally.observe("booking_age_seconds", -age, status="accepted")
    tally.add("bookings_validated_total")
    analysis = {"booking_id": app.fresh(), "title": "Beratung à la carte\nUmbruch", "booking_age_seconds": age}
    return [
        Entry("INFO", "🔍 POC: COMPLETE Cal.com Booking Response Analysis", analysis),
        Entry("INFO", "✅ Cal.com booking successful and validated", {"freshness_validated": True}),
    ]


def conflict(app: App, tally: Tally) -> list[Entry]:
    """Log a conflict that is no duplicate."""
    level, message, kind = app.rng.choice(CONFLICTS)
    tally.add("booking_conflicts_total", kind=kind)
    return [Entry(level, message, {"lock_key": "booking_lock:1:38:2026-11-30_09:45"})]


def lock_timeout(_app: App, tally: Tally) -> list[Entry]:
    """Log a lock that was not granted in time, which the app tells by a trace only."""
    tally.add("booking_conflicts_total", kind="lock")
    trace = "#0 /var/www/Creation.php(21): Illuminate\\Cache\\Lock->block()\n#1 {main}"
    return [Entry("ERROR", "Failed to create appointment from call", {"error": "", "call_id": 5, "trace": trace})]


def idempotency(app: App, tally: Tally) -> list[Entry]:
    """Log the outcome of an idempotency check."""
    level, message, result = app.rng.choice(IDEMPOTENCY)
    tally.add("idempotency_results_total", result=result)
    return [Entry(level, message, {"call_id": "call_bdf7", "age_seconds": -188.75})]


def upstream(app: App, tally: Tally) -> list[Entry]:
    """Log a booking that Cal.com refused."""
    status = app.rng.choice((302, 400, 409, 422, 500, 503))
    tally.add("upstream_failures_total", status_class=f"{status // 100}xx")
    return [Entry("ERROR", "❌ Cal.com booking failed", {"status": status, "error": "zurückgewiesen"})]


def webhook(app: App, tally: Tally) -> list[Entry]:
    """Log a webhook's arrival and its processing."""
    level, message, outcome = app.rng.choice(WEBHOOKS)
    provider = app.rng.choice(("calcom", "retell", "stripe"))
    shown = "other" if provider == "stripe" else provider
    tally.add("webhooks_received_total")
    tally.add("webhook_events_total", provider=shown, outcome=outcome)
    return [
        Entry("INFO", "[Cal.com] Webhook received", {"event": "BOOKING.CREATED"}),
        Entry(level, message, {"id": app.fresh(), "provider": provider, "event_type": "BOOKING.CREATED"}),
    ]


def bad_signature(app: App, tally: Tally) -> list[Entry]:
    """Log a webhook whose signature is wrong."""
    provider, level, message = app.rng.choice(
        (("calcom", "DEBUG", "[Cal.com] Signature failed"), ("retell", "WARNING", "Retell webhook: Invalid signature"))
    )
    tally.add("webhook_events_total", provider=provider, outcome="bad_signature")
    return [Entry(level, message, {"provided": "no-secret-provided"})]


def performance(app: App, tally: Tally) -> list[Entry]:
    """Log the two durations that the app's roadmap announces."""
    check, total = (app.rng.randrange(1, 4096) / 4096 for _ in range(2))
    result, with_check = app.rng.choice(("unique", "duplicate")), app.rng.random() < 0.5
    tally.observe("duplicate_check_duration_seconds", check, result=result)
    tally.observe("appointment_creation_duration_seconds", total, duplicate_check=str(with_check).lower())
    return [
        Entry("INFO", "🔍 Duplicate check performance", {"query_time_ms": check * 1000, "result": result}),
        Entry(
            "INFO",
            "📊 Appointment creation performance",
            {"total_time_ms": total * 1000, "has_duplicate_check": with_check},
        ),
    ]


def finding(app: App, tally: Tally) -> list[Entry]:
    """Log a finding of the app's own health check."""
    level, message, kind = app.rng.choice(FINDINGS)
    tally.add("app_findings_total", kind=kind)
    return [Entry(level, message, {"count": 2})]


def unrecognized(_app: App, tally: Tally) -> list[Entry]:
    """Log a record of the family whose wording nobody declared."""
    tally.add("unrecognized_events_total")
    return [Entry("ERROR", FAMILY + "Something the definitions do not know", {"booking_id": 1})]


SCENES: tuple[Callable[[App, Tally], list[Entry]], ...] = (
    stale,
    mismatch,
    database,
    unique,
    reported,
    compensated,
    created,
    created,
    validated,
    conflict,
    lock_timeout,
    idempotency,
    upstream,
    webhook,
    bad_signature,
    performance,
    finding,
    unrecognized,
)
