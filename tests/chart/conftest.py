"""Helm, where the machine has it."""

import os
import shutil
from pathlib import Path

import pytest

from tests.chart.cases import EVERYTHING, NOTHING
from tests.chart.helm import Helm, Rendered
from tests.cluster.node.places import cache


@pytest.fixture(scope="session")
def chart(root: Path) -> Path:
    return root / "charts" / "tyrex-pool"


@pytest.fixture(scope="session")
def helm(chart: Path) -> Helm:
    program = shutil.which("helm") or next(map(str, (cache() / "programs").glob("*[0-9a-f]/helm")), None)
    if program is None:
        reason = "no helm in PATH, and none built for the test node: the chart is not rendered"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Helm(program, chart)


@pytest.fixture(scope="session")
def default(helm: Helm) -> Rendered:
    return helm.render()


@pytest.fixture(scope="session", params=[{}, EVERYTHING, NOTHING], ids=["default", "everything", "nothing"])
def any_release(request: pytest.FixtureRequest, helm: Helm) -> Rendered:
    return helm.render(request.param)
