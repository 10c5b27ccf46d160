"""Bookings that succeed, and everything around them that is no duplicate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from exporter.demo.lines import trace
from exporter.demo.stage import Appointment, observed, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.demo.stage import Booking, Stage, Written

_CREATED_OTHERWISE = (
    ("function", "✅ Appointment created immediately after Cal.com booking"),
    ("webhook", "Appointment created from booking"),
    ("async", "✅ Appointment created (async mode)"),
    ("public", "Public booking created"),
    ("service", "[BookingService] Appointment created"),
    ("webhook_call", "Appointment created from call"),
)


def success(stage: Stage) -> Iterator[Written]:
    """Yield a booking by telephone from the lock to the saved appointment."""
    booking = stage.booking()
    yield from _reserve(stage, booking)
    yield from _accept(stage, booking)
    yield from _save(stage, booking)


def _reserve(stage: Stage, booking: Booking) -> Iterator[Written]:
    key = f"booking_lock:{booking.company}:38:{booking.starts_at:%Y-%m-%d_%H:%M}"
    lock = {"lock_key": key, "customer_id": booking.customer}
    yield stage.log("debug", "🔒 Acquiring distributed lock for booking", lock)
    yield stage.log("info", "✅ Distributed lock acquired", lock)
    wish = {"customer": booking.name, "service": booking.service, "start_time": booking.start_text}
    yield stage.log("info", "📞 Attempting Cal.com booking (lock acquired)", wish)
    yield stage.log("debug", "✅ PRE-SYNC VALIDATION passed: No conflicting appointments in DB")


def _accept(stage: Stage, booking: Booking) -> Iterator[Written]:
    age = -stage.seconds(0.2, 6)
    answer = {
        "id": booking.id,
        "title": f"{booking.service} zwischen Salon und {booking.name}",
        "description": 'Wunsch: "kurz"\nTel: +49 151 …',
        "attendees": [{"name": booking.name, "email": f"guest{booking.number}@example.test"}],
        "metadata": {"call_id": booking.call},
    }
    analysis = {
        "booking_id": booking.id,
        "organizer": None,
        "full_response": {"status": "success", "data": answer},
        "freshness_check_passed": True,
        "call_id_validation_passed": True,
        "booking_age_seconds": age,
    }
    seen = observed("booking_age_seconds", abs(age), status="accepted")
    yield stage.log("info", "🔍 POC: COMPLETE Cal.com Booking Response Analysis", analysis, seen)
    validated = {"booking_id": booking.id, "time": booking.start_text, "freshness_validated": True}
    count = {sample("bookings_validated_total"): 1.0}
    yield stage.log("info", "✅ Cal.com booking successful and validated", validated, count)
    yield stage.log("info", "✅ Appointment created at desired time", {"time": booking.start_text})


def _save(stage: Stage, booking: Booking) -> Iterator[Written]:
    start = {"customer_name": booking.name, "starts_at": booking.start_text, "calcom_booking_id": str(booking.id)}
    yield stage.log("info", "📝 Starting appointment creation", start)
    yield from _performance(stage, "unique")
    checked = {"appointment_id": booking.number, "call_id": booking.call_number}
    yield stage.log("info", "✅ Post-booking validation successful", checked | {"validation_duration_ms": 3.9})
    yield stage.log("info", "✅ Post-booking validation successful", checked)
    message = "📅 Local appointment record created"
    yield _created(stage, booking, "call", message, {"customer": booking.name, "calcom_id": str(booking.id)})


def _created(stage: Stage, booking: Booking, source: str, message: str, context: dict[str, object]) -> Written:
    written = stage.log(
        "info",
        message,
        {"appointment_id": booking.number, **context},
        {sample("appointments_created_total", source=source): 1.0},
    )
    row = Appointment(
        booking_id=str(booking.id),
        status=stage.rng.choice(("scheduled", "scheduled", "confirmed", "booked", "pending")),
        source=source,
        company_id=booking.company,
        created_at=stage.now,
        starts_at=booking.starts_at,
    )
    return replace(written, appointment=row)


def _performance(stage: Stage, result: str) -> Iterator[Written]:
    check = round(stage.rng.lognormvariate(0.2, 0.9), 6)
    context = {"query_time_ms": check, "result": result}
    seen = observed("duplicate_check_duration_seconds", check / 1000, result=result)
    yield stage.log("info", "🔍 Duplicate check performance", context, seen)
    whole = round(check + stage.rng.lognormvariate(3, 0.6), 6)
    done = {"total_time_ms": whole, "has_duplicate_check": True}
    seen = observed("appointment_creation_duration_seconds", whole / 1000, duplicate_check="true")
    yield stage.log("info", "📊 Appointment creation performance", done, seen)


def created_otherwise(stage: Stage) -> Iterator[Written]:
    """Yield an appointment that came by another way than a telephone call's analysis."""
    booking = stage.booking()
    source, message = stage.rng.choice(_CREATED_OTHERWISE)
    yield _created(stage, booking, source, message, {"calcom_booking_id": booking.id})


def idempotency(stage: Stage) -> Iterator[Written]:
    """Yield a result that was remembered, and the repeated call that got it."""
    call = stage.call()
    stored = {"call_id": call, "cache_key": f"booking_success:{call}"}
    message = "💾 IDEMPOTENCY: Cached successful booking result"
    yield stage.log("info", message, stored, {sample("idempotency_results_total", result="stored"): 1.0})
    if stage.rng.random() < 0.5:  # noqa: PLR2004 (a toss of a coin)
        hit = {"call_id": call, "age_seconds": -stage.seconds(5, 300)}
        message = "⚡ IDEMPOTENCY: Returning cached booking result for duplicate call"
        yield stage.log("info", message, hit, {sample("idempotency_results_total", result="hit"): 1.0})
    else:
        blocked = {"retell_call_id": call, "existing_status": "confirmed"}
        message = "🛡️ Duplicate booking attempt blocked (SYNC) - returning existing appointment"
        yield stage.log("warning", message, blocked, {sample("idempotency_results_total", result="blocked"): 1.0})


def conflict(stage: Stage) -> Iterator[Written]:
    """Yield one refusal for a conflict that is no duplicate."""
    booking = stage.booking()
    kind = stage.rng.choice(("slot", "wrong_time", "slot_lock", "lock"))
    count = {sample("booking_conflicts_total", kind=kind): 1.0}
    if kind == "slot":
        taken = {"requested_time": booking.start_text, "existing_customer": booking.name}
        yield stage.log("warning", "🚨 PRE-SYNC CONFLICT: Slot already booked in database", taken, count)
    elif kind == "wrong_time":
        moved = f"{booking.starts_at + timedelta(hours=1):%Y-%m-%d %H:%M}"
        wrong = {"requested_time": booking.start_text, "actual_booked_time": moved, "booking_id": booking.id}
        yield stage.log("error", "🚨 CRITICAL: Cal.com booked WRONG time - rejecting booking!", wrong, count)
    elif kind == "slot_lock":
        held = {"current_call": booking.call, "blocking_call": stage.call(), "requested_by": "+4915100000000"}
        yield stage.log("warning", "[SLOT_LOCK] Lock conflict", held, count)
    else:
        frames = (
            ("/srv/app/app/Services/AppointmentCreationService.php(21)", "Illuminate\\Cache\\Lock->block()"),
            ("/srv/app/app/Services/AppointmentCreationService.php(16)", "App\\Services\\Creation->bookInCalcom()"),
        )
        timeout = {"error": "", "call_id": booking.call_number, "trace": trace(frames)}
        yield stage.log("error", "Failed to create appointment from call", timeout, count)


def upstream_failure(stage: Stage) -> Iterator[Written]:
    """Yield a booking call that Cal.com answered with an error."""
    status = stage.rng.choice((400, 409, 422, 500, 503))
    count = {sample("upstream_failures_total", status_class=f"{status // 100}xx"): 1.0}
    yield stage.log("error", "❌ Cal.com booking failed", {"status": status, "time": stage.booking().start_text}, count)


def webhook(stage: Stage) -> Iterator[Written]:
    """Yield a Cal.com webhook: the calcom channel's records, and laravel.log's about its outcome."""
    event = stage.rng.choice(("BOOKING.CREATED", "BOOKING.UPDATED", "BOOKING.CANCELLED"))
    body = {"raw": f'{{"triggerEvent":"{event}","payload":{{"title":"Schnitt mit\\nUmbruch"}}}}'}
    yield stage.log("debug", "[Debug] body", body, file="calcom")
    received = {sample("webhooks_received_total"): 1.0}
    yield stage.log("info", "[Cal.com] Webhook received", {"event": event}, received, file="calcom")
    number = stage.rng.randint(1, 500_000)
    logged = {"id": number, "provider": "calcom", "event_type": event}
    yield stage.log("info", "🔔 Webhook Event Logged", logged)
    outcome = stage.rng.choices(("Processed", "Failed", "Ignored"), (90, 4, 6))[0]
    level, sign = {"Processed": ("info", "✅"), "Failed": ("error", "❌"), "Ignored": ("info", "⏭️")}[outcome]
    count = {sample("webhook_events_total", provider="calcom", outcome=outcome.lower()): 1.0}
    yield stage.log(level, f"{sign} Webhook Event {outcome}", logged, count)


def bad_webhook(stage: Stage) -> Iterator[Written]:
    """Yield a webhook that the app turns away."""
    if stage.rng.random() < 0.5:  # noqa: PLR2004 (a toss of a coin)
        count = {sample("webhook_events_total", provider="calcom", outcome="bad_signature"): 1.0}
        yield stage.log("debug", "[Cal.com] Signature failed", {"provided": "no-secret-provided"}, count)
    else:
        received = {sample("webhooks_received_total"): 1.0}
        yield stage.log("info", "[Cal.com] Webhook received", {"event": "BOOKING.CANCELLED"}, received, file="calcom")
        count = {sample("webhook_events_total", provider="calcom", outcome="unknown_booking"): 1.0}
        context = {"calcom_booking_id": stage.booking().id}
        yield stage.log("warning", "[Cal.com] Appointment not found for cancellation", context, count, file="calcom")
