"""The figures of docs/fleet.md: those of a real page, and computed as the document says."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy.sizing import HOSTS, Page, main, measured, table
from exporter.catalogue import FROM_DATABASE
from tests.support.built import ROOT
from tests.support.daemon import Daemon
from tests.support.scrape import fetch

if TYPE_CHECKING:
    from pathlib import Path

PROMETHEUS = [ROOT / "deploy" / "prometheus" / name for name in ("prometheus.yml", "agent.yml")]
FLEET = (ROOT / "docs" / "fleet.md").read_text("utf-8")
RECORD = '[2026-01-31 12:00:00] production.INFO: Appointment created from booking {"id":1}  \n'


def stated() -> Page:
    """Return what the document says was measured."""
    text = " ".join(FLEET.split("<!-- measured -->")[1].split("(")[0].split())
    found = re.search(r"([\d,]+) series, a page of ([\d,]+) bytes, ([\d,]+) compressed", text)
    assert found
    samples, plain, compressed = (int(one.replace(",", "")) for one in found.groups())
    return Page(samples, plain, compressed)


def test_the_documented_page_is_a_real_one(tmp_path: Path, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An exporter of one log has the stated series and sizes, within a twentieth: else measure and write anew."""
    (logs / "laravel.log").write_text(RECORD)
    with Daemon(tmp_path / "daemon", "--log", f"{logs}/laravel*.log") as daemon:
        page = measured(fetch(daemon.url + "/metrics")[1].encode())
        assert main([daemon.url + "/metrics", "--hosts", "7"]) == 0
    for name in ("samples", "plain", "compressed"):
        assert getattr(stated(), name) == pytest.approx(getattr(page, name), rel=0.05), (name, page)
    assert f"{page.samples} series per host" in capsys.readouterr().out


def test_the_limit_of_samples_is_the_stated_one(tmp_path: Path) -> None:
    """With logs that hold every event, and a database, an exporter stays under the stated formula."""
    pattern = re.compile(r"(\d+) samples at most,?\s(?:and )?(\d+) more for each\s+log")
    golden = b"".join(path.read_bytes() for path in sorted((ROOT / "tests" / "golden").glob("*.log")))
    samples = {}
    for logs in (1, 6):
        folder = tmp_path / str(logs)
        folder.mkdir()
        names = [f"log{number}" for number in range(logs)]
        for name in names:
            (folder / f"{name}.log").write_bytes(golden)
        config = {
            "logs": [{"name": name, "paths": [f"{folder}/{name}.log"]} for name in names],
            "database": {"url": f"sqlite:///{folder}/none.sqlite"},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        with Daemon(folder / "daemon", "--config", f"{folder}/config.yaml") as daemon:
            samples[logs] = measured(fetch(daemon.url + "/metrics")[1].encode()).samples
    each = (samples[6] - samples[1]) / 5
    sampled = sum(math.prod(len(label.values or range(10)) for label in one.labels) for one in FROM_DATABASE)
    for text in (FLEET, *(path.read_text("utf-8") for path in PROMETHEUS)):
        words = " ".join(text.replace("#", "").split())
        found = pattern.search(words)
        assert found, words
        most, per_log = map(int, found.groups())
        assert per_log == each
        assert samples[1] - each + sampled <= most <= 1.2 * samples[1]
        enough = re.search(r"enough for (\d+) logs", words)
        assert enough
        limit = 5000 if text is FLEET else yaml.safe_load(text)["scrape_configs"][0]["sample_limit"]
        assert most + per_log * int(enough[1]) <= limit
        assert f"{limit}" in words


def test_the_table_is_computed_from_that_page() -> None:
    """The document's table is what the program prints for the stated page."""
    shown = FLEET.split("<!-- sizes -->\n\n")[1].split("\n\n")[0]
    assert shown == table(stated())
    assert [row.split("|")[1].strip() for row in shown.splitlines()[2:]] == [f"{one:,}" for one in HOSTS]


def test_the_figures_are_right() -> None:
    """By hand: 95 samples and 5 of Prometheus, 10 hosts, every 10 seconds, 1,000 bytes each."""
    assert table(Page(95, 9000, 1000), [10], 10).splitlines()[-1] == (
        "| 10 | 1,000 | 100 | 8 kbit/s | 11.2 MB to 17.3 MB | 3 MB |"
    )


def test_comments_are_no_series() -> None:
    """HELP, TYPE and empty lines do not count."""
    assert measured(b'# HELP a b\n# TYPE a counter\na 1\n\nb{c="#"} 2\n').samples == 2


def test_only_web_addresses_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A file: address is refused with a message."""
    with pytest.raises(SystemExit):
        main(["file:///etc/passwd"])
    assert "begins with http" in capsys.readouterr().err
