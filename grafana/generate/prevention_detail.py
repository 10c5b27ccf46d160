"""The lower rows of "Duplicate Booking Prevention": what stands around the rejections."""

from __future__ import annotations

from grafana.generate.layout import Row
from grafana.generate.panels import (
    MUST_BE_ONE,
    NONE_ALLOWED,
    About,
    above,
    bars,
    below,
    lines,
    ranking,
    stat_panel,
    table_panel,
)
from grafana.generate.queries import Query, fleet, gauge, increase, limit, quantile, series, top

CHECK = "api_gateway_duplicate_check_duration_seconds"
RECORDED_CHECK = "job_environment:api_gateway_duplicate_check_duration_seconds"
NOT_INSTRUMENTED = "not instrumented"
NO_DATABASE = "no database"
FLEET_LEGEND = "{{environment}}"

CONFLICTS = Row(
    104,
    "Conflicts, compensations and Cal.com",
    (
        bars(
            About(
                40,
                "Conflicts that are no duplicates",
                "Slot taken, booked at a wrong time, lock held by another call. wrong_time in numbers is an error of"
                " Cal.com or of time zones; slot_lock and lock are load (runbook BookingConflictSurge).",
            ),
            Query(increase("api_gateway_booking_conflicts_total", by="kind"), "{{kind}}"),
        ),
        bars(
            About(
                41,
                "Compensations",
                "Bookings cancelled at Cal.com because they could not be saved. Failed leaves an orphan (runbook"
                " CompensationFailed); succeeded after unique_constraint cancels a live one (LiveBookingCancelled).",
            ),
            Query(
                increase("api_gateway_compensations_total", by="outcome, cause"),
                "{{outcome}}, after {{cause}}",
            ),
        ),
        bars(
            About(
                42,
                "Idempotency",
                "Repeated calls answered from the cache (hit) or refused (blocked), and results stored. Hits without"
                " stored ones, or no hits on a busy day: the cache does not work, and layer1 has to catch more.",
            ),
            Query(increase("api_gateway_idempotency_results_total", by="result"), "{{result}}"),
        ),
        bars(
            About(
                43,
                "Failed booking calls to Cal.com",
                "By class of HTTP status. 5xx is an outage there (runbook CalcomBookingFailures), 4xx a request that we"
                " built wrong or a slot that is gone, other a timeout.",
            ),
            Query(increase("api_gateway_upstream_failures_total", by="status_class"), "{{status_class}}"),
        ),
    ),
)

WEBHOOKS = Row(
    105,
    "Webhooks",
    (
        lines(
            About(
                50,
                "Received and processed",
                "Cal.com webhooks that arrived, and webhooks of all providers that were processed. Processed falls"
                " while received goes on: the app's queue stands (runbook WebhookProcessingFailures).",
            ),
            Query(increase("api_gateway_webhooks_received_total"), "received (Cal.com)"),
            Query(
                increase("api_gateway_webhook_events_total", by="provider", matchers='outcome="processed"'),
                "processed ({{provider}})",
            ),
        ),
        bars(
            About(
                51,
                "Not processed",
                "Webhooks by what kept them from being processed. bad_signature: a secret differs, or somebody forges"
                " (runbook WebhookSignatureFailures). unknown_…: the app lacks what Cal.com has.",
            ),
            Query(
                increase("api_gateway_webhook_events_total", by="provider, outcome", matchers='outcome!="processed"'),
                "{{provider}} {{outcome}}",
            ),
        ),
    ),
)

PERFORMANCE = Row(
    106,
    "Performance: duplicate check within 5 ms (median) and 10 ms (95 %), at most 50 ms per booking",
    (
        stat_panel(
            About(
                60,
                "Duplicate check, median",
                "Target: 5 ms. Above: look at the plan of the lookup in the row Appointments, then at the load of the"
                " database. Not instrumented: the app does not log the two performance records (see README).",
                unit="s",
                limits=below(0.005, 0.01),
                absent=NOT_INSTRUMENTED,
            ),
            Query(quantile(0.5, CHECK, window="1h")),
        ),
        stat_panel(
            About(
                61,
                "Duplicate check, 95 %",
                "Target: 10 ms. Above: follow the runbook DuplicateCheckSlow. Not instrumented: the app does not log"
                " the two performance records (see README).",
                unit="s",
                limits=below(0.01, 0.05),
                absent=NOT_INSTRUMENTED,
            ),
            Query(fleet(RECORDED_CHECK + ":p95_rate1h"), FLEET_LEGEND),
        ),
        stat_panel(
            About(
                62,
                "Prevention costs a booking",
                "Target: 50 ms. Mean creation with the check minus without it, or else the check itself. Above: the"
                " check is slow, or something else was added to the same code path.",
                unit="s",
                limits=below(0.05, 0.1),
                absent=NOT_INSTRUMENTED,
            ),
            Query(fleet("job_environment:booking_prevention_overhead_seconds:mean_rate1h"), FLEET_LEGEND),
        ),
        lines(
            About(
                63,
                "Checks within 10 ms",
                "Share of the duplicate checks of the last hour that took at most 10 ms. It should stay above 95 %; a"
                " fall that does not recover is a missing index or a table that has grown.",
                unit="percentunit",
                limits=above(0.9, 0.95),
                absent=NOT_INSTRUMENTED,
            ),
            Query(fleet(RECORDED_CHECK + ":ratio_under10ms_rate1h"), "within 10 ms {{environment}}"),
            height=5,
        ),
        lines(
            About(
                64,
                "Duplicate check over time",
                "Quantiles as the app logs them, and the limit of the alert DuplicateCheckSlow. All rise together: the"
                " database is slow. Only the 99 %: locks or single large transactions.",
                unit="s",
                limits=below(0.01, 0.05),
                absent=NOT_INSTRUMENTED,
            ),
            *(Query(quantile(share, CHECK, window="1h"), f"{share * 100:g} %") for share in (0.5, 0.95, 0.99)),
            Query(limit("duplicate_check_seconds"), "limit"),
        ),
        lines(
            About(
                65,
                "Mean appointment creation",
                "With and without the duplicate check. The distance of the two lines is what prevention costs: at most"
                " 50 ms. Both high: it is not prevention that is slow.",
                unit="s",
                limits=below(0.5, 1),
                absent=NOT_INSTRUMENTED,
            ),
            Query(
                fleet("job_environment_duplicate_check:api_gateway_appointment_creation_duration_seconds:mean_rate1h"),
                "check: {{duplicate_check}} {{environment}}",
            ),
        ),
    ),
)

DATABASE = Row(
    107,
    "Appointments: totals and integrity",
    (
        stat_panel(
            About(
                70,
                "Without booking ID",
                "Appointments that no unique constraint protects, because they hold no booking ID. A rise means that a"
                " code path saves without it (runbook AppointmentsWithoutBookingId).",
                limits=below(1, 1000),
                absent=NO_DATABASE,
            ),
            Query(fleet("job_environment:api_gateway_appointments_missing_booking_id:max5m"), FLEET_LEGEND),
        ),
        stat_panel(
            About(
                71,
                "Migration of the constraint",
                "Whether the migration that makes the unique index has run. Not run while the constraint is in place:"
                " somebody made it by hand (runbook ConstraintMigrationMissing).",
                unit="bool_yes_no",
                limits=MUST_BE_ONE,
                absent=NO_DATABASE,
            ),
            Query(gauge("api_gateway_constraint_migration_applied", by="environment"), FLEET_LEGEND),
            words={0: "not run", 1: "has run"},
        ),
        stat_panel(
            About(
                72,
                "Lookup seeks in an index",
                "Whether the plan of the app's duplicate lookup uses an index. No: it reads the whole table, and gets"
                " slower with each appointment (runbook DuplicateCheckWithoutIndex).",
                unit="bool_yes_no",
                limits=MUST_BE_ONE,
                absent=NO_DATABASE,
            ),
            Query(gauge("api_gateway_duplicate_check_uses_index", by="environment"), FLEET_LEGEND),
            words={0: "whole table", 1: "index"},
        ),
        lines(
            About(
                73,
                "The exporter's own lookup",
                "The app's duplicate lookup, asked and timed by the exporter: known also where the app logs no times."
                " Above 10 ms follow the runbook DuplicateCheckSlow.",
                unit="s",
                limits=below(0.01, 0.05),
                absent=NO_DATABASE,
            ),
            Query(gauge("api_gateway_duplicate_check_probe_seconds", by="environment"), "lookup {{environment}}"),
            height=5,
        ),
        lines(
            About(
                74,
                "Appointments by status",
                "All that are not deleted. A status that grows without end, or a jump, is a job that stands or an"
                " import: compare with what was released at that time.",
                absent=NO_DATABASE,
            ),
            Query(f"sum by (status) ({fleet('job_environment_status:api_gateway_appointments:max5m')})", "{{status}}"),
        ),
        lines(
            About(
                75,
                "Created in the last hour",
                "New rows in the database, and appointments that the logs show. Rows without log lines: the log level"
                " is too high or the wording changed (runbook BookingLogBlind).",
            ),
            Query(fleet("job_environment:api_gateway_appointments_created_1h:max5m"), "database {{environment}}"),
            Query(increase("api_gateway_appointments_created_total", window="1h"), "logs"),
        ),
        lines(
            About(
                76,
                "Database minus logs, 24 h",
                "Rows that the database gained and the logs did not show. Imports and admin screens make a steady small"
                " number; a rise is a code path that logs nothing (runbook LogAndDatabaseDiffer).",
                limits=below(20, 100),
                absent=NO_DATABASE,
            ),
            Query(fleet("job_environment:booking_appointments_created:difference24h"), "rows {{environment}}"),
        ),
        bars(
            About(
                77,
                "Appointments by code path",
                "New appointments as the logs show them, by where in the app they were made. A path that falls silent"
                " on a working day is broken, or its wording was changed.",
            ),
            Query(increase("api_gateway_appointments_created_total", by="source"), "{{source}}"),
        ),
    ),
)

SERVERS = Row(
    108,
    "Servers and records",
    (
        ranking(
            About(
                80,
                "Rejections by server, 24 h (top 10)",
                "One server far above the others: its sessions, cache or release differ. All alike is right.",
                limits=below(20, 100),
            ),
            Query(
                top(increase("api_gateway_duplicate_booking_rejections_total", by="instance", window="24h")),
                "{{instance}}",
            ),
        ),
        ranking(
            About(
                81,
                "Prevention rate by server, 24 h (top 10)",
                "Each server's own rate, from its own logs alone; never to be averaged (the fleet's stands at the top)."
                " One far above the others: look at that server's log.",
                unit="percent",
                limits=below(1, 10),
            ),
            Query(top(series("api_gateway_duplicate_prevention_rate")), "{{instance}}"),
        ),
        table_panel(
            About(
                82,
                "Time since the last event",
                "What has not been seen for long, or never (not in the list). An event that should come daily and does"
                " not: run booking-exporter explain on a log of today.",
                unit="dtdurations",
                limits=below(86400, 604800),
            ),
            Query(f"sort_desc(time() - max by (event) ({series('api_gateway_last_event_timestamp_seconds')}))"),
            {"event": "Event", "Value": "Ago"},
            width=8,
        ),
        bars(
            About(
                83,
                "Log records by level",
                "All records that were read. None at info while others come: LOG_LEVEL is too high, and most events are"
                " invisible (runbook LogLevelTooHigh).",
            ),
            Query(increase("api_gateway_log_records_total", by="level"), "{{level}}"),
        ),
        stat_panel(
            About(
                84,
                "Unrecognized events, 24 h",
                "Records that name duplicate prevention and match no event: the app's wording was changed and"
                " rejections are missed (runbook BookingEventsUnrecognized).",
                limits=NONE_ALLOWED,
            ),
            Query(increase("api_gateway_unrecognized_events_total", window="24h"), "records"),
            width=6,
            height=8,
        ),
        stat_panel(
            About(
                85,
                "Findings of the app itself, 24 h",
                "duplicates: the app's own health check found some (runbook DuplicateBookingsReported). logging_broken:"
                " it cannot write its log (runbook AppLoggingBroken).",
                limits=NONE_ALLOWED,
            ),
            Query(increase("api_gateway_app_findings_total", by="kind", window="24h"), "{{kind}}"),
            width=6,
            height=8,
        ),
    ),
)
