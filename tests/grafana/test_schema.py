"""The dashboards against Grafana's own TypeScript types, `@grafana/schema` 13.

`make test` installs the types and the compiler once into `.venv/schema`, from the committed lock
file. Types of a dashboard leave a panel's options open, so those are checked apart, each with the
types of its kind of panel.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.alertrules import ROOT
from tests.support.dashboards import load, panels
from tests.support.packages import lacking

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = ROOT / ".venv" / "schema" / "node_modules"
KINDS = {
    "stat": "stat/panelcfg/x/StatPanelCfg",
    "timeseries": "timeseries/panelcfg/x/TimeSeriesPanelCfg",
    "heatmap": "heatmap/panelcfg/x/HeatmapPanelCfg",
    "state-timeline": "statetimeline/panelcfg/x/StateTimelinePanelCfg",
    "piechart": "piechart/panelcfg/x/PieChartPanelCfg",
    "bargauge": "bargauge/panelcfg/x/BarGaugePanelCfg",
    "table": "table/panelcfg/x/TablePanelCfg",
}
OF_PROMETHEUS = ("titleFormat", "textFormat", "tagKeys")
"""What its data source reads of an annotation; the schema has only what all data sources have in common."""
HEAD = """\
import type { Dashboard } from '@grafana/schema';
// In JSON an enumeration's member is its text.
type Json<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T;
"""


@pytest.fixture
def compile_types(tmp_path: Path) -> Any:  # noqa: ANN401  # a function
    """Return a function that compiles TypeScript and returns what the compiler complains about."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed: without them Grafana's own types are not checked")
    if not (INSTALLED / ".bin" / "tsc").exists():
        lacking("needs @grafana/schema: make .venv/.schema")
    (tmp_path / "node_modules").symlink_to(INSTALLED)

    def compiled(text: str) -> str:
        (tmp_path / "dashboards.ts").write_text(text, "utf-8")
        options = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")
        command = [str(INSTALLED / ".bin" / "tsc"), *options, "--target", "es2022", "dashboards.ts"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    return compiled


def program(dashboards: list[Any]) -> str:
    """Return TypeScript that says that each document has its type."""
    lines = [HEAD]
    for kind, path in KINDS.items():
        name = kind.replace("-", "")
        module = f"@grafana/schema/dist/esm/raw/composable/{path}_types.gen"
        lines.append(f"import type * as {name} from '{module}';")
    for dashboard in dashboards:
        for one in dashboard.get("annotations", {}).get("list", ()):
            one["target"] = {"refId": one["target"]["refId"]}
            for key in OF_PROMETHEUS:
                one.pop(key, None)
        lines.append(f"({json.dumps(dashboard)}) satisfies Json<Dashboard>;")
        for panel in panels(dashboard):
            kind = panel["type"].replace("-", "")
            lines.append(f"({json.dumps(panel['options'])}) satisfies Json<Partial<{kind}.Options>>;")
            custom = panel["fieldConfig"]["defaults"].get("custom")
            if custom:
                lines.append(f"({json.dumps(custom)}) satisfies Json<Partial<{kind}.FieldConfig>>;")
    return "\n".join(lines) + "\n"


def test_dashboards_have_grafanas_types(compile_types: Any) -> None:  # noqa: ANN401  # a function
    """Every key and value of dashboards, options and drawing styles is one that Grafana 13 knows."""
    assert compile_types(program(list(load().values()))) == ""


def test_the_compiler_sees_what_is_wrong(compile_types: Any) -> None:  # noqa: ANN401  # a function
    """A wrong key, a value outside an enumeration, an option of another kind of panel, and a wrong place."""
    base: dict[str, object] = {"schemaVersion": 42, "panels": []}
    assert "'\"tag\"' does not exist" in compile_types(program([base | {"tag": []}]))
    assert "'string' is not assignable to type 'number'" in compile_types(program([base | {"schemaVersion": "42"}]))
    stat = next(one for one in panels(load()["booking-exporter.json"]) if one["type"] == "stat")
    wrong = (
        ("options", "graphMode", '"curve"'),
        ("options", "calculate", "calculate"),
        ("gridPos", "height", "height"),
    )
    for part, key, named in wrong:
        changed = {**stat, part: {**stat[part], key: "curve"}}
        assert named in compile_types(program([base | {"panels": [changed]}]))
