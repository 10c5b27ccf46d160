"""The dashboard "Booking Exporter": is the daemon itself all right, on every server."""

from __future__ import annotations

from grafana.generate.daemon_detail import DATABASE, PROCESS, STATE
from grafana.generate.layout import Board, Row
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
    timeline,
)
from grafana.generate.queries import OWN, Query, firing, fleet, gauge, increase, limit, rate, series, top

FRESH = "job_environment:booking_exporter_fresh:ratio"

OVERVIEW = Row(
    200,
    "Are the exporters all right?",
    (
        stat_panel(
            About(
                1,
                "Exporters up",
                "Share of the scraped exporters that answer. Below 100 %: follow the runbook BookingExporterDown."
                " Nothing is lost while the logs remain.",
                unit="percentunit",
                limits=above(0.8, 1),
            ),
            Query(f"avg({series('up')})", "up"),
        ),
        stat_panel(
            About(
                2,
                "Fresh, 30 days",
                "Share of exporters and time whose counts were at most half a minute behind; the objective is 99.9 %."
                " Below: see Freshness for when it was lost (runbook BookingFreshnessBudgetBurn).",
                unit="percentunit",
                limits=above(0.99, 0.999),
            ),
            Query(fleet(FRESH + "_avg30d"), "{{environment}}"),
        ),
        stat_panel(
            About(
                3,
                "Largest lag",
                "Age of the oldest log line that is not counted yet, on the worst server. Minutes: follow the runbook"
                " BookingExporterLagging.",
                unit="s",
                limits=below(30, 60),
            ),
            Query(gauge("booking_exporter_lag_seconds"), "lag"),
        ),
        stat_panel(
            About(
                4,
                "Logs that cannot be read",
                "Followed logs without a file, or with one that cannot be read. Not 0: see Log readable below, and the"
                " runbook BookingLogUnreadable.",
                limits=NONE_ALLOWED,
            ),
            Query(f"count({series('booking_exporter_log_up')} == 0) or vector(0)", "logs"),
        ),
        stat_panel(
            About(
                5,
                "Possible losses, 24 h",
                "Occasions at which records were gone before they were read. Not 0: see the row Logs for where and why"
                " (runbook BookingRecordsPossiblyLost).",
                limits=NONE_ALLOWED,
            ),
            Query(increase("booking_exporter_possible_losses_total", window="24h"), "occasions"),
        ),
        stat_panel(
            About(
                6,
                "Commits failing, states lost",
                "Servers whose state cannot be saved now (make room on the disk, runbook BookingCommitsFailing), and"
                " those whose state was ever found damaged (runbook BookingStateLost).",
                limits=NONE_ALLOWED,
            ),
            Query(f"sum({series('booking_exporter_commit_failing')})", "failing"),
            Query(f"count({series('booking_exporter_state_lost_timestamp_seconds')}) or vector(0)", "lost"),
        ),
        timeline(
            About(
                7,
                "Alerts about the monitoring",
                "When each alert about the exporters fired; the watchdog always does. Each has a runbook of its name in"
                " rules/runbooks.",
                limits=below(1, 2),
            ),
            Query(f"max by (alertname) ({firing(OWN)})", "{{alertname}}"),
            width=24,
            height=6,
        ),
    ),
)

FRESHNESS = Row(
    201,
    "Freshness and throughput",
    (
        lines(
            About(
                10,
                "Lag by log (top 10)",
                "Age of the oldest line not yet counted. A saw-tooth after a start is catching up; a steady rise is an"
                " exporter that stands or a disk that fails. The limit is lag_seconds in rules/thresholds.yml.",
                unit="s",
                limits=below(30, 60),
            ),
            Query(top(f"max by (instance, log) ({series('booking_exporter_lag_seconds')})"), "{{instance}} {{log}}"),
            Query(limit("lag_seconds"), "limit"),
        ),
        lines(
            About(
                11,
                "Bytes not yet read (top 10)",
                "What is in the files and not counted yet. It falls while an exporter catches up; where it grows for"
                " hours, more is logged than is read: look at the processor time below.",
                unit="bytes",
            ),
            Query(top(f"max by (instance, log) ({series('booking_exporter_lag_bytes')})"), "{{instance}} {{log}}"),
        ),
        lines(
            About(
                12,
                "Fresh share of the fleet",
                "Now, and as means over 1 h and 6 h, from which the burn-rate alerts are computed. Below 99.9 % for"
                " hours: follow the runbook BookingFreshnessBudgetBurn.",
                unit="percentunit",
                limits=above(0.99, 0.999),
            ),
            Query(fleet(FRESH), "now {{environment}}"),
            Query(fleet(FRESH + "_avg1h"), "1 h {{environment}}"),
            Query(fleet(FRESH + "_avg6h"), "6 h {{environment}}"),
        ),
        lines(
            About(
                13,
                "From log line to message, at most",
                "Lag plus scrape, evaluation and grouping of alerts; the target is 5 minutes. Above: it is the lag that"
                " grew, or intervals that were raised (alert_path_seconds in rules/thresholds.yml).",
                unit="s",
                limits=below(150, 300),
            ),
            Query(fleet("job_environment:booking_alert_path_seconds:max5m"), "{{environment}}"),
        ),
        lines(
            About(
                14,
                "Bytes read per second",
                "Of all chosen servers. None while the app works: the glob finds no file, or the app logs elsewhere;"
                " run booking-exporter check.",
                unit="binBps",
            ),
            Query(rate("booking_exporter_read_bytes_total", by="log"), "{{log}}"),
        ),
        lines(
            About(
                15,
                "Records read per second",
                "By level. Many at debug cost time and show nothing more; none at info hides most events (runbook"
                " LogLevelTooHigh).",
                unit="cps",
            ),
            Query(rate("api_gateway_log_records_total", by="level"), "{{level}}"),
        ),
    ),
)

LOGS = Row(
    202,
    "Logs",
    (
        timeline(
            About(
                20,
                "Log readable (worst 10)",
                "Red: no file, or one that cannot be read. After a release it is mostly a permission: run"
                " booking-exporter check as the daemon's user (runbook BookingLogUnreadable).",
                unit="bool_yes_no",
                limits=MUST_BE_ONE,
            ),
            Query(f"bottomk(10, min by (instance, log) ({series('booking_exporter_log_up')}))", "{{instance}} {{log}}"),
        ),
        bars(
            About(
                21,
                "Rotations",
                "By kind. truncated is logrotate's copytruncate, which can lose lines: use create. deleted or replaced"
                " in numbers: something cleans up under the exporter's feet.",
            ),
            Query(increase("booking_exporter_rotations_total", by="kind"), "{{kind}}"),
        ),
        bars(
            About(
                22,
                "Possible losses",
                "Occasions by cause. overwritten and truncated: rotation without a copy; deleted: files removed before"
                " they were read. Change the rotation (runbook BookingRecordsPossiblyLost).",
                limits=NONE_ALLOWED,
            ),
            Query(increase("booking_exporter_possible_losses_total", by="log, cause"), "{{log}} {{cause}}"),
            width=8,
        ),
        ranking(
            About(
                23,
                "Bytes known lost, 24 h (top 10)",
                "A lower bound by server: what was known to be unread when it vanished. Find the host's logrotate"
                " configuration.",
                unit="bytes",
                limits=below(1, 1048576),
            ),
            Query(
                top(increase("booking_exporter_possible_loss_bytes_total", by="instance", window="24h")), "{{instance}}"
            ),
        ),
        bars(
            About(
                24,
                "Failed reads",
                "By cause. permission: the daemon's user lacks a group; utf16: a file in an encoding that is refused;"
                " io, stale: the disk or its network mount fails.",
                limits=NONE_ALLOWED,
            ),
            Query(increase("booking_exporter_read_errors_total", by="log, cause"), "{{log}} {{cause}}"),
            width=8,
        ),
        lines(
            About(
                25,
                "Clock offset (top 10)",
                "Newest record's time minus its arrival. Whole hours: the log's timezone in the configuration is wrong;"
                " minutes: a clock that runs wrong (runbook BookingLogClockOffset).",
                unit="s",
                limits=below(900, 3600),
            ),
            Query(
                top(f"max by (instance, log) (abs({series('booking_exporter_log_clock_offset_seconds')}))"),
                "{{instance}} {{log}}",
            ),
        ),
        bars(
            About(
                26,
                "Odd lines and fields",
                "Lines outside any record, records cut at 1 MiB, and fields that were missing or not numeric. A jump"
                " after a release: the app's log format changed (runbook BookingLogFormatDrift).",
            ),
            Query(increase("booking_exporter_unparsed_lines_total"), "unparsed lines"),
            Query(increase("booking_exporter_oversized_records_total"), "oversized records"),
            Query(increase("booking_exporter_malformed_fields_total", by="event"), "malformed: {{event}}"),
        ),
        table_panel(
            About(
                27,
                "Files by state",
                "Files known on all chosen servers. unreadable: see Failed reads. Many unlinked: deleted files that the"
                " app holds open, so that their space is not freed.",
            ),
            Query(f"sum by (log, state) ({series('booking_exporter_files')})"),
            {"log": "Log", "state": "State", "Value": "Files"},
            width=24,
        ),
    ),
)

DAEMON = Board(
    uid="booking-exporter",
    file="booking-exporter.json",
    title="Booking Exporter",
    description="Whether the exporters read their logs in time, lose nothing, and can save what they know.",
    since="now-6h",
    rows=(OVERVIEW, FRESHNESS, LOGS, STATE, DATABASE, PROCESS),
)
