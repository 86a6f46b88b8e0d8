"""The operator, installed by its chart for the whole session; pools; and a pod that calls them.

`pool` and `caller` live in a test's own namespace, `module_pool` and `module_caller` in one that the tests of a
module share.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster.caller import Caller
from tests.cluster.cluster import Cluster, Images
from tests.cluster.pools import OPERATOR_NAMESPACE, InstalledPool

RELEASE = "tyrex"
MakePool = Callable[..., InstalledPool]


@pytest.fixture(scope="session")
def operator(cluster: Cluster, images: Images, root: Path) -> Iterator[str]:
    """The operator of the present chart, for every namespace; the name of its Deployment.

    One that a former session left is upgraded, and stays. So is a CRD: no chart takes it away.
    """
    where = ("--namespace", OPERATOR_NAMESPACE)
    there = RELEASE in cluster.helm("list", "--short", *where).split()
    chart = str(root / "charts" / "tyrex-pool")
    upgrade = ("upgrade", RELEASE, chart, "--install", "--create-namespace", "--take-ownership")
    cluster.helm(*upgrade, *where, "--wait", "--timeout=90s", *values(images))
    yield f"{RELEASE}-tyrex-pool-operator"
    if not there:
        cluster.helm("uninstall", RELEASE, *where, "--wait", "--timeout=300s")


def values(images: Images) -> list[str]:
    """The options by which the chart takes the images that the node has, now: their tags may have moved."""
    found = ["--set-string", f"operator.podAnnotations.session={uuid4().hex}"]
    for component, image in (("operator", images.operator), ("runtime", images.runtime)):
        mark = "digest" if "@" in image else "tag"
        repository, _, version = image.rpartition("@" if mark == "digest" else ":")
        found += ["--set", f"{component}.image.repository={repository},{component}.image.{mark}={version}"]
    return found


def pools(cluster: Cluster, namespace: str, stack: ExitStack) -> MakePool:
    """A maker of pools in `namespace`, which go with `stack`."""

    def make(
        name: str = "demo",
        spec: Mapping[str, Any] | None = None,
        namespace: str = namespace,
        ready: bool = True,
    ) -> InstalledPool:
        pool = InstalledPool(cluster, namespace, name)
        pool.apply(spec or {})
        stack.callback(pool.delete, wait=False)
        if ready:
            pool.wait_ready()
        return pool

    return make


@pytest.fixture
def pool(operator: str, cluster: Cluster, namespace: str) -> Iterator[MakePool]:
    """Applies a TyrexPool, `name` and `spec`, and waits for Ready, or with `ready=False` does not."""
    with ExitStack() as stack:
        yield pools(cluster, namespace, stack)


@pytest.fixture
def caller(cluster: Cluster, namespace: str, images: Images) -> Caller:
    """A pod in the test's namespace that evaluates."""
    return Caller(cluster, namespace, images.runtime).start()


@pytest.fixture(scope="module")
def module_namespace(cluster: Cluster) -> Iterator[str]:
    """One for all tests of a module."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="module")
def module_pool(operator: str, cluster: Cluster, module_namespace: str) -> Iterator[MakePool]:
    """As `pool`, for all tests of a module."""
    with ExitStack() as stack:
        yield pools(cluster, module_namespace, stack)


@pytest.fixture(scope="module")
def module_caller(cluster: Cluster, module_namespace: str, images: Images) -> Caller:
    """As `caller`, for all tests of a module."""
    return Caller(cluster, module_namespace, images.runtime).start()
