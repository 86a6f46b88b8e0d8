"""The Grafana dashboard: it asks only for what proxies, agents and the operator really show, and for all of that."""

import json
import re
from pathlib import Path

import pytest

from tests.chart.helm import NAMESPACE, Helm, Object, Rendered
from tests.chart.promql import SCRAPED, Labels, asked, shown

VARIABLES = {"datasource", "namespace", "pool", "__rate_interval"}


@pytest.fixture(scope="module")
def board(chart: Path) -> Object:
    found: Object = json.loads((chart / "files/dashboard.json").read_text())
    return found


@pytest.fixture(scope="module")
def there() -> Labels:
    return shown()


def panels(board: Object) -> list[Object]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board: Object) -> list[str]:
    """What its panels ask, with Grafana's variables filled in."""
    raw = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    return [re.sub(r"\$\w+", "x", one.replace("$__rate_interval", "1m")) for one in raw]


def test_none_without_being_asked(default: Rendered) -> None:
    assert default.of("ConfigMap") == []


def test_grafana_s_sidecar_finds_it(helm: Helm, board: Object) -> None:
    made = helm.render({"metrics": {"dashboard": {"enabled": True}}}).one("ConfigMap")
    assert (made["metadata"]["namespace"], made["metadata"]["labels"]["grafana_dashboard"]) == (NAMESPACE, "1")
    assert json.loads(made["data"]["tyrex-pool.json"]) == board


def test_another_namespace_label_and_folder(helm: Helm) -> None:
    values = {"enabled": True, "namespace": "grafana", "labels": {"x": "y"}, "annotations": {"grafana_folder": "Pools"}}
    metadata = helm.render({"metrics": {"dashboard": values}}).one("ConfigMap")["metadata"]
    assert (metadata["namespace"], metadata["labels"]["x"]) == ("grafana", "y")
    assert metadata["annotations"] == {"grafana_folder": "Pools"}


def test_it_asks_for_metrics_and_labels_that_are_there(board: Object, there: Labels) -> None:
    for expression in expressions(board):
        told = asked(expression)
        assert told.selectors, expression
        labels: set[str] = set()
        for name, chosen_by in told.selectors:
            assert name in there, f"{name} in {expression}"
            assert chosen_by <= there[name] | SCRAPED, expression
            labels |= there[name]
        assert told.grouped <= labels | SCRAPED, expression


def test_it_shows_every_metric_of_ours(board: Object, there: Labels) -> None:
    def family(name: str) -> str:
        return re.sub(r"_(bucket|count|sum|created)$", "", name)

    used = {family(name) for expression in expressions(board) for name, _ in asked(expression).selectors}
    ours = {family(name) for name in there if name.startswith("tyrex_") and not name.endswith("_created")}
    assert ours - used == set()


def test_its_variables(board: Object, there: Labels) -> None:
    assert {one["name"] for one in board["templating"]["list"]} == VARIABLES - {"__rate_interval"}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(board))) - {"__all"} == VARIABLES
    for variable in board["templating"]["list"][1:]:
        metric, label = re.findall(r"label_values\((\w+).*, (\w+)\)", variable["definition"])[0]
        assert metric in there
        assert label == variable["name"]


def test_every_panel_has_a_place_of_its_own(board: Object) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_legends_use_labels_that_are_left(board: Object) -> None:
    for panel in panels(board):
        for target in panel["targets"]:
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert labels <= asked(re.sub(r"\$\w+", "1m", target["expr"])).grouped, panel["title"]
