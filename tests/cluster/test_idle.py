"""Pools at rest cost the API server no write, by the operator or by a proxy."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cluster.audit import now, writes
from tests.cluster.pools import OPERATOR_NAMESPACE, InstalledPool
from tyrex_pool.model import names

REST = timedelta(seconds=60)
LEASE = "leases"
STRATEGIES = ("RoundRobin", "Hash", "LeastLoaded")


@pytest.fixture(scope="module")
def idle(module_pool: Callable[..., InstalledPool]) -> list[InstalledPool]:
    """Workers pools that have nothing to do."""
    made = [
        module_pool(
            f"idle-{strategy.lower()}",
            {"size": 1, "proxy": {"replicas": 1}, "strategy": {"type": strategy}},
            ready=False,
        )
        for strategy in STRATEGIES
    ]
    for pool in made:
        pool.wait_ready()
    return made


@pytest.mark.slow
def test_pools_at_rest_are_not_written_to(idle: list[InstalledPool], operator: str) -> None:
    cluster = idle[0].cluster
    since, resynced, before = now(), last_resync(idle[0], operator), versions(idle)
    cluster.wait(lambda: now() >= since + REST and last_resync(idle[0], operator) > resynced, 90, "a minute to pass")
    assert versions(idle) == before
    if cluster.audit_log is None:
        return  # a cluster that keeps none, or not for us
    ours = (f"system:serviceaccount:{OPERATOR_NAMESPACE}:", f"system:serviceaccount:{idle[0].namespace}:")
    # pools of other tests may still be going
    here = (f"{OPERATOR_NAMESPACE}/", f"{idle[0].namespace}/")
    all_written = writes(cluster.audit_log, since)
    written = [one for one in all_written if one.user.startswith(ours) and one.name.startswith(here)]
    assert {one.resource for one in written} == {LEASE}, "the operator renews its Lease, and nobody does more"


def versions(pools: list[InstalledPool]) -> dict[str, str]:
    """What changes with every write: of the pools, and of those of their children that only the operator writes to."""
    kinds = f"{names.PLURAL},services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies"
    items: list[dict[str, Any]] = json.loads(pools[0].kubectl("get", kinds, "--output=json"))["items"]
    return {f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in items}


def last_resync(pool: InstalledPool, operator: str) -> float:
    """When the operator last looked at every pool, as its metrics say."""
    service = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/services/{operator}-metrics:admin/proxy{names.PATH_METRICS}"
    metrics = pool.cluster.kubectl("get", "--raw", service)
    name = "tyrex_operator_last_resync_timestamp_seconds "
    return float(next(line for line in metrics.splitlines() if line.startswith(name)).removeprefix(name))
