"""What makes the controller reconcile a pool, besides the pool itself: its children, the ConfigMaps it reads, time."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol

from tyrex_pool.cluster.errors import ClusterError, NotFound
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.cluster.watch import Change, What
from tyrex_pool.controller.queue import WorkQueue
from tyrex_pool.controller.store import Store
from tyrex_pool.controller.turns import Key
from tyrex_pool.model import names
from tyrex_pool.model.kinds import CHILDREN, CONFIG_MAP, TYREX_POOL, Kind

_JITTER = 0.2
_KIND_RETRY = 3.0
"""Seconds between checks whether the CustomResourceDefinition is installed."""
_PROXIES_READ = 1.5
"""Seconds after which proxies, which watch ConfigMaps too, have loaded the strategy of a ConfigMap that changed."""

logger = logging.getLogger("tyrex_pool")


class Changes(Protocol):
    """Watches one kind for ever, as `cluster.watch.changes` does with its first argument bound."""

    def __call__(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        labels: str | None = None,
        fields: str | None = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[Change]: ...


class Watches:
    """`namespaces` empty: all of them. `synced` is set once the store has every child that exists."""

    def __init__(self, changes: Changes, store: Store, queue: WorkQueue, namespaces: Sequence[str]) -> None:
        self._changes = changes
        self._store = store
        self._queue = queue
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)
        self._unlisted = {(kind, namespace) for kind in CHILDREN for namespace in self._namespaces}
        self.synced = asyncio.Event()

    def tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """To be run together, until cancelled."""
        for namespace in self._namespaces:
            for kind in CHILDREN:
                yield self._watch_children(kind, namespace)
            yield self._watch_config_maps(namespace)

    async def _watch_children(self, kind: Kind, namespace: str | None) -> None:
        labels = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_POOL}"
        update: dict[What, Callable[[Object], Key | None]] = {
            What.SET: self._store.set_child,
            What.DELETED: self._store.remove_child,
        }
        async for what, _, item in self._changes(kind, namespace, labels=labels):
            if what is What.LISTING:
                continue
            if what is What.SYNCED:
                self._listed(kind, namespace)
                continue
            pool = update[what]({"apiVersion": kind.api_version, "kind": kind.name, **item})
            if pool is not None:
                self._queue.add(pool)

    def _listed(self, kind: Kind, namespace: str | None) -> None:
        self._unlisted.discard((kind, namespace))
        if not self._unlisted:
            self.synced.set()

    async def _watch_config_maps(self, namespace: str | None) -> None:
        """Only metadata: the reconciler reads the data of a ConfigMap when a pool needs it."""
        async for what, path, _ in self._changes(CONFIG_MAP, namespace, metadata_only=True):
            if what in (What.SET, What.DELETED):
                for key in self._store.readers(path):
                    self._queue.add_later(key, _PROXIES_READ)


async def resync(
    cluster: ClusterApi,
    store: Store,
    queue: WorkQueue,
    namespaces: Sequence[str],
    every: float,
    finished: Callable[[], None],
) -> None:
    """Reconcile every pool in rounds, about every `every` seconds; calls `finished` after each round."""
    while True:
        try:
            keys = await list_pools(cluster, store, namespaces)
        except ClusterError as error:
            logger.warning("the pools cannot be listed: %s", error)
        else:
            await queue.process(keys)
            finished()
        await asyncio.sleep(every * random.uniform(1 - _JITTER, 1 + _JITTER))


async def list_pools(cluster: ClusterApi, store: Store, namespaces: Sequence[str]) -> set[Key]:
    """List the pools into the store; returns their keys and those of pools that were deleted. Raises ClusterError."""
    keys: set[Key] = set()
    for namespace in namespaces or (None,):
        keys |= store.replace_pools(namespace, await cluster.list(TYREX_POOL, namespace))
    return keys


async def wait_for_kind(cluster: ClusterApi, namespaces: Sequence[str]) -> None:
    """Wait until the CustomResourceDefinition of TyrexPools is installed. Raises ClusterError."""
    while True:
        try:
            await cluster.list(TYREX_POOL, namespaces[0] if namespaces else None)
            return
        except NotFound:
            logger.warning("this cluster has no CustomResourceDefinition %s: install it", names.CRD_NAME)
            await asyncio.sleep(_KIND_RETRY)
