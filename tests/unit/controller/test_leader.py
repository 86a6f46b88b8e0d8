"""Leader election by a Lease: who works, who waits, and when a leader stops."""

import asyncio

import pytest

from tests.unit.controller.fake_api_server import FakeApiServer
from tests.unit.controller.fake_cluster import FakeCluster
from tests.unit.controller.virtual_time import let_pass, until, virtual_time
from tests.unit.controller.world import World, ended
from tyrex_pool.cluster.errors import ClusterError, Conflict
from tyrex_pool.controller.leader import DURATION, RENEW, RETRY, Lease, LeaseLostError, lead
from tyrex_pool.model.kinds import LEASE

NAMESPACE, NAME = "tyrex-system", "operator"


def lease(cluster: FakeCluster, identity: str) -> Lease:
    return Lease(cluster, NAMESPACE, NAME, identity, asyncio.get_running_loop().time)


def holder(server: FakeApiServer) -> object:
    found = server.find(LEASE, NAME, NAMESPACE)
    return found and found["spec"]["holderIdentity"]


class Candidate:
    """One that works, once it leads, until it is stopped. `at`: when it began to lead."""

    def __init__(self, cluster: FakeCluster, identity: str) -> None:
        self.at: float | None = None
        self.stop = asyncio.Event()
        self.task = asyncio.ensure_future(lead(lease(cluster, identity), self._work))

    async def _work(self) -> None:
        self.at = asyncio.get_running_loop().time()
        await self.stop.wait()


@virtual_time
async def test_the_first_one_leads_and_the_next_one_follows_as_soon_as_it_has_ended() -> None:
    cluster = FakeCluster(FakeApiServer())
    one = Candidate(cluster, "one")
    await until(lambda: one.at is not None)
    two = Candidate(cluster, "two")
    await let_pass(60)
    assert (holder(cluster.server), two.at) == ("one", None)
    one.stop.set()
    await one.task
    ended_at = asyncio.get_running_loop().time()
    await until(lambda: two.at is not None)
    assert two.at is not None
    assert two.at - ended_at <= RETRY
    found = cluster.server.read(LEASE, NAME, NAMESPACE)
    assert (found["spec"]["holderIdentity"], found["spec"]["leaseTransitions"]) == ("two", 2)
    two.stop.set()
    await two.task


@virtual_time
async def test_a_leader_that_died_is_replaced_when_its_lease_has_expired() -> None:
    cluster = FakeCluster(FakeApiServer())
    assert await lease(cluster, "dead").hold()
    two = Candidate(cluster, "two")
    await until(lambda: two.at is not None)
    assert two.at is not None
    assert DURATION <= two.at <= DURATION + RETRY
    two.stop.set()
    await two.task


@virtual_time
async def test_a_leader_that_cannot_renew_stops_before_another_one_may_begin() -> None:
    cluster = FakeCluster(FakeApiServer())
    one = Candidate(cluster, "one")
    await until(lambda: one.at is not None)
    cluster.down = True
    assert isinstance(await ended(one.task), LeaseLostError)
    assert asyncio.get_running_loop().time() <= RENEW + RETRY < DURATION


@virtual_time
async def test_a_leader_whose_lease_was_taken_stops_at_once() -> None:
    cluster = FakeCluster(FakeApiServer())
    one = Candidate(cluster, "one")
    await until(lambda: one.at is not None)
    cluster.server.merge(LEASE, NAME, {"spec": {"holderIdentity": "two"}}, NAMESPACE)
    assert isinstance(await ended(one.task), LeaseLostError)
    assert asyncio.get_running_loop().time() <= 2 * RETRY
    assert holder(cluster.server) == "two"


@virtual_time
async def test_what_the_work_raises_ends_the_leadership() -> None:
    cluster = FakeCluster(FakeApiServer())

    async def work() -> None:
        raise ClusterError("no")

    with pytest.raises(ClusterError):
        await lead(lease(cluster, "one"), work)
    assert holder(cluster.server) == ""


@pytest.mark.parametrize(
    "error", [pytest.param(Conflict("modified", 409), id="conflict"), pytest.param(ClusterError("no", 500), id="error")]
)
@virtual_time
async def test_a_lease_that_cannot_be_written_is_not_held(error: ClusterError) -> None:
    cluster = FakeCluster(FakeApiServer())
    cluster.fail("create Lease", error)
    one = lease(cluster, "one")
    assert not await one.hold()
    assert await one.hold()
    cluster.fail("replace Lease", error)
    assert not await one.hold()


@virtual_time
async def test_only_the_leader_of_two_operators_works() -> None:
    world = World()
    one, two = world.start("one", lease=True), world.start("two", lease=True)
    await let_pass(5)
    world.create_pool(size=1)
    await let_pass(5)
    assert world.cluster.log.count("apply Deployment p-runtime") == 1
    leader = one if holder(world.server) == "one" else two
    other = "two" if leader is one else "one"
    world.server.merge(LEASE, NAME, {"spec": {"holderIdentity": "nobody"}}, NAMESPACE)
    assert isinstance(await ended(leader), LeaseLostError)
    await until(lambda: holder(world.server) == other)
    world.edit_pool(size=2)
    await until(lambda: world.cluster.log.count("apply Deployment p-runtime") == 2)
    world.forget(leader)
    await world.stop()
    assert holder(world.server) == ""
