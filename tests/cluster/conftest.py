"""`cluster`: one for the whole session; `namespace`: a new one for each test; `images`: the product's."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

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
from tests.cluster.releases import releases  # noqa: F401 - a fixture
from tests.cluster.sources import NoCluster, any_cluster


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """Without any, the tests are left out; with CI set they fail."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        try:
            with capture.global_and_fixture_disabled():  # building may take minutes: show how far it is
                found = stack.enter_context(any_cluster())
        except NoCluster as reason:
            _leave_out(str(reason))
        yield found


def _leave_out(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> Images:
    return cluster.images


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a new namespace, at the `restricted` level of Pod Security."""
    with cluster.namespace(request.node.name.removeprefix("test_")) as name:
        yield name
