"""`helm upgrade` changes the CRD and the operator under pools that go on serving."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.caller import Caller
from tests.cluster.load import load
from tests.cluster.releases import Release, other_chart
from tyrex_pool.model import names

COLUMN = "        - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}\n"
FORMER = COLUMN.replace("name: Age", "name: Born")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def release(releases: Callable[[str], Release]) -> Release:
    return releases("upgrade")


def columns(release: Release) -> list[str]:
    path = "{.spec.versions[0].additionalPrinterColumns[*].name}"
    return release.cluster.kubectl("get", "crd", names.CRD_NAME, f"--output=jsonpath={path}").split()


def test_from_a_former_version_with_another_crd(release: Release, tmp_path: Path) -> None:
    def former(crd: str) -> str:
        assert COLUMN in crd
        return crd.replace(COLUMN, FORMER)

    release.install(chart=other_chart(release.chart, tmp_path, "0.0.1", former))
    assert "Born" in columns(release)
    pool = release.pool()
    caller = Caller(release.cluster, release.namespace, release.images.runtime).start()
    before = pool.restarts()
    with load(caller, pool) as found:
        release.install()
        assert columns(release)[-1] == "Age"
        pool.apply({"size": 2, "proxy": {"replicas": 1}})
        pool.wait_ready()
    found.assert_flawless()
    assert before.items() <= pool.restarts().items()


def test_between_one_operator_and_two(release: Release) -> None:
    """Their Deployments have strategies that exclude each other."""
    for replicas, strategy in ((1, "Recreate"), (2, "RollingUpdate"), (1, "Recreate")):
        release.install(f"operator.replicas={replicas}")
        path = "{.spec.strategy.type} {.status.readyReplicas}"
        said = release.kubectl("get", f"deployment/{release.operator}", f"--output=jsonpath={path}")
        assert said == f"{strategy} {replicas}"
