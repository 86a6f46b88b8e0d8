"""A pool belongs to one operator: any other keeps off and says so, until the first one is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.unit.controller.fake_api_server import FakeApiServer
from tests.unit.controller.fake_cluster import FakeCluster
from tests.unit.controller.transcript import SETTLED, SMALL, play
from tests.unit.controller.virtual_time import let_pass, virtual_time
from tests.unit.controller.world import POOL, World
from tyrex_pool.cluster.errors import Forbidden
from tyrex_pool.controller.claims import PATIENCE, RECHECK, Claims
from tyrex_pool.model import names
from tyrex_pool.model.kinds import DEPLOYMENT, LEASE, TYREX_POOL

FIRST, SECOND = "tyrex-system/first", "tyrex-system/second"
LONG = 3 * PATIENCE


@asynccontextmanager
async def world_with(*leases: str) -> AsyncIterator[World]:
    """A pool that the first operator has made, and then the others."""
    world = World()
    world.start("one", lease=leases[0])
    await let_pass(5)
    await play(world, SMALL)
    for number, lease in enumerate(leases[1:]):
        world.start(f"other-{number}", lease=lease)
    await let_pass(5)
    yield world
    await world.stop()


def owner(world: World) -> str | None:
    annotations = world.server.read(TYREX_POOL, POOL)["metadata"].get("annotations", {})
    found: str | None = annotations.get(names.ANNOTATION_OPERATOR)
    return found


async def writes(world: World, seconds: float) -> list[str]:
    """Without those of Leases."""
    world.cluster.take_log()
    await let_pass(seconds)
    return [line for line in world.cluster.take_log() if LEASE.name not in line]


@virtual_time
async def test_the_second_operator_keeps_off_and_says_so_once() -> None:
    async with world_with("first", "second") as world:
        assert await writes(world, 10 * PATIENCE) == []
        assert owner(world) == FIRST
        assert world.events.count("OtherOperator") == 1
        world.edit_pool(size=2)
        assert (await writes(world, 5))[0] == "apply Deployment p-runtime"
        assert (owner(world), world.server.read(DEPLOYMENT, "p-runtime")["spec"]["replicas"]) == (FIRST, 2)


@virtual_time
async def test_of_two_that_find_a_new_pool_one_gets_it() -> None:
    world = World()
    for lease in ("first", "second"):
        world.start(lease, lease=lease)
    await let_pass(5)
    world.create_pool(size=1, proxy={"replicas": 1})
    await let_pass(5)
    log = [line for line in world.cluster.take_log() if LEASE.name not in line]
    assert log.count("apply Deployment p-runtime") == 1
    assert owner(world) in (FIRST, SECOND)
    assert await play(world, [SETTLED]) != []
    assert await writes(world, LONG) == []
    await world.stop()


@virtual_time
async def test_a_replica_of_the_same_operator_goes_on_with_its_pools() -> None:
    async with world_with("first", "first") as world:
        assert world.events.count("OtherOperator") == 0
        assert owner(world) == FIRST


@virtual_time
async def test_a_pool_is_taken_over_when_the_lease_of_its_operator_is_gone() -> None:
    async with world_with("first") as world:
        await world.stop()
        world.server.delete(LEASE, "first", "tyrex-system")
        world.start("two", lease="second")
        await let_pass(5)
        assert owner(world) == SECOND
        assert world.ready == "True Ready"


@virtual_time
async def test_a_pool_is_taken_over_when_the_lease_of_its_operator_is_not_renewed() -> None:
    async with world_with("first") as world:
        await world.stop()
        world.start("two", lease="second")
        await let_pass(PATIENCE / 2)
        assert owner(world) == FIRST, "it may come back"
        await let_pass(PATIENCE)
        assert owner(world) == SECOND


@virtual_time
async def test_a_pool_is_taken_over_when_its_operator_lives_and_does_not_follow_it() -> None:
    """It watches other namespaces now, or the pool was copied here with its annotations."""
    async with world_with("first") as world:
        await world.stop()
        world.start("one", namespaces=("elsewhere",), lease="first")
        world.start("two", lease="second")
        await let_pass(LONG)
        assert owner(world) == FIRST, "nothing was to be done"
        world.edit_pool(size=2)
        await let_pass(PATIENCE + 20)
        assert owner(world) == SECOND
        assert world.server.read(DEPLOYMENT, "p-runtime")["spec"]["replicas"] == 2


@virtual_time
async def test_a_deletion_that_its_operator_does_not_follow_is_carried_out_by_the_other() -> None:
    async with world_with("first") as world:
        await world.stop()
        world.start("one", namespaces=("elsewhere",), lease="first")
        world.start("two", lease="second")
        await let_pass(5)
        world.server.delete(TYREX_POOL, POOL)
        for _ in range(60):
            await let_pass(3)
            world.workloads.settle()
        assert world.server.find(TYREX_POOL, POOL) is None


@virtual_time
async def test_a_pool_is_handed_over_with_the_annotation() -> None:
    async with world_with("first", "second") as world:
        world.annotate_pool(names.ANNOTATION_OPERATOR, SECOND)
        await let_pass(5)
        world.edit_pool(size=2)
        log = await writes(world, 5)
        assert (owner(world), log.count("apply Deployment p-runtime")) == (SECOND, 1)
        assert await writes(world, LONG) == []


@virtual_time
async def test_a_claim_that_somebody_takes_off_is_made_again_by_one() -> None:
    async with world_with("first", "second") as world:
        world.annotate_pool(names.ANNOTATION_OPERATOR, None)
        assert set(await writes(world, 5)) == {"merge TyrexPool p"}  # that of the second is a conflict
        assert owner(world) in (FIRST, SECOND)
        assert await writes(world, LONG) == []


@virtual_time
async def test_a_lease_that_may_not_be_read_counts_as_held() -> None:
    cluster = FakeCluster(FakeApiServer())
    cluster.fail("get Lease first", Forbidden("may not", 403), times=10_000)
    claims = Claims(cluster, SECOND, asyncio.get_running_loop().time)
    metadata = {"namespace": "web", "name": POOL, "generation": 1, "annotations": {names.ANNOTATION_OPERATOR: FIRST}}
    pool = {"metadata": metadata, "status": {"observedGeneration": 1}}
    for _ in range(20):
        assert await claims.rival(pool) == FIRST
        await let_pass(RECHECK)
    metadata["generation"] = 2
    assert await claims.rival(pool) == FIRST
    await let_pass(PATIENCE)
    assert await claims.rival(pool) is None, "only its deeds tell"


@virtual_time
async def test_a_lease_that_may_not_be_read_any_more_is_gone() -> None:
    """The right to read it goes with its release."""
    cluster = FakeCluster(FakeApiServer())
    lease = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": {"name": "first", "namespace": "system"}}
    await cluster.create(LEASE, "system", lease)
    claims = Claims(cluster, SECOND, asyncio.get_running_loop().time)
    claim = {names.ANNOTATION_OPERATOR: "system/first"}
    metadata = {"namespace": "web", "name": POOL, "generation": 1, "annotations": claim}
    pool = {"metadata": metadata, "status": {"observedGeneration": 1}}
    assert await claims.rival(pool) == "system/first"
    cluster.fail("get Lease first", Forbidden("may not", 403), times=10_000)
    await let_pass(RECHECK)
    assert await claims.rival(pool) is None
    await let_pass(RECHECK)
    assert await claims.rival(pool) is None


@virtual_time
async def test_an_operator_without_a_lease_holds_nobody_off() -> None:
    world = World()
    world.start("laptop")
    await let_pass(5)
    await play(world, SMALL)
    assert owner(world) == "laptop"
    world.start("two", lease="second")
    await let_pass(5)
    assert owner(world) == SECOND
    assert await writes(world, LONG) == []
    await world.stop()
