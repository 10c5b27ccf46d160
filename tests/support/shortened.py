"""The shipped rules and Alertmanager configuration with shorter times, for tests that run them for real.

The transformation: every duration in a rule (range, `for`, `keep_firing_for`, group interval) is
divided by `FACTOR`, and no range is shorter than ten scrapes of one second. Alertmanager's
`group_wait` becomes 1 s and `group_interval` 4 s. Links, lines marked "site" and paths are set to
the test's. Nothing else changes: expressions, limits, labels, annotations, routes, receivers,
inhibition and templates are those that are shipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tests.support.alertrules import FILES, ROOT, seconds

if TYPE_CHECKING:
    from pathlib import Path

FACTOR = 240
SHORTEST_RANGE = 10.0
CONFIG = ROOT / "alertmanager" / "alertmanager.yml"
TEMPLATES = ROOT / "alertmanager" / "templates"
PASSWORD = "the-password-in-the-file"  # noqa: S105  # of the test's own mail server
DURATION = r"(?:\d+(?:ms|[smhdw]))+"


def shorten(text: str) -> str:
    """Return a rule file's text with all durations divided by FACTOR."""
    text = re.sub(rf"\[({DURATION})\]", lambda one: f"[{_milliseconds(one[1], SHORTEST_RANGE)}]", text)
    keys = r"^(\s*(?:for|keep_firing_for|interval): )"
    return re.sub(rf"{keys}({DURATION})$", lambda one: one[1] + _milliseconds(one[2], 1.0), text, flags=re.MULTILINE)


def _milliseconds(text: str, least: float) -> str:
    return f"{round(max(seconds(text) / FACTOR, least) * 1000)}ms"


def write_rules(folder: Path, *, short: bool) -> Path:
    """Write all rule files to `folder`, as shipped or shortened and with the site's links, and return it."""
    folder.mkdir()
    for path in FILES:
        text = path.read_text("utf-8")
        (folder / path.name).write_text(shorten(text).replace(".example.com", ".shop.test") if short else text, "utf-8")
    return folder


def write_config(folder: Path, *, slack: str, watchdog: str, mail: int) -> Path:
    """Write Alertmanager's configuration for these receivers to `folder` and return its path."""
    folder.mkdir()
    (folder / "slack-url").write_text(slack + "\n", "utf-8")
    # Without a line feed: Alertmanager 0.25 would send it as a part of the password.
    (folder / "smtp-password").write_text(PASSWORD, "utf-8")
    config: Any = yaml.safe_load(CONFIG.read_text("utf-8"))
    config["global"] |= {
        "slack_api_url_file": str(folder / "slack-url"),
        "smtp_auth_password_file": str(folder / "smtp-password"),
        "smtp_smarthost": f"127.0.0.1:{mail}",
        "smtp_require_tls": False,
    }
    config["templates"] = [str(TEMPLATES / "*.tmpl")]
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = watchdog
    _shorten_route(config["route"])
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def _shorten_route(route: Any) -> None:  # noqa: ANN401  # a part of a YAML document
    for key, value in (("group_wait", "1s"), ("group_interval", "4s")):
        if key in route:
            route[key] = value
    for child in route.get("routes", ()):
        _shorten_route(child)
