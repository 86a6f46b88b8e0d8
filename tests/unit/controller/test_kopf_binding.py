"""What kopf does for the operator: it finds the TyrexPools of an API server and watches them, and writes nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import kopf
import pytest

from tests.unit.controller.fake_http import served, write_kubeconfig
from tests.unit.controller.world import World
from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.controller.kopf_binding import settings, watch_pools
from tyrex_pool.model import names
from tyrex_pool.model.kinds import TYREX_POOL


class Seen(list[tuple[str, bool]]):
    """The pools that kopf has reported, and whether they were deleted."""

    def __call__(self, pool: Object, deleted: bool) -> None:
        self.append((pool["metadata"]["name"], deleted))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(
    world: World, seen: Seen, stop: asyncio.Event, home: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator["asyncio.Task[None]"]:
    async with served(world.cluster) as url:
        write_kubeconfig(home / ".kube" / "config", url)
        monkeypatch.setenv("HOME", str(home))
        task = asyncio.ensure_future(watch_pools("me", (), seen, stop))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_every_pool_and_every_change_is_reported_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, seen = World(), Seen()
    world.create_pool(size=1)
    async with watching(world, seen, asyncio.Event(), tmp_path, monkeypatch):
        await until(lambda: seen == [("p", False)])
        await until(lambda: world.cluster.open_watches == 1)
        world.create_pool("q", size=1)
        world.edit_pool(size=2)
        world.server.delete(TYREX_POOL, "p")
        await until(lambda: len(seen) >= 4)
    assert [deleted for name, deleted in seen if name == "p"] == [False, False, True]
    assert [deleted for name, deleted in seen if name == "q"] == [False]
    assert world.cluster.log == []
    assert "finalizers" not in world.server.read(TYREX_POOL, "q")["metadata"]


async def test_signals_stop_the_operator_and_not_kopf_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, seen, stop = World(), Seen(), asyncio.Event()
    world.create_pool(size=1)
    async with watching(world, seen, stop, tmp_path, monkeypatch) as task:
        await until(lambda: bool(seen))
        os.kill(os.getpid(), signal.SIGTERM)
        await until(stop.is_set)
        assert not task.done()


async def test_a_watch_that_kopf_gives_up_ends_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    async with watching(world, Seen(), asyncio.Event(), tmp_path, monkeypatch) as task:
        await until(lambda: world.cluster.open_watches == 1)
        world.cluster.send_error(500, "broken")
        world.cluster.end_watches()
        with pytest.raises(ClusterError, match="the watch of TyrexPools ended"):
            async with asyncio.timeout(10):
                await task


def test_whatever_kopf_writes_is_off() -> None:
    chosen = settings()
    assert not chosen.posting.enabled
    assert chosen.scanning.disabled
    assert chosen.persistence.finalizer != names.FINALIZER
    assert chosen.watching.client_timeout is not None
    assert isinstance(chosen, kopf.OperatorSettings)
