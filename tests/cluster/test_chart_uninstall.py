"""`helm uninstall`: pools go before their operator, or stay on purpose; nothing is left, and nothing gets stuck."""

from collections.abc import Callable

import pytest

from tests.cluster.caller import Caller
from tests.cluster.load import load
from tests.cluster.pools import RESOURCE
from tests.cluster.releases import Release
from tyrex_pool.model import names

SLOW = "new Promise((done) => setTimeout(() => done(COUNT), 1000))"
pytestmark = pytest.mark.slow


def test_pools_drain_and_nothing_is_left(releases: Callable[[str], Release]) -> None:
    release = releases("uninstall")
    caller = Caller(release.cluster, release.namespace, release.images.runtime).start()
    before = release.objects()
    release.install()
    pool = release.pool()
    with load(caller, pool, SLOW, workers=2, pause=0.1, timeout=20) as found:
        release.uninstall()
    assert found.told.pop("right") > 0
    assert sum(found.told.values()) == found.refused, found.details
    release.cluster.wait(lambda: release.objects() == before, 40, f"nothing but {before}")
    assert release.cluster.kubectl("get", "crd", names.CRD_NAME), "other releases may need it"


def test_pools_that_cannot_go_are_named_and_it_can_be_repeated(releases: Callable[[str], Release]) -> None:
    """Without an operator no pool can go: nothing is removed until one is back."""
    release = releases("stuck")
    release.install("uninstall.timeoutSeconds=10")
    pool = release.pool()
    release.scale(0)
    said = release.uninstall(check=False)
    assert f"these pools are still there: {pool.namespace}/{pool.name}" in said
    assert "Error" in said
    assert release.is_there()
    job = f"job/{release.name}-remove-pools"
    assert f"still there: {pool.namespace}/{pool.name}" in release.kubectl("logs", job)
    release.scale(1)
    release.uninstall()
    assert not release.is_there()
    release.cluster.wait(lambda: not release.kubectl("get", f"{RESOURCE},jobs", "--output=name"), 30, "nothing left")


def test_pools_may_stay_and_are_taken_over_by_the_next_operator(releases: Callable[[str], Release]) -> None:
    release = releases("keep")
    release.install("uninstall.pools=Keep")
    pool = release.pool()
    caller = Caller(release.cluster, release.namespace, release.images.runtime).start()
    before = pool.restarts()
    with load(caller, pool) as found:
        release.uninstall()
        release.install("uninstall.pools=Delete")
        pool.wait_ready()
    found.assert_flawless()
    assert pool.restarts() == before
    release.uninstall()
    assert release.kubectl("get", RESOURCE, "--output=name") == ""
