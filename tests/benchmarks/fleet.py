"""What a fleet costs a real Prometheus: one real page, served as that of many hosts, with the shipped rules.

python -m tests.benchmarks.fleet [HOSTS] [SECONDS]

It prints series, samples per second, resident memory per series, processor time, and how long the rules take. The
values on the page stand still, so disk is better computed (deploy/sizing.py) than measured here.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import tempfile
import threading
import time
from pathlib import Path

import yaml

from deploy.sizing import measured
from tests.support.built import ROOT
from tests.support.daemon import Daemon, free_port
from tests.support.packages import need_program
from tests.support.prometheus import Queried
from tests.support.scrape import fetch, parse
from tests.support.waiting import pause

APPENDED, RULES = "prometheus_tsdb_head_samples_appended_total", "prometheus_rule_group_last_duration_seconds"
RECORD = '[2026-01-31 12:00:00] production.INFO: Appointment created from booking {"id":1}  \n'


class Fleet(Queried):
    """Prometheus as shipped, scraping `hosts` targets at one address every 15 seconds."""

    def __init__(self, folder: Path, hosts: int, port: int) -> None:
        (folder / "targets").mkdir(parents=True)
        (folder / "booking").mkdir()
        for path in (ROOT / "rules").glob("*.yml"):
            (folder / "booking" / path.name).write_text(path.read_text("utf-8"), "utf-8")
        config = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8")
        (folder / "prometheus.yml").write_text(config, "utf-8")
        groups = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": f"app{one}", "environment": "production"}}
            for one in range(hosts)
        ]
        (folder / "targets" / "fleet.yml").write_text(yaml.safe_dump(groups), "utf-8")
        arguments = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
        super().__init__(folder, need_program("prometheus", "prometheus"), arguments)

    def own(self) -> dict[str, float]:
        """Return Prometheus's own series."""
        return dict(parse(fetch(f"http://127.0.0.1:{self.port}/metrics")[1]).samples)


def serve(body: bytes, port: int) -> None:
    """Answer every request with the page, compressed, for as long as the process lives."""
    packed = gzip.compress(body, 6)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\n"
    answer = head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def server() -> None:
        async with await asyncio.start_server(client, "127.0.0.1", port, backlog=4096) as one:
            await one.serve_forever()

    threading.Thread(target=lambda: asyncio.run(server()), daemon=True).start()


def main(arguments: list[str]) -> int:
    """Run it and print the figures."""
    hosts, seconds = int(arguments[0]) if arguments else 1000, float(arguments[1]) if arguments[1:] else 240
    with tempfile.TemporaryDirectory(prefix="booking-exporter-fleet-") as name:
        folder = Path(name)
        (folder / "laravel.log").write_text(RECORD)
        with Daemon(folder / "daemon", "--log", f"{folder}/laravel*.log") as daemon:
            body = fetch(daemon.url + "/metrics")[1].encode()
        port = free_port()
        serve(body, port)
        print(measured(body))  # noqa: T201
        with Fleet(folder / "prometheus", hosts, port) as prometheus:
            empty = prometheus.own()["process_resident_memory_bytes"]
            pause(seconds / 2)
            first, begin = prometheus.own(), time.monotonic()
            pause(seconds / 2)
            last, took = prometheus.own(), time.monotonic() - begin
            up = prometheus.query("count(up == 1)")
            rules = prometheus.query("max(count_over_time(ALERTS{alertname='BookingExporterWatchdog'}[1m]))")
        series = last["prometheus_tsdb_head_series"]
        memory = last["process_resident_memory_bytes"]
        appended = sum(last[key] - first[key] for key in last if key.startswith(APPENDED))
        durations = [value for key, value in last.items() if key.startswith(RULES)]
        cpu = (last["process_cpu_seconds_total"] - first["process_cpu_seconds_total"]) / took
        print(  # noqa: T201
            f"{hosts} hosts, {up} up, rules {rules}: {series:,.0f} series, {appended / took:,.0f} samples/s, "
            f"{memory / 1e6:,.0f} MB resident ({(memory - empty) / series:,.0f} bytes per series), "
            f"{cpu:.2f} processors, all rules {sum(durations):.2f} s, slowest group {max(durations):.2f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
