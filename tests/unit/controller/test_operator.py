"""The operator as a whole: what it needs to start, its admin port, and how it ends."""

import pytest

from tests.unit.controller.virtual_time import let_pass, until, virtual_time
from tests.unit.controller.world import World, ended, running
from tyrex_pool.cluster.errors import ClusterError, Forbidden
from tyrex_pool.model.kinds import CHILDREN, CONFIG_MAP, ROLE, SERVICE, TYREX_POOL


@virtual_time
async def test_it_waits_for_the_definition_of_pools() -> None:
    async with running() as world:
        await world.stop()
        world.cluster.missing = {TYREX_POOL}
        world.start()
        await let_pass(10)
        world.cluster.missing = set()
        await until(lambda: world.cluster.open_watches == len(CHILDREN) + 2)
        world.create_pool(size=1)
        await until(lambda: world.ready == "False Starting")


@virtual_time
async def test_what_it_cannot_do_without_ends_it() -> None:
    world = World()
    world.cluster.fail("list TyrexPool", Forbidden("may not", 403))
    assert isinstance(await ended(world.start()), Forbidden)


@virtual_time
async def test_a_watch_of_pools_that_ends_ends_it() -> None:
    world = World()
    world.pool_watch_error = ClusterError("the watch of TyrexPools ended")
    assert await ended(world.start()) is world.pool_watch_error


@virtual_time
async def test_a_kind_that_cannot_be_watched_does_not_hold_up_the_pools(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.cluster.fail("list Role", Forbidden("may not", 403), times=1000)
    world.start()
    world.create_pool(size=1)
    await let_pass(60)
    assert "not everything can be watched" in caplog.text
    assert world.server.find(ROLE, "p-proxy") is not None
    assert world.ready == "False Starting"
    await world.stop()


@virtual_time
async def test_resyncs_go_on_while_pools_cannot_be_listed(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as world:
        world.cluster.fail("list TyrexPool", ClusterError("overloaded", 500))
        await let_pass(75)
        assert "the pools cannot be listed: overloaded" in caplog.text
        world.create_pool(size=1)
        await until(lambda: world.ready == "False Starting")


@virtual_time
async def test_only_its_namespaces_are_its_own() -> None:
    world = World()
    world.start(namespaces=("elsewhere",))
    await let_pass(5)
    world.create_pool(size=1)
    await let_pass(120)
    assert world.cluster.take_log() == []
    await world.stop()


@virtual_time
async def test_a_stop_that_the_work_ignores_is_enforced() -> None:
    world = World()
    world.cluster.missing = {TYREX_POOL}
    task = world.start()
    await let_pass(1)
    await world.stop()
    assert task.done()


@virtual_time
async def test_unknown_children_are_read_before_they_are_written() -> None:
    """A watch may be late: another owner's object must not be overwritten then."""
    async with running() as world:
        world.put_config_map("p-runtime", mine="1")
        world.create_pool(size=1)
        await let_pass(5)
        assert world.server.read(CONFIG_MAP, "p-runtime")["data"] == {"mine": "1"}
        assert world.ready == "False ApplyFailed"


@virtual_time
async def test_a_pool_that_is_deleted_while_it_is_reconciled() -> None:
    """Its status cannot be written any more, and nothing is logged as an error."""
    async with running() as world:
        world.create_pool(size=-1)
        world.server.delete(TYREX_POOL, "p")
        await let_pass(5)
        assert world.server.find(TYREX_POOL, "p") is None
        assert world.server.names(SERVICE) == []
