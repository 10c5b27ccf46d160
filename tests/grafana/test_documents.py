"""The provisioning files and grafana/README.md say what is there."""

from __future__ import annotations

import re
from typing import Any

import yaml
from grafana_foundation_sdk.models.dashboard import GridPos

from grafana.generate import panels as kinds
from grafana.generate import queries
from tests.support.alertrules import ROOT
from tests.support.dashboards import FOLDER, NOTHING_TO_SHOW, load, panels

README = (FOLDER / "README.md").read_text("utf-8")
PROVISIONING = FOLDER / "provisioning"


def test_provisioning_of_dashboards() -> None:
    """Grafana loads the files from the folder that the README names, and lets nobody edit them in place."""
    document: Any = yaml.safe_load((PROVISIONING / "dashboards" / "booking.yml").read_text("utf-8"))
    (provider,) = document["providers"]
    assert (document["apiVersion"], provider["type"], provider["allowUiUpdates"]) == (1, "file", False)
    assert provider["options"]["path"] + "/" in README


def test_provisioning_of_the_data_source() -> None:
    """A Prometheus with a stated scrape interval, of the type that the dashboards' variable offers, without secrets."""
    document: Any = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text("utf-8"))
    (source,) = document["datasources"]
    (variable,) = (one for one in load()["booking-exporter.json"]["templating"]["list"] if one["type"] == "datasource")
    assert (document["apiVersion"], source["type"]) == (1, variable["query"])
    assert re.fullmatch(r"\d+s", source["jsonData"]["timeInterval"])
    assert not {"secureJsonData", "basicAuth", "uid"} & set(source)


def test_the_readme_lists_dashboards_and_rows() -> None:
    """The tables name each file, uid and row."""
    for file, dashboard in load().items():
        assert f"| `{file}` | `{dashboard['uid']}` |" in README
        rows = [one["title"] for one in dashboard["panels"] if one["type"] == "row"]
        assert [title for title in rows if f"| {title.partition(': duplicate')[0]} |" not in README] == []


def test_the_readme_names_the_panels_that_may_be_empty() -> None:
    """What the executed queries may leave empty is told, and exists."""
    titles = {one["title"] for dashboard in load().values() for one in panels(dashboard)}
    assert set(NOTHING_TO_SHOW) <= titles
    assert all(f'"{title}"' in README for title in NOTHING_TO_SHOW)


def test_the_example_of_a_panel_works() -> None:
    """The README's lines make a panel, with a number that is free."""
    (text,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {**vars(kinds), **vars(queries)}
    panel: Any = eval(text, names)  # noqa: S307  # the committed example
    built = panel.place(GridPos(x=0, y=0, w=panel.width, h=panel.height))
    assert built.targets[0].expr.startswith("round(sum by (status_class) (increase(api_gateway_upstream_failures_total")
    assert built.id_val not in {one["id"] for one in load()["duplicate-booking-prevention.json"]["panels"]}


def test_files_that_the_readme_names_exist() -> None:
    """No path in backquotes leads nowhere."""
    named = set(re.findall(r"`((?:generate|provisioning|tests|\.\./rules)/[\w./]+)`", README))
    assert len(named) >= 8
    assert [one for one in named if not ((FOLDER / one).exists() or (ROOT / one).exists())] == []
