"""An edit is applied within two seconds, whatever other namespaces do; measured in virtual time, with an API server
that takes its time for each request.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.unit.controller.virtual_time import let_pass, until, virtual_time
from tests.unit.controller.world import World, running
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.model import names
from tyrex_pool.model.kinds import SERVICE, TYREX_POOL

REQUEST = 0.02
MANY = 300
SOME = 100
"""Where all of them must be made first, which takes real time."""
LIMIT = 2.0
PARKED: Mapping[str, Any] = {"size": 0, "proxy": {"replicas": 0}}


def create(world: World, namespace: str, name: str) -> None:
    metadata = {"name": name, "namespace": namespace}
    world.server.create(
        {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": dict(PARKED)}
    )


def crowd(world: World, namespace: str, count: int = MANY) -> Iterator[str]:
    for number in range(count):
        create(world, namespace, f"p-{number}")
        yield f"p-{number}"


def seen(pool: Object) -> bool:
    return bool(pool.get("status", {}).get("observedGeneration") == pool["metadata"]["generation"])


def waiting(world: World, namespace: str) -> int:
    """How many pools of the namespace were not reconciled since they were changed."""
    return sum(not seen(pool) for pool in world.server.select(TYREX_POOL, namespace))


async def after_edit(world: World, namespace: str, name: str) -> float:
    """Seconds from an edit of the pool to its reconciliation."""
    start = world.now()
    world.server.merge(TYREX_POOL, name, {"spec": {"timeouts": {"eval": "4s"}}}, namespace)
    await until(lambda: seen(world.server.read(TYREX_POOL, name, namespace)), seconds=600)
    return world.now() - start


async def one_beside(world: World, *namespaces: str) -> None:
    """A pool in `mine`, and one in each of the others, at rest."""
    for namespace in ("mine", *namespaces):
        create(world, namespace, "one")
    await let_pass(10)


@virtual_time
async def test_three_hundred_new_pools_elsewhere() -> None:
    async with running() as world:
        await one_beside(world)
        world.cluster.seconds = lambda namespace: REQUEST
        assert len(list(crowd(world, "other"))) == MANY
        await let_pass(0.5)
        assert await after_edit(world, "mine", "one") < LIMIT
        assert waiting(world, "other") > MANY / 2


@virtual_time
async def test_a_new_pool_beside_three_hundred_new_ones() -> None:
    async with running() as world:
        world.cluster.seconds = lambda namespace: REQUEST
        assert len(list(crowd(world, "other"))) == MANY
        create(world, "mine", "one")
        start = world.now()
        await until(lambda: waiting(world, "mine") == 0, seconds=600)
        assert world.now() - start < LIMIT


@virtual_time
async def test_a_resync_of_a_hundred_pools_of_the_same_namespace() -> None:
    async with running() as world:
        assert len(list(crowd(world, "mine", SOME))) == SOME
        await let_pass(30)
        await world.stop()
        world.cluster.seconds = lambda namespace: REQUEST
        for name in (f"p-{number}" for number in range(SOME)):  # so that each of them is something to do
            world.server.delete(SERVICE, name, "mine")
        world.start()
        await until(lambda: world.server.find(SERVICE, "p-0", "mine") is not None)
        assert await after_edit(world, "mine", f"p-{SOME - 1}") < LIMIT
        assert world.server.find(SERVICE, f"p-{SOME - 2}", "mine") is None


@virtual_time
async def test_a_hundred_deletions_elsewhere() -> None:
    async with running() as world:
        await one_beside(world)
        assert len(list(crowd(world, "other", SOME))) == SOME
        await let_pass(30)
        world.cluster.seconds = lambda namespace: REQUEST
        for number in range(SOME):
            world.server.delete(TYREX_POOL, f"p-{number}", "other")
        await let_pass(0.5)
        assert await after_edit(world, "mine", "one") < LIMIT
        assert len(world.server.select(TYREX_POOL, "other")) > SOME / 2


@virtual_time
async def test_an_api_server_that_is_slow_for_one_namespace_only() -> None:
    """As with a webhook that answers late."""
    async with running() as world:
        await one_beside(world)
        world.cluster.seconds = lambda namespace: 5.0 if namespace == "slow" else REQUEST
        assert len(list(crowd(world, "slow", 50))) == 50
        await let_pass(0.5)
        assert await after_edit(world, "mine", "one") < LIMIT


@virtual_time
async def test_two_crowds_share_and_a_third_namespace_has_its_turn() -> None:
    async with running() as world:
        await one_beside(world)
        world.cluster.seconds = lambda namespace: REQUEST
        for namespace in ("a", "b"):
            assert len(list(crowd(world, namespace))) == MANY
        assert await after_edit(world, "mine", "one") < LIMIT
        await let_pass(5)
        done = [MANY - waiting(world, namespace) for namespace in ("a", "b")]
        assert done == [pytest.approx(sum(done) / 2, rel=0.1)] * 2


@virtual_time
async def test_a_repair_elsewhere_does_not_wait_for_all_of_the_crowd() -> None:
    async with running() as world:
        await one_beside(world)
        world.cluster.seconds = lambda namespace: REQUEST
        assert len(list(crowd(world, "other"))) == MANY
        await let_pass(0.5)
        start = world.now()
        world.server.delete(SERVICE, "one", "mine")
        await until(lambda: world.server.find(SERVICE, "one", "mine") is not None, seconds=600)
        assert world.now() - start < LIMIT
        assert waiting(world, "other") > MANY / 2
