"""Watches over real HTTP, with an API server of the tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.local.api_server import NAMESPACE, ApiServer
from tyrex_pool.cluster.access import Cluster
from tyrex_pool.cluster.watch import SILENCE, What, changes
from tyrex_pool.model.kinds import CONFIG_MAP

LISTING, SYNCED = (What.LISTING, ""), (What.SYNCED, "")


@pytest.fixture
def api() -> Iterator[ApiServer]:
    server = ApiServer()
    yield server
    server.close()


@pytest.fixture
async def cluster(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    async with await Cluster.connect() as cluster:
        yield cluster


class Watch:
    """The changes that a watch yields, one after another."""

    def __init__(self, cluster: Cluster, silence: float = SILENCE) -> None:
        self._changes = changes(cluster, CONFIG_MAP, NAMESPACE, silence=silence)

    async def next(self) -> tuple[What, str]:
        change = await asyncio.wait_for(anext(self._changes), 10)
        return change.what, change.key.removeprefix(f"{NAMESPACE}/")


async def test_the_objects_then_their_changes(api: ApiServer, cluster: Cluster) -> None:
    api.put(CONFIG_MAP, "a")
    watch = Watch(cluster)
    assert [await watch.next() for _ in range(3)] == [LISTING, (What.SET, "a"), SYNCED]
    api.put(CONFIG_MAP, "b")
    assert await watch.next() == (What.SET, "b")
    api.remove(CONFIG_MAP, "a")
    assert await watch.next() == (What.DELETED, "a")


async def test_a_deletion_while_the_history_was_lost_is_reported(api: ApiServer, cluster: Cluster) -> None:
    for name in ("a", "b"):
        api.put(CONFIG_MAP, name)
    watch = Watch(cluster)
    assert [await watch.next() for _ in range(4)] == [LISTING, (What.SET, "a"), (What.SET, "b"), SYNCED]
    api.forbidden.add(CONFIG_MAP)
    api.forget()
    api.remove(CONFIG_MAP, "a")
    api.put(CONFIG_MAP, "c")
    api.forget()
    api.forbidden.clear()
    found = [await watch.next() for _ in range(5)]
    assert found == [LISTING, (What.DELETED, "a"), (What.SET, "b"), (What.SET, "c"), SYNCED]


async def test_silence_is_no_trouble(api: ApiServer, cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(cluster, silence=0.05)
    assert [await watch.next() for _ in range(2)] == [LISTING, SYNCED]
    waiting = asyncio.ensure_future(watch.next())
    await asyncio.wait([waiting], timeout=0.5)
    api.put(CONFIG_MAP, "late")
    assert await waiting == (What.SET, "late")
    assert not caplog.records
