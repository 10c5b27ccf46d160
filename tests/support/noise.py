r"""Log calls that are no event: queries, transcripts, traces, and phrases where they do not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.monolog import Entry

if TYPE_CHECKING:
    from random import Random

FRAME = "#{n} /var/www/api-gateway/vendor/laravel/framework/src/Illuminate/Pipeline/Pipeline.php({n}): handle(Object)"
STALE = "🚨 DUPLICATE BOOKING PREVENTION: Stale booking detected from Cal.com idempotency"
TRACE = '[object] (RuntimeException(code: 500): zweite Zeile mit "Quotes" at /var/www/produce.php:3)\n[stacktrace]\n'
QUERY = {"sql": "select * from `calls` where `retell_call_id` = ? limit 1", "bindings": ["call_c16e"], "time_ms": 0.83}
SPOKEN = 'Agent: Guten Tag!\nUser: Ähm, ich bräuchte einen Termin 💇\nAgent: "Gerne!"\n\nUser: C:\\neu\\raus'
TRANSCRIPT = {"sql": "update `calls` set `transcript` = ? where `id` = ?", "bindings": [SPOKEN, 285]}
QUOTED = f'production.ERROR: {STALE} {{"age_seconds":999}}'
PHRASE = {"sql": "update `appointments` set `error` = ?", "bindings": [QUOTED]}
FORGED = f'Eve\n[2026-11-22 10:52:02] production.ERROR: {STALE} {{"booking_id":1,"age_seconds":-31.5}} '

PLAIN = (
    Entry("INFO", "[14 MB] QUERY", QUERY),
    Entry("INFO", "[22.5 MB] QUERY", TRANSCRIPT),
    Entry("INFO", "[18 MB] QUERY", PHRASE),
    Entry("INFO", "📝 Starting appointment creation", {"customer_name": FORGED, "service_id": 38}),
    Entry("INFO", "Call already exists, updating with latest data", {"call_id": 7}),
    Entry("INFO", "✅ DUPLICATE DETECTED: Conflict is OUR OWN booking - returning success", {"appointment_id": 311}),
    Entry("INFO", "✅ Duplicate booking attempt: Linked new call to existing appointment", {"call_id": 98615}),
    Entry("INFO", "✅ Appointment created at desired time", {"time": "2026-12-09 10:45"}),
    Entry("DEBUG", "✅ PRE-SYNC VALIDATION passed: No conflicting appointments in DB"),
    Entry("DEBUG", "Availability cache hit", {"key": "calcom_availability_5992096"}),
    Entry("NOTICE", 'Zeile eins\r\nZeile zwei\n\n{"kein":"json"}', {"crlf": "a\r\n\r\nb", "bs": "pfad\\\nneu"}),
    Entry("ALERT", "object", {"o": {"ArrayObject": [1]}, "f": 65.0, "list": [1, None, [2, {"x": "a\tb"}]]}),
    Entry("INFO", "   [2025-10-06 18:22:12] not a header", {"x": 1}),
    Entry("INFO", "dotted channel", channel="my-app.queue worker"),
    Entry("INFO", ""),
    Entry("INFO", "Health report follows", after=b"[2020-06-02 10:56:05] Processed: App\\Jobs\\Sync\n"),
)


def noise(rng: Random) -> Entry:
    """Return a call that must count as nothing but a record of its level."""
    if rng.random() < 0.15:
        frames = "\n".join(FRAME.replace("{n}", str(n)) for n in range(rng.randrange(5, 60)))
        context = {"userId": 7, "exception": f"{TRACE}{frames}\n"}
        return Entry("ERROR", "Retell webhook could not be processed 😱", context)
    return rng.choice(PLAIN)
