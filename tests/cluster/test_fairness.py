"""An edit goes before three hundred pools that another namespace creates at the same time."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from tests.cluster.audit import now, writes
from tests.cluster.cluster import Cluster
from tests.cluster.pools import OPERATOR_NAMESPACE, RESOURCE, InstalledPool, manifest

MANY = 300
SOME = 10
PARKED = {"size": 0, "proxy": {"replicas": 0}}
LIMIT = timedelta(seconds=2)
OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:"
pytestmark = pytest.mark.slow


@pytest.fixture
def crowd(operator: str, cluster: Cluster) -> Iterator[str]:
    """A namespace whose pools are gone at the end: an operator that goes before them would have to wait for each."""
    with cluster.namespace("crowd") as namespace:
        yield namespace
        where = ("--namespace", namespace)
        cluster.kubectl(*where, "delete", RESOURCE, "--all", "--wait=false")
        cluster.wait(lambda: not pools(cluster, namespace), 400, "all pools to go")


def pools(cluster: Cluster, namespace: str) -> list[bool]:
    """Of each pool of the namespace, whether it was reconciled."""
    items = json.loads(cluster.kubectl("--namespace", namespace, "get", RESOURCE, "--output=json"))["items"]
    return [one["status"]["observedGeneration"] == one["metadata"]["generation"] for one in items]


def test_an_edit_does_not_wait_for_the_pools_of_another_namespace(
    module_pool: Callable[..., InstalledPool], cluster: Cluster, crowd: str
) -> None:
    mine = module_pool("mine", PARKED, ready=False)
    mine.wait_condition("Ready", "True", "Parked")
    items = [json.loads(manifest(f"p-{number}", PARKED, crowd)) for number in range(MANY)]
    cluster.kubectl("create", "--filename=-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    cluster.wait(lambda: pools(cluster, crowd).count(True) > SOME, 60, "the first pools of the crowd")
    since = now()
    mine.patch({"timeouts": {"eval": "4s"}})
    mine.wait_condition("Ready", "True", "Parked", deadline=60)
    reconciled = pools(cluster, crowd)
    assert len(reconciled) == MANY
    assert reconciled.count(False) > SOME, "the crowd was done before: nothing was shown"
    if cluster.audit_log is not None:
        waited = answered(cluster, mine, since)
        assert waited < LIMIT, f"it waited {waited}; {reconciled.count(False)} of {MANY} pools still wait"


def answered(cluster: Cluster, pool: InstalledPool, since: datetime) -> timedelta:
    """How long after the edit the operator wrote the pool's status, by the API server's clock."""
    assert cluster.audit_log is not None
    about = [one for one in writes(cluster.audit_log, since) if one.name == f"{pool.namespace}/{pool.name}"]
    edited = next(one.time for one in about if one.resource == "tyrexpools" and not one.user.startswith(OPERATOR))
    return next(one.time for one in about if one.resource == "tyrexpools/status") - edited
