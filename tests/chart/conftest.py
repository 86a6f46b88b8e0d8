"""Helm and kubectl, where the machine has them."""

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
    return Helm(program("helm"), chart)


@pytest.fixture(scope="session")
def kubectl() -> str:
    return program("kubectl")


def program(name: str) -> str:
    """The path of a program; skips the test where there is none."""
    found = shutil.which(name) or next(map(str, (cache() / "programs").glob(f"*[0-9a-f]/{name}")), None)
    if found is None:
        reason = f"no {name} in PATH, and none built for the test node"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def default(helm: Helm) -> Rendered:
    return helm.render()


@pytest.fixture(scope="session", params=[{}, EVERYTHING, NOTHING], ids=["default", "everything", "nothing"])
def any_release(request: pytest.FixtureRequest, helm: Helm) -> Rendered:
    return helm.render(request.param)
