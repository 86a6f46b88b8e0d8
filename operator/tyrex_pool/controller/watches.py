"""What wakes the controller besides the pools themselves: their children, the ConfigMaps they read, and time."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from tyrex_pool.cluster.access import Cluster, ClusterError, NotFound
from tyrex_pool.cluster.watch import What, changes
from tyrex_pool.controller.queue import Key, WorkQueue
from tyrex_pool.controller.store import Store
from tyrex_pool.model import names
from tyrex_pool.model.kinds import CHILDREN, CONFIG_MAP, TYREX_POOL, Kind

_JITTER = 0.2
_KIND_LOOK = 3.0
_PROXIES_READ = 1.5
"""Seconds after which proxies, who hear of a ConfigMap when we do, have loaded the strategy in it."""

logger = logging.getLogger("tyrex_pool")


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
            if what is What.LISTING:
                continue
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
            if what in (What.SET, What.DELETED):
                for key in self._store.readers(path):
                    self._queue.add_later(key, _PROXIES_READ)


async def resync(
    cluster: Cluster,
    store: Store,
    queue: WorkQueue,
    namespaces: Sequence[str],
    every: float,
    finished: Callable[[], None],
) -> None:
    """Look at every pool that there is, again and again, about each `every` seconds; `finished` after each round."""
    while True:
        try:
            keys = await list_pools(cluster, store, namespaces)
        except ClusterError as error:
            logger.warning("the pools cannot be listed: %s", error)
        else:
            await queue.look_at(keys)
            finished()
        await asyncio.sleep(every * random.uniform(1 - _JITTER, 1 + _JITTER))


async def list_pools(cluster: Cluster, store: Store, namespaces: Sequence[str]) -> set[Key]:
    """Learn which pools there are; returns those and the ones that are gone. Raises ClusterError."""
    keys: set[Key] = set()
    for namespace in namespaces or (None,):
        keys |= store.pools_are(namespace, await cluster.list(TYREX_POOL, namespace))
    return keys


async def wait_for_kind(cluster: Cluster, namespaces: Sequence[str]) -> None:
    """Until the cluster knows what a TyrexPool is. Raises ClusterError."""
    while True:
        try:
            await cluster.list(TYREX_POOL, namespaces[0] if namespaces else None)
            return
        except NotFound:
            logger.warning("this cluster has no CustomResourceDefinition %s: install it", names.CRD_NAME)
            await asyncio.sleep(_KIND_LOOK)
