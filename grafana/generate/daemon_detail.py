"""The lower rows of "Booking Exporter": its state, its database sampling, its process."""

from __future__ import annotations

from grafana.generate.layout import Row
from grafana.generate.panels import (
    MUST_BE_ONE,
    NONE_ALLOWED,
    About,
    bars,
    below,
    heat_panel,
    lines,
    ranking,
    stat_panel,
    table_panel,
    timeline,
)
from grafana.generate.queries import Query, gauge, heat, increase, limit, quantile, rate, series, top

COMMIT = "booking_exporter_state_commit_seconds"
NO_DATABASE = "no database"

STATE = Row(
    203,
    "State",
    (
        heat_panel(
            About(
                30,
                "Duration of commits",
                "Each commit waits for the disk. A band that moves up is a disk that gets slower or is shared with a"
                " busy neighbour: put the state elsewhere.",
                unit="s",
            ),
            Query(heat(COMMIT), "{{le}}"),
        ),
        lines(
            About(
                31,
                "Commits, median and 99 %",
                "Milliseconds are usual. Above 100 ms counts arrive late; above a second the disk is the problem.",
                unit="s",
                limits=below(0.1, 1),
            ),
            Query(quantile(0.5, COMMIT), "median"),
            Query(quantile(0.99, COMMIT), "99 %"),
        ),
        bars(
            About(
                32,
                "Failed commits",
                "They are retried each second and nothing is lost, but counters stand still: make room on the disk"
                " (runbook BookingCommitsFailing).",
                limits=NONE_ALLOWED,
            ),
            Query(increase("booking_exporter_commit_failures_total", by="instance"), "{{instance}}"),
            width=8,
        ),
        lines(
            About(
                33,
                "Evaluated and not committed (top 10)",
                "Bytes that would be read again after a crash. Near 0 is right; a line that rises is a commit that"
                " fails or a disk that does not answer.",
                unit="bytes",
                limits=below(1048576, 10485760),
            ),
            Query(top(f"max by (instance) ({series('booking_exporter_uncommitted_bytes')})"), "{{instance}}"),
            width=8,
            limit_lines=False,
        ),
        ranking(
            About(
                34,
                "Time since the last commit (top 10)",
                "A quiet log needs no commit. On a busy server minutes are wrong: see Failed commits, and whether the"
                " process runs at all.",
                unit="dtdurations",
                limits=below(3600, 86400),
            ),
            Query(
                top(f"time() - max by (instance) ({series('booking_exporter_last_commit_timestamp_seconds')})"),
                "{{instance}}",
            ),
        ),
        stat_panel(
            About(
                35,
                "Incidents forgotten early, 24 h",
                "More than 100,000 were held, so that a later repeat counts as a new incident. Not 0: identifiers are"
                " not what they should be, or somebody floods the app.",
                limits=NONE_ALLOWED,
            ),
            Query(increase("booking_exporter_incident_evictions_total", window="24h"), "evictions"),
            width=8,
        ),
        stat_panel(
            About(
                36,
                "Catching up",
                "Servers that still read what was written before they looked. Minutes after a first start are usual;"
                " longer, see Bytes not yet read.",
                limits=below(1, 5),
            ),
            Query(f"sum({series('booking_exporter_catching_up')})", "servers"),
            width=8,
        ),
        stat_panel(
            About(
                37,
                "Configurations refused",
                "Servers that kept their old configuration because the new one is wrong. Run booking-exporter check"
                " there (runbook BookingReloadFailed).",
                limits=NONE_ALLOWED,
            ),
            Query(f"count({series('booking_exporter_config_last_reload_successful')} == 0) or vector(0)", "servers"),
            width=8,
        ),
    ),
)

DATABASE = Row(
    204,
    "Database sampling",
    (
        timeline(
            About(
                40,
                "Database reached",
                "By sampler. Red on one of two is a spare that works; red on all is the runbook BookingDatabaseDown.",
                unit="bool_yes_no",
                limits=MUST_BE_ONE,
                absent=NO_DATABASE,
            ),
            Query(f"max by (instance) ({series('booking_exporter_database_up')})", "{{instance}}"),
            width=8,
        ),
        table_panel(
            About(
                41,
                "Age of the newest samples",
                "By query, of the best sampler. Above its interval in the configuration by more than a minute: that"
                " query fails or is slow (runbook BookingDatabaseSampleStale).",
                unit="dtdurations",
                limits=below(900, 3600),
                absent=NO_DATABASE,
            ),
            Query(f"time() - max by (query) ({series('booking_exporter_database_sample_timestamp_seconds')})"),
            {"query": "Query", "Value": "Age"},
            width=8,
        ),
        bars(
            About(
                42,
                "Failed queries",
                "By query. All at once: the database is down. One alone: a right or a column is missing; run"
                " booking-exporter check.",
                limits=NONE_ALLOWED,
                absent=NO_DATABASE,
            ),
            Query(increase("booking_exporter_database_sample_errors_total", by="query"), "{{query}}"),
            width=8,
        ),
        lines(
            About(
                43,
                "Duration of queries",
                "By query, on the slowest sampler. Above a second: raise that query's interval in the configuration, or"
                " give it an index.",
                unit="s",
                limits=below(0.5, 1),
                absent=NO_DATABASE,
            ),
            Query(gauge("booking_exporter_database_sample_duration_seconds", by="query"), "{{query}}"),
        ),
        lines(
            About(
                44,
                "Lag of the replica",
                "Where a replica is sampled. Minutes: what the database rows say is old; sample another one, or find"
                " out why it does not keep up.",
                unit="s",
                limits=below(30, 300),
                absent="no replica is sampled",
            ),
            Query(gauge("booking_exporter_database_replica_lag_seconds", by="instance"), "{{instance}}"),
        ),
    ),
)

PROCESS = Row(
    205,
    "Process and configuration",
    (
        lines(
            About(
                50,
                "Memory (top 10)",
                "Resident memory stays under 90 MB, whatever is followed. Above: restart, keep a copy of the log"
                " folder's listing, and report it.",
                unit="bytes",
                limits=below(90_000_000, 150_000_000),
            ),
            Query(top(series("process_resident_memory_bytes")), "{{instance}}"),
            width=8,
        ),
        lines(
            About(
                51,
                "Processor time (top 10)",
                "1 is one core. Near 0 while nothing is logged; one core for minutes is catching up, for hours it is a"
                " log that grows faster than it is read.",
                unit="percentunit",
                limits=below(0.5, 0.9),
            ),
            Query(top(rate("process_cpu_seconds_total", by="instance")), "{{instance}}"),
            width=8,
        ),
        lines(
            About(
                52,
                "Open files, share of the limit (top 10)",
                "At 100 % new logs cannot be opened (read errors with cause descriptors): raise LimitNOFILE.",
                unit="percentunit",
                limits=below(0.7, 0.9),
            ),
            Query(
                top(f"{series('process_open_fds')} / {series('process_max_fds')}"),
                "{{instance}}",
            ),
            width=8,
        ),
        table_panel(
            About(
                53,
                "Versions",
                "Servers by version. More than one for days: an upgrade stopped half-way (runbook"
                " BookingExporterVersionSkew).",
            ),
            Query(f"count by (version) ({series('booking_exporter_build_info')})"),
            {"version": "Version", "Value": "Servers"},
            width=6,
        ),
        lines(
            About(
                54,
                "Different configurations",
                "Configurations and sets of event definitions in the fleet. One each, or two where some sample a"
                " database; more is drift (runbook BookingConfigDrift).",
                limits=below(2, 3),
            ),
            Query(
                f'count(count_values("hash", {series("booking_exporter_config_hash")}))',
                "configurations",
            ),
            Query(f'count(count_values("hash", {series("booking_exporter_events_hash")}))', "event definitions"),
            Query(limit("config_variants"), "limit"),
            width=9,
        ),
        ranking(
            About(
                55,
                "Running since (shortest 10)",
                "A server that is always near 0 restarts again and again: read its journal.",
                unit="dtdurations",
            ),
            Query(f"bottomk(10, time() - {series('process_start_time_seconds')})", "{{instance}}"),
            width=9,
        ),
    ),
)
