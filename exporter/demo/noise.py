"""Records that are no events: most of what a booking app logs, and phrases that only look like events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.demo.lines import exception
from exporter.demo.stage import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.demo.stage import Stage, Written

_PREFIX = "🚨 DUPLICATE BOOKING PREVENTION:"
_QUERIES = (
    "select * from `calls` where `retell_call_id` = ? limit 1",
    "insert into `webhook_events` (`provider`, `event_type`, `event_id`) values (?, ?, ?)",
    "select count(*) as aggregate from `cache` where `key` in (?)",
    "select * from `appointments` where `calcom_v2_booking_id` = ? and `appointments`.`deleted_at` is null limit 1",
    "select * from `appointments` where `branch_id` = ? and `company_id` = ? and `starts_at` = ? and `status` = ?",
    "update `calls` set `transcript` = ?, `calls`.`updated_at` = ? where `id` = ?",
)


def query(stage: Stage) -> Written:
    """Return one logged SQL query; now and then its binding is a transcript with line feeds."""
    rng = stage.rng
    sql = rng.choice(_QUERIES)
    first = transcript(stage) if "transcript" in sql else rng.choice((stage.call(), str(rng.randint(1, 99_999))))
    bindings = [first, *(rng.randint(1, 9_999) for _ in range(sql.count("?") - 1))]
    context = {"sql": sql, "bindings": bindings, "time_ms": round(rng.expovariate(1.2), 2)}
    return stage.log("info", f"[{rng.choice((10, 12, 14, 16, 22.5))} MB] QUERY", context)


def transcript(stage: Stage) -> str:
    """Return a conversation over several lines, with quotes, an emoji and a backslash."""
    name = stage.rng.choice(NAMES)
    return (
        f"Agent: Guten Tag, hier ist der Salon.\nUser: Ich möchte für {name} einen Termin 💇\n\n"
        f'Agent: "Gerne!" Um {stage.rng.randint(9, 18)}:00 Uhr?\nUser: Ja 👍 (C:\\neu)'
    )


def retell_webhook(stage: Stage) -> Iterator[Written]:
    """Yield the record of a finished telephone call, its transcript over several lines."""
    call = {"call_id": stage.call(), "transcript": transcript(stage), "call_cost": {"combined_cost": 12.0}}
    yield stage.log("info", "🔔 Retell Webhook received", {"event": "call_analyzed", "call": call})


def cache_hit(stage: Stage) -> Iterator[Written]:
    """Yield a record that the app writes all day long."""
    yield stage.log("debug", "Availability cache hit", {"key": f"calcom_availability_{stage.rng.getrandbits(23)}"})
    yield stage.log("info", "✅ AppServiceProvider::boot() END - Memory: 16 MB")


def crash(stage: Stage) -> Iterator[Written]:
    """Yield an unhandled exception with its stack trace."""
    depth = stage.rng.randint(4, 40)
    frames = [(f"/srv/app/vendor/laravel/src/Pipeline.php({100 + n})", f"App\\Pipe{n}->handle()") for n in range(depth)]
    text = exception("RuntimeException", 500, "Upstream did not answer 😱", "/srv/app/app/Retell.php:307", frames)
    yield stage.log("error", "Upstream did not answer 😱", {"userId": 7, "exception": text})


def other_environment(stage: Stage) -> Iterator[Written]:
    """Yield what the app's own test run writes into the same file: counted by level, no event."""
    context = {"booking_id": 1, "age_seconds": -31.5}
    yield stage.log("error", f"{_PREFIX} Stale booking detected from Cal.com idempotency", context, channel="testing")


def look_alike(stage: Stage) -> Iterator[Written]:
    """Yield records that hold an event's phrase where it means nothing: bindings, contexts, quotations."""
    rejection = f"{_PREFIX} Stale booking detected from Cal.com idempotency"
    sql = {"sql": "insert into `notes` (`text`) values (?)", "bindings": [rejection], "time_ms": 0.4}
    yield stage.log("info", "[14 MB] QUERY", sql)
    yield stage.log("info", "Call already exists, updating with latest data", {"call_id": stage.rng.randint(1, 9_999)})
    forged = f"Eve\n[{stage.now:%Y-%m-%d %H:%M:%S}] production.ERROR: {rejection}"
    yield stage.log("info", "📝 Starting appointment creation", {"customer_name": forged, "service_id": 38})
    own = {"call_id": stage.call(), "appointment_id": stage.rng.randint(1, 9_999)}
    yield stage.log("info", "✅ DUPLICATE DETECTED: Conflict is OUR OWN booking - returning success", own)
