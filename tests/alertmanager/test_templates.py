"""Messages as they look: rendered by amtool for complete, bare and large groups, compared with golden outputs.

The data in `data/` has the form of Alertmanager's template data, see
https://prometheus.io/docs/alerting/latest/notifications/. To renew the golden files after a
wanted change, delete them, run the tests twice, and read the difference before you commit it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.alertmanager import amtool
from tests.support.alertrules import ROOT

HERE = Path(__file__).parent
TEMPLATES = ROOT / "alertmanager" / "templates"
DATA = sorted((HERE / "data").glob("*.json"))
SLACK = (
    "title",
    "color",
    "slack.text",
    "runbook.text",
    "runbook.url",
    "dashboard.text",
    "dashboard.url",
    "silence.url",
)


def render(text: str, data: Path, kind: str = "text") -> str:
    """Return what Alertmanager would put into a message."""
    code, out = amtool(
        "template",
        "render",
        f"--template.glob={TEMPLATES}/*.tmpl",
        f"--template.data={data}",
        f"--template.type={kind}",
        f"--template.text={text}",
    )
    assert code == 0, out
    return out


@pytest.mark.parametrize("data", DATA, ids=lambda path: path.stem)
def test_a_message_looks_as_wanted(data: Path) -> None:
    """Slack's parts, the mail's text and its HTML equal the golden files."""
    slack = "".join(f'== {name}\n{{{{ template "booking.{name}" . }}}}\n' for name in SLACK)
    shown = {
        "slack.txt": render(slack, data),
        "mail.txt": render('{{ template "booking.mail.text" . }}', data),
        "mail.html": render('{{ template "booking.mail.html" . }}', data, "html"),
    }
    for suffix, text in shown.items():
        golden = HERE / "golden" / f"{data.stem}.{suffix}"
        if not golden.exists():
            golden.write_text(text, "utf-8")
            pytest.fail(f"{golden.name} was not there and has been written: read it")
        assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("data", DATA, ids=lambda path: path.stem)
def test_no_button_is_without_an_address(data: Path) -> None:
    """Whatever annotations are missing, each button has a text and an address."""
    for button in ("runbook", "dashboard", "silence"):
        assert re.fullmatch(r"https?://\S+", render(f'{{{{ template "booking.{button}.url" . }}}}', data))


def test_every_template_is_defined_and_used() -> None:
    """Names are compared here, because amtool passes an undefined template."""
    defined = re.findall(r'define "([a-z.]+)"', (TEMPLATES / "booking.tmpl").read_text("utf-8"))
    files = [*TEMPLATES.glob("*.tmpl"), *(ROOT / "alertmanager").glob("*.yml")]
    used = {name for path in files for name in re.findall(r'template "([a-z.]+)"', path.read_text("utf-8"))}
    assert len(set(defined)) == len(defined)
    assert used == set(defined)


def test_the_data_is_complete() -> None:
    """There is a group of more than ten hosts, one without annotations, and one that is over."""
    alerts = {path.stem: json.loads(path.read_text("utf-8")) for path in DATA}
    assert len(alerts["fleet"]["alerts"]) > 11
    assert alerts["bare"]["commonAnnotations"] == {}
    assert alerts["resolved"]["status"] == "resolved"
