"""How a pool is deleted: it drains first, even long after its deletion, and past the deadline it goes by force."""

from typing import Any

import pytest

from tests.unit.controller.fake_api_server import FakeApiServer
from tests.unit.controller.fake_cluster import FakeCluster
from tests.unit.controller.virtual_time import clock, let_pass, virtual_time
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.controller.finalize import CHECK_INTERVAL, MARGIN, Finalizer
from tyrex_pool.controller.own_pods import OwnPods
from tyrex_pool.controller.store import Store
from tyrex_pool.model import names
from tyrex_pool.model.kinds import DEPLOYMENT, POD, REPLICA_SET, TYREX_POOL, Kind
from tyrex_pool.model.spec import Timeouts

DRAIN = 5
LABELS = {names.LABEL_POOL: "p", names.LABEL_COMPONENT: names.COMPONENT_PROXY}


def deleted_pool(server: FakeApiServer, spec: object) -> Object:
    """A pool that is deleted and has two proxies, the first of which is asked to end and does not."""

    def create(kind: Kind, name: str, owner: Object | None = None, **members: Any) -> Object:
        about: Object = {"name": name, "namespace": "web", "labels": LABELS}
        if owner is not None:
            controller = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": True}
            about["ownerReferences"] = [{"apiVersion": owner["apiVersion"], "kind": owner["kind"], **controller}]
        return server.create({"apiVersion": kind.api_version, "kind": kind.name, "metadata": about, **members})

    pool = create(TYREX_POOL, "p", spec=spec)
    deployment = create(DEPLOYMENT, "p-proxy", pool, spec={"replicas": 2})
    replica_set = create(REPLICA_SET, "p-proxy-a1", deployment)
    for name in ("p-proxy-a1-1", "p-proxy-a1-2"):
        create(POD, name, replica_set)
    server.delete(POD, "p-proxy-a1-1")
    server.merge(TYREX_POOL, "p", {"metadata": {"finalizers": [names.FINALIZER]}})
    server.delete(TYREX_POOL, "p")
    return server.read(TYREX_POOL, "p")


@pytest.mark.parametrize("away", [pytest.param(0, id="at once"), pytest.param(3600, id="an hour later")])
@pytest.mark.parametrize(
    ("spec", "drain"),
    [
        pytest.param({"timeouts": {"drain": f"{DRAIN}s"}}, DRAIN, id="its drain"),
        pytest.param({"timeouts": {"drain": "soon"}}, float(Timeouts().drain), id="an invalid drain"),
        pytest.param({"timeouts": 3}, float(Timeouts().drain), id="an invalid spec"),
    ],
)
@virtual_time
async def test_it_drains_first_and_is_let_go_when_its_time_is_over(spec: object, drain: float, away: float) -> None:
    server = FakeApiServer()
    cluster, store, pool = FakeCluster(server), Store(), deleted_pool(server, spec)
    store.set_child(server.read(DEPLOYMENT, "p-proxy"))
    finalizer = Finalizer(cluster, store, OwnPods(cluster, store), clock)
    await let_pass(away)
    assert await finalizer.finalize(pool) == CHECK_INTERVAL
    assert (cluster.log, cluster.bodies) == (["merge Deployment p-proxy"], [{"spec": {"replicas": 0}}])
    store.set_child(server.read(DEPLOYMENT, "p-proxy"))
    await let_pass(drain + MARGIN - 1)
    assert await finalizer.finalize(pool) == CHECK_INTERVAL
    await let_pass(1)
    assert await finalizer.finalize(pool) is None
    assert cluster.log[1:] == ["delete within 0 s Pod p-proxy-a1-1", "delete Deployment p-proxy", "merge TyrexPool p"]
    version = pool["metadata"]["resourceVersion"]
    assert cluster.bodies[-1] == {"metadata": {"finalizers": [], "resourceVersion": version}}
    assert server.find(TYREX_POOL, "p") is None


@virtual_time
async def test_a_pool_without_the_finalizer_is_none_of_the_operator_s() -> None:
    server = FakeApiServer()
    cluster, pool = FakeCluster(server), deleted_pool(server, {})
    pool["metadata"]["finalizers"] = ["of others"]
    assert await Finalizer(cluster, Store(), OwnPods(cluster, Store()), clock).finalize(pool) is None
    assert cluster.log == []
