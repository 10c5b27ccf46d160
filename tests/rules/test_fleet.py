"""The rules on a fleet of 40 servers: inputs are generated, expectations are written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests.support.alertrules import FILES, document, promtool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SERVERS = 40
FIRING = 'ALERTS{alertstate="firing", alertname!="BookingExporterWatchdog"}'
REJECTED = "api_gateway_duplicate_booking_rejections_total"


HEALTHY: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {
    ("up", ()): "1",
    ("booking_exporter_lag_seconds", (("log", "app"),)): "0",
    ("booking_exporter_log_up", (("log", "app"),)): "1",
    ("booking_exporter_commit_failing", ()): "0",
    ("booking_exporter_config_hash", ()): "11",
    ("booking_exporter_events_hash", ()): "21",
    ("booking_exporter_possible_losses_total", (("log", "app"), ("cause", "truncated"))): "5",
    ("api_gateway_log_records_total", (("level", "info"),)): "0+1",
    ("api_gateway_appointments_created_total", (("source", "call"),)): "0+1",
    (REJECTED, (("layer", "layer1"), ("reason", "stale_booking"))): "5",
    (REJECTED, (("layer", "layer4"), ("reason", "unique_constraint"))): "5",
    ("api_gateway_compensations_total", (("outcome", "failed"), ("cause", "other"))): "5",
    ("api_gateway_app_findings_total", (("kind", "duplicates"),)): "5",
}
"""Series of a server with traffic: start, and step per scrape."""


def server(
    number: int, *, since: int = 0, scrapes: int = 0, instead: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Return the input of one server for an hour; from scrape `since` on, `scrapes` of them fail.

    `instead` are the values of series by name, with the label `layer` where it has one.
    """
    found = []
    for (name, labels), start in HEALTHY.items():
        every = {"job": "booking-exporter", "environment": "production", "instance": f"app{number:02}:10877"}
        key = name + dict(labels).get("layer", "")
        text = ", ".join(f'{label}="{value}"' for label, value in (*every.items(), *labels))
        found.append(
            {"series": f"{name}{{{text}}}", "values": (instead or {}).get(key) or _values(name, start, since, scrapes)}
        )
    return found


def _values(name: str, start: str, since: int, scrapes: int) -> str:
    if not scrapes:
        return f"{start}x240"
    failed = f"0x{scrapes - 1}" if name == "up" else f"stale _x{scrapes - 1}"
    rest = 240 - since - scrapes
    again = f"{since + scrapes}+1" if start == "0+1" else start
    return f"{start}x{since - 1} {failed}" + (f" {again}x{rest}" if rest > 0 else "")


def run(tmp_path: Path, inputs: Sequence[dict[str, str]], expected: dict[str, list[str]]) -> tuple[int, str]:
    """Run all rules over `inputs`; `expected` are the firing alerts, without their common labels, by time."""
    samples: list[dict[str, Any]] = [
        {"expr": FIRING, "eval_time": time, "exp_samples": [{"labels": text, "value": 1} for text in texts]}
        for time, texts in expected.items()
    ]
    test = {"interval": "15s", "input_series": list(inputs), "promql_expr_test": samples}
    groups = [
        group["name"] for path in (FILES[-1], *FILES[:-1]) for group in document(path.read_text("utf-8"))["groups"]
    ]
    tests = {
        "rule_files": [str(path) for path in FILES],
        "evaluation_interval": "30s",
        "group_eval_order": groups,
        "tests": [test],
    }
    path = tmp_path / "fleet.yml"
    path.write_text(yaml.safe_dump(tests))
    return promtool("test", "rules", str(path))


def fires(name: str, severity: str, component: str, **labels: str) -> str:
    """Return the series ALERTS of a firing alert of the fleet."""
    every = {
        "alertname": name,
        "alertstate": "firing",
        "severity": severity,
        "component": component,
        "job": "booking-exporter",
        "environment": "production",
    } | labels
    return "ALERTS{" + ", ".join(f'{key}="{value}"' for key, value in every.items()) + "}"


def test_a_healthy_fleet_is_quiet(tmp_path: Path) -> None:
    """40 servers with traffic, each restarted once with two missed scrapes, one after the other: nothing fires."""
    inputs = [one for number in range(SERVERS) for one in server(number, since=20 + 4 * number, scrapes=2)]
    code, text = run(tmp_path, inputs, {f"{minute}m": [] for minute in (1, 6, 12, 20, 30, 45, 59)})
    assert code == 0, text[:3000]


def test_what_is_spread_over_the_fleet_is_seen(tmp_path: Path) -> None:
    """20 stale bookings on 20 servers are one alert of the fleet; 16 servers without bookings are none."""
    stale = {REJECTED + "layer1": "5x40 6x200"}
    idle = {"api_gateway_appointments_created_total": "7x240"}
    inputs = [one for number in range(20) for one in server(number, instead=stale)]
    inputs += [one for number in range(20, 24) for one in server(number)]
    inputs += [one for number in range(24, SERVERS) for one in server(number, instead=idle)]
    spike = fires("StaleBookingSpike", "warning", "booking", layer="layer1")
    code, text = run(tmp_path, inputs, {"9m": [], "12m": [spike]})
    assert code == 0, text[:3000]


def test_one_server_down_is_a_warning_and_nine_are_critical(tmp_path: Path) -> None:
    """One of 40 down is told by its name; beyond a fifth the fleet is told once, as critical."""
    inputs = [one for number in range(31) for one in server(number)]
    inputs += server(31, since=20, scrapes=220)
    inputs += [one for number in range(32, SERVERS) for one in server(number, since=60, scrapes=180)]
    named = fires("BookingExporterDown", "warning", "booking-exporter", instance="app31:10877")
    fleet = fires("BookingExporterDown", "critical", "booking-exporter")
    code, text = run(tmp_path, inputs, {"5m": [], "11m": [named], "18m": [named], "19m30s": [named, fleet]})
    assert code == 0, text[:3000]
