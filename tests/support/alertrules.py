"""The shipped rules as objects, and the programs that check them."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from exporter.catalogue import BUILTIN, Catalogue
from tests.support.packages import need_program
from tests.support.promql import Metrics, expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
RUNBOOKS = RULES / "runbooks"
FILES = tuple(sorted(RULES.glob("*.yml")))
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file. `wait` is its `for` and `keep` its `keep_firing_for`, in seconds."""

    file: str
    group: str
    name: str
    alert: bool
    text: str
    wait: float
    keep: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def seconds(text: str) -> float:
    """Return a Prometheus duration such as `1h30m` in seconds."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", text))


def document(text: str) -> Any:  # noqa: ANN401  (whatever stands there)
    """Return what a YAML text says, read by libyaml where PyYAML has it: ten times as fast."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (both are safe loaders)


def rules(text: str, file: str = "") -> list[Rule]:
    """Return the rules of one file's text."""
    return [_rule(file, group["name"], one) for group in document(text)["groups"] for one in group["rules"]]


@cache
def shipped() -> tuple[Rule, ...]:
    """Return all rules of `rules/`."""
    return tuple(rule for path in FILES for rule in rules(path.read_text("utf-8"), path.name))


def metrics(of: Iterable[Rule]) -> Metrics:
    """Return the series that rules may read: the catalogue's, and what `of` record."""
    known = Metrics(tuple(Catalogue(BUILTIN)))
    recorded = [rule for rule in of if not rule.alert]
    for _ in range(5):  # recorded series are made of recorded series, in any order of files
        for rule in recorded:
            known.record(rule.name, expression(rule.text), rule.labels)
    return known


def promtool(*arguments: str, timeout: float = 120) -> tuple[int, str]:
    """Run promtool and return its exit code and all that it printed."""
    program = need_program("promtool", "prometheus")
    environment = os.environ | {"GOGC": "400"}  # a quarter of its time would go into freeing memory that nobody needs
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=timeout, check=False, env=environment
    )
    return done.returncode, done.stdout + done.stderr


def _rule(file: str, group: str, one: Mapping[str, Any]) -> Rule:
    return Rule(
        file=file,
        group=group,
        name=one.get("alert") or one["record"],
        alert="alert" in one,
        text=str(one["expr"]),
        wait=seconds(one.get("for", "")),
        keep=seconds(one.get("keep_firing_for", "")),
        labels=one.get("labels", {}),
        annotations=one.get("annotations", {}),
    )
