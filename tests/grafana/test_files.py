"""The committed dashboards: generated, of the classic model, complete, and laid out without overlap."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.generate.__main__ import BOARDS
from tests.support.alertrules import ROOT, RUNBOOKS
from tests.support.dashboards import FILES, load, marks, panels

if TYPE_CHECKING:
    from pathlib import Path

DASHBOARDS = load()
RUNBOOK_NAMES = r"\b(?:[A-Z][a-z]+){2,}\b"


@pytest.fixture(params=sorted(DASHBOARDS))
def dashboard(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401  # a JSON document
    """Return each committed dashboard."""
    return load()[request.param]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_committed_file_is_what_the_generator_prints(board: Any) -> None:  # noqa: ANN401  # from an untyped list
    """Nobody edits the JSON: `make docs` writes it."""
    assert (ROOT / "grafana" / board.file).read_text("utf-8") == board.text()


def test_the_sdk_is_the_one_for_the_classic_model() -> None:
    """Left to itself, pip takes one for Grafana 10: its epoch makes it look later."""
    assert version("grafana-foundation-sdk").removeprefix("v") == "0.0.21"


def test_no_other_dashboard_is_committed() -> None:
    """Every JSON file beside the generator comes from it."""
    assert {path.name for path in FILES} == {board.file for board in BOARDS}


def test_the_check_of_make_says_which_file_is_stale(tmp_path: Path) -> None:
    """`--check` succeeds on the committed files, and names the one that differs."""
    command = [sys.executable, "-m", "grafana.generate", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    (tmp_path / "grafana").mkdir()
    (tmp_path / "grafana" / "generate").symlink_to(ROOT / "grafana" / "generate")
    copy = [sys.executable, "-c", "import sys; from grafana.generate import __main__ as m; from pathlib import Path;"]
    copy[2] += f"m.FOLDER = Path({str(tmp_path / 'grafana')!r}); sys.exit(m.main(['--check']))"
    done = subprocess.run(copy, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "grafana/duplicate-booking-prevention.json is not current: run make docs"


def lost(before: Any, after: Any, path: str = "") -> list[str]:  # noqa: ANN401  # parts of JSON documents
    """Return the places of `before` that `after` has not, or has otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        missing = [f"{path}.{key}" for key in before if key not in after]
        return missing + [
            one for key in before if key in after for one in lost(before[key], after[key], f"{path}.{key}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [one for number, (left, right) in pairs for one in lost(left, right, f"{path}[{number}]")]
    return [] if before == after else [path]


def round_trip(document: Any) -> Any:  # noqa: ANN401  # a JSON document
    """Return the document as the SDK reads and writes it."""
    register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(document), cls=JSONEncoder))


def test_nothing_vanishes_in_a_round_trip(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """What the SDK does not know would be a typing error, and Grafana would ignore it, too."""
    assert lost(dashboard, round_trip(dashboard)) == []


def test_a_typing_error_vanishes_in_the_round_trip(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """The check sees a wrong key in a dashboard, a panel, an option and a query."""
    dashboard["tag"] = []
    first = panels(dashboard)[0]
    first["unitt"] = first["options"]["colourMode"] = first["targets"][0]["expresion"] = "x"
    found = lost(dashboard, round_trip(dashboard))
    assert {one.rpartition(".")[2] for one in found} == {"tag", "unitt", "colourMode", "expresion"}


def test_the_dashboard_is_of_the_classic_model(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """A bare object that Grafana 11 to 13 import, and nothing that one Grafana alone knows."""
    assert dashboard["schemaVersion"] == 42
    assert dashboard.get("id") is None
    assert not {"dashboard", "__inputs", "__requires", "spec", "apiVersion", "version"} & set(dashboard)
    assert re.fullmatch(r"[a-z0-9-]{1,40}", dashboard["uid"])
    assert dashboard["editable"] is False
    assert dashboard["title"]
    assert dashboard["description"].endswith(".")
    assert dashboard["refresh"] == "1m"


def test_alerts_link_to_these_uids() -> None:
    """The uids are those in the links of the shipped rules."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "rules").glob("*.yml"))
    assert set(re.findall(r"/d/([a-z-]+)", text)) == {one["uid"] for one in DASHBOARDS.values()}


def test_dashboards_link_to_each_other(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """By a tag that all have, and keeping variables and time."""
    (link,) = dashboard["links"]
    assert (link["type"], link["includeVars"], link["keepTime"]) == ("dashboards", True, True)
    assert all(set(link["tags"]) <= set(one["tags"]) for one in DASHBOARDS.values())


def test_alerts_are_marked_on_all_panels(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """Annotations come from firing alerts, by severity."""
    enabled = [one for one in dashboard["annotations"]["list"] if one["enable"]]
    assert [one["name"] for one in enabled] == ["Critical alerts", "Warnings"]
    assert all(one["target"]["expr"].startswith('ALERTS{alertstate="firing"') for one in enabled)
    assert len(list(marks(dashboard))) == 3


def test_variables_offer_all_values(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """Datasource, job, environment, instance; several values at once, and all of them at first."""
    source, *queried = dashboard["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert [one["name"] for one in queried] == ["job", "environment", "instance"]
    assert [one["allValue"] for one in queried] == [".+", ".*", ".+"]
    assert all(one["multi"] and one["includeAll"] and one["current"]["value"] == "$__all" for one in queried)
    assert {one["refresh"] for one in queried} == {2}


def test_every_panel_has_an_id_of_its_own(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """Links to a panel go on working when others are added."""
    numbers = [one.get("id") for one in dashboard["panels"]]
    assert all(isinstance(one, int) and one > 0 for one in numbers)
    assert len(set(numbers)) == len(numbers)


def overlapping(one: Any, other: Any) -> bool:  # noqa: ANN401  # two gridPos objects
    """Tell whether two places have a cell in common."""
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


def test_panels_do_not_overlap(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """All lie inside the 24 columns, and none on another."""
    places = [one["gridPos"] for one in dashboard["panels"]]
    assert all(one["x"] >= 0 and one["x"] + one["w"] <= 24 and one["w"] > 0 and one["h"] > 0 for one in places)
    assert not any(overlapping(one, other) for one, other in combinations(places, 2))
    assert overlapping({"x": 0, "y": 0, "w": 2, "h": 2}, {"x": 1, "y": 1, "w": 2, "h": 2})


def test_lines_of_panels_are_full(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """No hole at the right: what begins on one line ends at the last column."""
    for top in {one["gridPos"]["y"] for one in dashboard["panels"]}:
        covering = [one["gridPos"] for one in dashboard["panels"]]
        width = sum(one["w"] for one in covering if one["y"] <= top < one["y"] + one["h"])
        assert width == 24, (dashboard["title"], top)


def test_every_panel_says_what_it_shows_and_what_to_do(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """Title, description, unit, thresholds, and words for the absence of data."""
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"], panel["id"]
        assert len(panel["description"]) > 60, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"], panel["title"]
        steps = defaults["thresholds"]["steps"]
        assert steps[0]["value"] is None, panel["title"]
        values = [one["value"] for one in steps[1:]]
        assert values == sorted(values), panel["title"]


def test_titles_are_unique(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """Nobody has to guess which of two panels is meant."""
    titles = [one["title"] for one in dashboard["panels"]]
    assert len(set(titles)) == len(titles)


def test_runbooks_that_descriptions_name_exist(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """Each name in CamelCase is a runbook's, and most panels of the first row name one."""
    names = {path.stem for path in RUNBOOKS.glob("*.md")}
    named = [set(re.findall(RUNBOOK_NAMES, panel["description"])) for panel in panels(dashboard)]
    assert set.union(*named) - names == set()
    assert sum(bool(one) for one in named[:6]) >= 4


def test_heatmaps_show_increases_by_bucket(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """A heatmap of raw counters shows nothing useful, and one that buckets again shows something wrong."""
    found = [panel for panel in panels(dashboard) if panel["type"] == "heatmap"]
    assert found
    for panel in found:
        (target,) = panel["targets"]
        assert re.fullmatch(r"sum by \(le\) \(increase\(\w+_bucket\{.*\}\[\$__rate_interval\]\)\)", target["expr"])
        assert (target["format"], target["legendFormat"]) == ("heatmap", "{{le}}")
        assert (panel["options"]["calculate"], panel["options"]["yAxis"]["unit"]) == (False, "s")


def test_units_tell_the_percent_gauge_from_ratios(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """`percent` is for the gauge that goes to 100 alone; ratios are `percentunit`."""
    by_unit = {panel["title"] for panel in panels(dashboard) if panel["fieldConfig"]["defaults"]["unit"] == "percent"}
    of_gauge = {
        panel["title"]
        for panel in panels(dashboard)
        if any("api_gateway_duplicate_prevention_rate" in one["expr"] for one in panel["targets"])
    }
    assert by_unit == of_gauge


def test_values_per_server_are_the_largest_ten(dashboard: Any) -> None:  # noqa: ANN401  # a JSON document
    """A fleet of hundreds stays readable: a legend with the instance needs topk or bottomk, or a rare series."""
    rare = {"Failed commits", "Database reached", "Lag of the replica"}
    for panel in panels(dashboard):
        for target in panel["targets"]:
            if "{{instance}}" in target["legendFormat"] and panel["title"] not in rare:
                assert re.match(r"(topk|bottomk)\(10, ", target["expr"]), panel["title"]
