"""`cluster`: one for the whole session; `namespace`: a new one for each test; `images`: the product's."""

import os
from collections.abc import Iterator

import pytest

from tests.cluster.cluster import Cluster, Images
from tests.cluster.installed import (  # noqa: F401 - fixtures
    caller,
    module_caller,
    module_namespace,
    module_pool,
    operator,
    pool,
)
from tests.cluster.sources import NoCluster, any_cluster


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """Without any, the tests are left out; with CI set they fail."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    source = any_cluster()
    try:
        with capture.global_and_fixture_disabled():  # what is being built takes minutes
            found = source.__enter__()
    except NoCluster as reason:
        leave_out = pytest.fail if os.environ.get("CI") else pytest.skip
        leave_out(str(reason))
    yield found
    source.__exit__(None, None, None)


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> Images:
    return cluster.images


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a new namespace, at the `restricted` level of Pod Security."""
    with cluster.namespace(request.node.name.removeprefix("test_")) as name:
        yield name
