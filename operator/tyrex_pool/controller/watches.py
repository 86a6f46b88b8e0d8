"""What wakes the controller besides the pools themselves: their children, the ConfigMaps they read, and time."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from tyrex_pool.cluster.access import Cluster
from tyrex_pool.cluster.kinds import CHILDREN, CONFIG_MAP, Kind
from tyrex_pool.cluster.watch import What, changes
from tyrex_pool.controller.queue import Key, WorkQueue
from tyrex_pool.controller.store import Store
from tyrex_pool.model import names

_JITTER = 0.2


class Watches:
    """`namespaces` empty: all of them. `synced` once every child that is there is known."""

    def __init__(self, cluster: Cluster, store: Store, queue: WorkQueue, namespaces: Sequence[str]) -> None:
        self._cluster = cluster
        self._store = store
        self._queue = queue
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)
        self._waited_for = {(kind, namespace) for kind in CHILDREN for namespace in self._namespaces}
        self.synced = asyncio.Event()

    def tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """To be run together, until cancelled."""
        for namespace in self._namespaces:
            for kind in CHILDREN:
                yield self._children(kind, namespace)
            yield self._config_maps(namespace)

    async def _children(self, kind: Kind, namespace: str | None) -> None:
        labels = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_POOL}"
        told: dict[What, Callable[[dict[str, Any]], Key | None]] = {
            What.SET: self._store.child_is,
            What.DELETED: self._store.child_gone,
        }
        async for what, _, item in changes(self._cluster, kind, namespace, labels=labels):
            if what is What.SYNCED:
                self._told_all(kind, namespace)
                continue
            pool = told[what]({"apiVersion": kind.api_version, "kind": kind.name, **item})
            if pool is not None:
                self._queue.add(pool)

    def _told_all(self, kind: Kind, namespace: str | None) -> None:
        self._waited_for.discard((kind, namespace))
        if not self._waited_for:
            self.synced.set()

    async def _config_maps(self, namespace: str | None) -> None:
        """Only names and versions: what is in them is read when a pool needs it."""
        async for what, path, _ in changes(self._cluster, CONFIG_MAP, namespace, metadata_only=True):
            if what is not What.SYNCED:
                for key in self._store.readers(path):
                    self._queue.add(key)


async def resync(store: Store, queue: WorkQueue, every: float, finished: Callable[[], None]) -> None:
    """Look at every pool again and again, about each `every` seconds; `finished` after each round."""
    while True:
        for key in list(store.pools):
            queue.add(key)
        while len(queue):
            await asyncio.sleep(0.05)
        finished()
        await asyncio.sleep(every * random.uniform(1 - _JITTER, 1 + _JITTER))
