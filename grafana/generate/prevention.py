"""The dashboard "Duplicate Booking Prevention": are we all right, which layer, since when, how bad."""

from __future__ import annotations

from grafana.generate.layout import Board, Row
from grafana.generate.panels import (
    MUST_BE_ONE,
    NONE_ALLOWED,
    About,
    above,
    bars,
    below,
    heat_panel,
    lines,
    pie,
    ranking,
    stat_panel,
    table_panel,
    timeline,
)
from grafana.generate.prevention_detail import CONFLICTS, DATABASE, PERFORMANCE, SERVERS, WEBHOOKS
from grafana.generate.queries import (
    CRITICAL,
    WARNING,
    Query,
    firing,
    fleet,
    gauge,
    heat,
    increase,
    limit,
    quantile,
    series,
)

REJECTED = "api_gateway_duplicate_booking_rejections_total"
AGE = "api_gateway_booking_age_seconds"
RATIO = "job_environment:api_gateway_duplicate_booking_rejections:ratio_increase"
BY_LAYER_1H = "job_environment_layer:api_gateway_duplicate_booking_rejections:increase1h"
BY_LAYER_24H = "job_environment_layer:api_gateway_duplicate_booking_rejections:increase24h"
FLEET_LEGEND = "{{environment}}"

_ACCEPTED = 'status="accepted"'
_FRESH = 'status="accepted", le="30.0"'
_BYPASSED = (
    f"round(sum(increase({series(AGE + '_count', _ACCEPTED)}[24h]))"
    f" - sum(increase({series(AGE + '_bucket', _FRESH)}[24h])))"
)


def _caught(layer: int) -> str:
    """Return the share of the duplicates that reached a layer and were rejected there, over 24 h."""
    caught, reached = (fleet(BY_LAYER_24H, one) for one in (f'layer="layer{layer}"', f'layer=~"layer[{layer}-4]"'))
    return f"sum({caught}) / (sum({reached}) > 0)"


OVERVIEW = Row(
    100,
    "Are we all right?",
    (
        stat_panel(
            About(
                1,
                "Firing alerts",
                "Alerts that fire now, critical ones and warnings. Not 0: read which in the row Alerts below, and"
                " follow their runbooks, critical ones first.",
                limits=NONE_ALLOWED,
            ),
            Query(f"count({firing(CRITICAL)}) or vector(0)", "critical"),
            Query(f"count({firing(WARNING)}) or vector(0)", "warnings"),
        ),
        stat_panel(
            About(
                2,
                "Prevention rate, 24 h",
                "Rejected duplicates divided by rejections and new appointments of the last 24 h, for the fleet. Above"
                " 1 % (the target): see below which layer it is and since when. Above 10 % follow the runbook"
                " HighDuplicateRejectionRate.",
                unit="percentunit",
                limits=below(0.01, 0.1),
            ),
            Query(fleet(RATIO + "24h"), FLEET_LEGEND),
        ),
        stat_panel(
            About(
                3,
                "Duplicates in the database",
                "Booking IDs that more than one appointment holds. Anything but 0 has passed all four layers: follow"
                " the runbook DuplicateBookingsInDatabase at once.",
                limits=NONE_ALLOWED,
                absent="no database",
            ),
            Query(gauge("api_gateway_duplicate_appointment_groups", by="environment"), FLEET_LEGEND),
        ),
        stat_panel(
            About(
                4,
                "Unique constraint",
                "Whether the database refuses a second appointment with the same booking ID (layer 4). Missing: follow"
                " the runbook UniqueConstraintMissing at once.",
                unit="bool_yes_no",
                limits=MUST_BE_ONE,
                absent="no database",
            ),
            Query(gauge("api_gateway_unique_constraint_present", by="environment"), FLEET_LEGEND),
            words={0: "missing", 1: "in place"},
        ),
        stat_panel(
            About(
                5,
                "Customers harmed, 24 h",
                "Cancelled: Cal.com bookings that an appointment still holds (runbook LiveBookingCancelled). Orphaned:"
                " bookings at Cal.com without an appointment (runbook CompensationFailed). Not 0: call the customers.",
                limits=NONE_ALLOWED,
            ),
            Query(
                increase(
                    "api_gateway_compensations_total",
                    matchers='outcome="succeeded", cause="unique_constraint"',
                    window="24h",
                ),
                "cancelled",
            ),
            Query(increase("api_gateway_compensations_total", matchers='outcome="failed"', window="24h"), "orphaned"),
        ),
        stat_panel(
            About(
                6,
                "Counts are up to date",
                "Share of the exporters that are up, read their logs and are at most half a minute behind. Below 100 %"
                " this dashboard shows too little: open the dashboard Booking Exporter.",
                unit="percentunit",
                limits=above(0.8, 1),
            ),
            Query(fleet("job_environment:booking_exporter_fresh:ratio"), FLEET_LEGEND),
        ),
    ),
)

LAYERS = Row(
    101,
    "Which layer, since when, how bad",
    (
        bars(
            About(
                10,
                "Rejections by layer",
                "Duplicates rejected, as they happened. A burst in layer1 is Cal.com's cache (runbook"
                " StaleBookingSpike); layer4: the layers above let one pass (runbook DatabaseConstraintViolation).",
            ),
            Query(increase(REJECTED, by="layer"), "{{layer}}"),
            width=16,
        ),
        pie(
            About(
                11,
                "Rejections by layer, whole range",
                "Which layer does the work in the time range shown. A share that moves from layer1 to layer3 or layer4"
                " says that an upper layer has stopped to catch: look when it began on the left.",
            ),
            Query(increase(REJECTED, by="layer", window="$__range"), "{{layer}}"),
        ),
        timeline(
            About(
                12,
                "Rejection timeline",
                "When each layer rejected: green nothing, orange something, red more than five at once. Find the"
                " beginning of a red band, then read the app's log at that time.",
                limits=below(1, 5),
            ),
            Query(increase(REJECTED, by="layer"), "{{layer}}"),
            width=16,
            height=7,
        ),
        ranking(
            About(
                13,
                "Distinct duplicates, whole range",
                "Incidents: repeated rejections of one booking count once. Many rejections and few incidents are one"
                " customer or job that retries: find out why it does not give up.",
                limits=below(1, 20),
            ),
            Query(
                increase("api_gateway_duplicate_booking_incidents_total", by="layer", window="$__range"), "{{layer}}"
            ),
            height=7,
        ),
        lines(
            About(
                14,
                "Prevention rate over time",
                "The rate over 1 h and 24 h and the limit of the alert HighDuplicateRejectionRate. 1 h far above 24 h:"
                " it is happening now. The limit is rejection_ratio in rules/thresholds.yml.",
                unit="percentunit",
                limits=below(0.01, 0.1),
            ),
            Query(fleet(RATIO + "1h"), "1 h {{environment}}"),
            Query(fleet(RATIO + "24h"), "24 h {{environment}}"),
            Query(limit("rejection_ratio"), "limit"),
        ),
        bars(
            About(
                15,
                "Layer effectiveness over time",
                "Parts of the last hour's rejections by layer. Layer1 should do most; where layer3 and layer4 grow, the"
                " freshness and call checks miss duplicates: compare the app's releases at that time.",
                unit="percentunit",
            ),
            Query(f"sum by (layer) ({fleet(BY_LAYER_1H)})", "{{layer}}"),
            share=True,
        ),
        ranking(
            About(
                16,
                "Caught of what reached the layer, 24 h",
                "A layer sees only what those above it let pass. A low value means that the next one has to do it; for"
                " layer3 it means that the unique constraint has to (runbook DatabaseConstraintViolation).",
                unit="percentunit",
                limits=above(0.5, 0.9),
            ),
            *(Query(_caught(number), f"layer{number}") for number in (1, 2, 3)),
            width=12,
            height=6,
        ),
        stat_panel(
            About(
                17,
                "Accepted although old, 24 h",
                "Bookings that passed the freshness check (layer 1) at an age above 30 s. Not 0: the check is bypassed"
                " or its limit was changed; follow the runbook FreshnessCheckBypassed.",
                limits=NONE_ALLOWED,
            ),
            Query(_BYPASSED, "bookings"),
            width=6,
            height=6,
        ),
        stat_panel(
            About(
                18,
                "Appointments of the last 24 h",
                "The base of the prevention rate, and where it comes from: the database where it is sampled, else the"
                " logs. Far from a usual day: look at the row Appointments.",
            ),
            Query(fleet("job_environment_origin:booking_appointments_created:sum24h"), "{{origin}} {{environment}}"),
            width=6,
            height=6,
        ),
    ),
)

ALERTS = Row(
    102,
    "Alerts",
    (
        table_panel(
            About(
                20,
                "Firing now",
                "What fires, and where. Each alert has a runbook of its name in rules/runbooks. Empty apart from the"
                " watchdog is right; without the watchdog the rules are not loaded.",
                absent="nothing fires, not even the watchdog",
            ),
            Query(firing()),
            {
                "alertname": "Alert",
                "severity": "Severity",
                "environment": "Environment",
                "instance": "Instance",
                "layer": "Layer",
            },
        ),
        timeline(
            About(
                21,
                "Firing over time",
                "When each alert fired. Alerts that begin together have one cause: begin with the critical one. An"
                " alert that comes and goes all day has a limit that does not fit: rules/thresholds.yml.",
                limits=below(1, 2),
            ),
            Query(f"max by (alertname) ({firing()})", "{{alertname}}"),
        ),
    ),
)

AGES = Row(
    103,
    "Booking age distribution",
    (
        heat_panel(
            About(
                30,
                "Age of rejected bookings",
                "How old the bookings were that Cal.com returned in place of new ones. A band at one age is one booking"
                " that is retried; all ages at once is an idempotency cache that does not forget.",
                unit="s",
            ),
            Query(heat(AGE, 'status!="accepted"'), "{{le}}"),
            width=8,
        ),
        heat_panel(
            About(
                31,
                "Age of accepted bookings",
                "Should be below 30 s throughout. A slow rise is a slow Cal.com; anything above 30 s has bypassed the"
                " freshness check (runbook FreshnessCheckBypassed).",
                unit="s",
            ),
            Query(heat(AGE, 'status="accepted"'), "{{le}}"),
            width=8,
        ),
        lines(
            About(
                32,
                "Median and 95th percentile, 1 h",
                "Ages by what was decided. Accepted above 30 s is wrong. Stale below 60 s are near misses: customers"
                " who asked twice; a stale median of hours is an old cache.",
                unit="s",
                limits=below(30, 3600),
            ),
            Query(quantile(0.5, AGE, by="status", window="1h"), "{{status}} median"),
            Query(quantile(0.95, AGE, by="status", window="1h"), "{{status}} 95 %"),
            width=8,
            limit_lines=False,
        ),
    ),
)

PREVENTION = Board(
    uid="booking-duplicates",
    file="duplicate-booking-prevention.json",
    title="Duplicate Booking Prevention",
    description="How many duplicate bookings each of the four layers rejects, and whether one got through.",
    since="now-24h",
    rows=(OVERVIEW, LAYERS, ALERTS, AGES, CONFLICTS, WEBHOOKS, PERFORMANCE, DATABASE, SERVERS),
)
