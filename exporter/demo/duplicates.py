"""The four layers that reject a duplicate booking, each as the app logs it.

One cause may leave many records: a stale booking is retried (many rejections, one incident), and
one violated unique key is told up to four times and must be counted once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.demo.lines import exception, trace
from exporter.demo.stage import observed, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.demo.stage import Booking, Stage, Written

_PREFIX = "🚨 DUPLICATE BOOKING PREVENTION:"
_FRAMES = (
    ("/srv/app/vendor/laravel/src/Illuminate/Database/Connection.php(779)", "Connection->runQueryCallback()"),
    ("/srv/app/vendor/laravel/src/Illuminate/Database/MySqlConnection.php(42)", "Connection->run()"),
    ("/srv/app/vendor/laravel/src/Illuminate/Database/Query/Builder.php(3766)", "MySqlProcessor->processInsertGetId()"),
    ("/srv/app/vendor/laravel/src/Illuminate/Database/Eloquent/Model.php(1163)", "Model->performInsert()"),
    ("/srv/app/app/Services/AppointmentCreationService.php(11)", "Model->save()"),
)
_SQL_ERROR = (
    "SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '{id}' for key"
    " 'unique_calcom_v2_booking_id' (Connection: mysql, SQL: insert into `appointments`"
    " (`customer_id`, `calcom_v2_booking_id`) values ({customer}, {id}))"
)


def _rejected(layer: str, reason: str, *, first: bool) -> dict[str, float]:
    counts = {sample("duplicate_booking_rejections_total", layer=layer, reason=reason): 1.0}
    if first:
        counts[sample("duplicate_booking_incidents_total", layer=layer)] = 1.0
    return counts


def stale(stage: Stage) -> Iterator[Written]:
    """Yield a stale booking (layer 1), sometimes with the app's retries."""
    booking = stage.booking()
    age = stage.seconds(31, 7_200)
    for attempt in range(stage.rng.choice((1, 1, 1, 2, 5))):
        context = {
            "booking_id": booking.id,
            "age_seconds": -(age + attempt),
            "freshness_threshold_seconds": 30,
            "current_call_id": booking.call,
            "booking_attendees": [{"name": booking.name, "email": f"guest{booking.number}@example.test"}],
            "reason": "Cal.com returned existing booking instead of creating new one",
        }
        yield stage.log(
            "error",
            f"{_PREFIX} Stale booking detected from Cal.com idempotency",
            context,
            _rejected("layer1", "stale_booking", first=attempt == 0),
            observed("booking_age_seconds", age + attempt, status="stale"),
        )


def mismatch(stage: Stage) -> Iterator[Written]:
    """Yield a booking that belongs to another call (layer 2); its age is not always known."""
    booking = stage.booking()
    age = stage.rng.choice((None, stage.seconds(1, 29)))
    context = {
        "expected_call_id": booking.call,
        "received_call_id": stage.call(),
        "booking_id": booking.id,
        "age_seconds": None if age is None else -age,
        "reason": "Cal.com returned a booking of another call",
    }
    seen = {} if age is None else observed("booking_age_seconds", age, status="call_id_mismatch")
    message = f"{_PREFIX} Call ID mismatch - booking belongs to different call"
    yield stage.log("error", message, context, _rejected("layer2", "call_id_mismatch", first=True), seen)


def database_duplicate(stage: Stage) -> Iterator[Written]:
    """Yield a booking ID that the database already holds (layer 3), and the near miss that follows it."""
    booking = stage.booking()
    context = {
        "existing_appointment_id": stage.rng.randint(1, 9_999),
        "existing_customer_name": booking.name,
        "new_call_id": booking.call_number,
        "calcom_booking_id": str(booking.id),
        "reason": "Database duplicate check prevented creating duplicate appointment",
    }
    message = f"{_PREFIX} Appointment with this Cal.com booking ID already exists"
    yield stage.log("error", message, context, _rejected("layer3", "database_duplicate", first=True))
    linked = {"call_id": booking.call_number, "original_call_id": 587}
    yield stage.log("info", "✅ Duplicate booking attempt: Linked new call to existing appointment", linked)


def unique_violation(stage: Stage) -> Iterator[Written]:
    """Yield one violated unique key (layer 4): told up to four times, and Cal.com's booking cancelled."""
    booking = stage.booking()
    error = _sql_error(booking)
    failed = {"error": error, "error_code": "23000", "calcom_booking_id": str(booking.id), "trace": trace(_FRAMES)}
    counted = _rejected("layer4", "unique_constraint", first=True)
    yield stage.log("error", "❌ Failed to save appointment record to database", failed, counted)
    yield from _compensate(stage, booking, error, cause="unique_constraint")
    told = {"error": error, "call_id": booking.call_number, "trace": trace(_FRAMES)}
    yield stage.log("error", "Failed to create appointment from call", told)
    for _ in range(stage.rng.randint(0, 2)):
        yield stage.log("error", error, _reported(error))


def unique_violation_reported(stage: Stage) -> Iterator[Written]:
    """Yield a violation of which only the framework's own report is logged, twice, as its handler does."""
    error = _sql_error(stage.booking())
    yield stage.log("error", error, _reported(error), _rejected("layer4", "unique_constraint", first=True))
    yield stage.log("error", error, _reported(error))


def save_failed_otherwise(stage: Stage) -> Iterator[Written]:
    """Yield a failed save that is no duplicate, with its compensation."""
    booking = stage.booking()
    error = "SQLSTATE[HY000]: General error: 1205 Lock wait timeout exceeded; try restarting transaction"
    failed = {"error": error, "error_code": "HY000", "calcom_booking_id": str(booking.id), "trace": trace(_FRAMES)}
    yield stage.log("error", "❌ Failed to save appointment record to database", failed)
    yield from _compensate(stage, booking, error, cause="other")


def _compensate(stage: Stage, booking: Booking, error: str, *, cause: str) -> Iterator[Written]:
    attempt = {"calcom_booking_id": str(booking.id), "starts_at": booking.start_text}
    message = "🔄 SAGA Compensation: Attempting to cancel Cal.com booking due to DB failure"
    yield stage.log("warning", message, attempt, {sample("compensation_attempts_total"): 1.0})
    if stage.rng.random() < 0.8:  # noqa: PLR2004 (four of five succeed)
        count = {sample("compensations_total", outcome="succeeded", cause=cause): 1.0}
        context = {"calcom_booking_id": str(booking.id), "reason": "db_save_failed"}
        yield stage.log("info", "✅ SAGA Compensation successful: Cal.com booking cancelled", context, count)
    else:
        count = {sample("compensations_total", outcome="failed", cause=cause): 1.0}
        context = {
            "calcom_booking_id": str(booking.id),
            "cancel_error": "circuit breaker is open",
            "original_error": error,
        }
        yield stage.log("error", "❌ SAGA Compensation exception: Cal.com cancellation failed", context, count)


def _sql_error(booking: Booking) -> str:
    return _SQL_ERROR.format(id=booking.id, customer=booking.customer)


def _reported(error: str) -> dict[str, object]:
    kind = "Illuminate\\Database\\UniqueConstraintViolationException"
    place = "/srv/app/vendor/laravel/src/Illuminate/Database/Connection.php:824"
    return {"userId": 7, "exception": exception(kind, 23000, error, place, _FRAMES)}
