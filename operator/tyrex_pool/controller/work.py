"""The leader's work: watches fill the store and the queue, workers take pools from the queue and reconcile them."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

from tyrex_pool.cluster.errors import ClusterError, Conflict
from tyrex_pool.cluster.protocol import ClusterApi, Object
from tyrex_pool.controller.metrics import Health, OperatorMetrics
from tyrex_pool.controller.proxy_probe import ProxyProbe
from tyrex_pool.controller.queue import WorkQueue
from tyrex_pool.controller.reconcile import Reconciler, utc_now
from tyrex_pool.controller.store import Store
from tyrex_pool.controller.turns import Key
from tyrex_pool.controller.watches import Changes, Watches, resync, wait_for_kind
from tyrex_pool.model.kinds import TYREX_POOL
from tyrex_pool.plan.declared_pool import Platform
from tyrex_pool.plan.status import is_outdated

WORKERS = 8
_FIRST_RETRY = 1.0
_SLOWEST_RETRY = 60.0
_CONFLICT_RETRY = 0.5
_SYNC_TIMEOUT = 30.0
"""Seconds that all watches may take to list the children: a namespace that is gone must not hold up the others."""

logger = logging.getLogger("tyrex_pool")


@dataclass(frozen=True, slots=True)
class Connections:
    """What the work talks to. `watch_pools` calls its argument with every TyrexPool that exists or has changed, and
    whether it was deleted, until cancelled; it raises ClusterError when the watch cannot go on.
    """

    cluster: ClusterApi
    changes: Changes
    watch_pools: Callable[[Callable[[Object, bool], None]], Awaitable[None]]
    proxies: ProxyProbe
    clock: Callable[[], datetime] = utc_now


class Work:
    """`namespaces` empty: all. `resync`: seconds between two rounds in which every pool is reconciled. `claim`: that of
    this operator, see `controller/claims.py`.
    """

    def __init__(
        self,
        connections: Connections,
        platform: Platform,
        namespaces: Sequence[str],
        resync: float,
        store: Store,
        metrics: OperatorMetrics,
        health: Health,
        claim: str,
    ) -> None:
        self._connections = connections
        self._cluster = connections.cluster
        self._namespaces = namespaces
        self._resync = resync
        self._store = store
        self._metrics = metrics
        self._health = health
        self._queue = WorkQueue(WORKERS, self._waits)
        self._retries: dict[Key, float] = {}
        self._reconciler = Reconciler(self._cluster, store, platform, connections.proxies, claim, connections.clock)
        metrics.queued = self._queue.__len__

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`. Raises ClusterError when the API server refuses what the work cannot do without."""
        self._health.leads()
        await wait_for_kind(self._cluster, self._namespaces)
        watches = Watches(self._connections.changes, self._store, self._queue, self._namespaces)
        await _first(
            *watches.tasks(),
            self._work_through_queue(watches.synced),
            self._watch_pools(),
            _wait(stop),
        )

    async def _watch_pools(self) -> None:
        await self._connections.watch_pools(self._on_pool)

    def _on_pool(self, pool: Object, deleted: bool) -> None:
        self._queue.add(self._store.remove_pool(pool) if deleted else self._store.set_pool(pool))

    def _waits(self, key: Key) -> bool:
        """Whether somebody waits for this pool: what they wrote was not reconciled yet."""
        pool = self._store.pools.get(key)
        return pool is not None and is_outdated(pool)

    async def _work_through_queue(self, synced: asyncio.Event) -> None:
        """Starts when every child is known, or the store would make existing children look missing."""
        try:
            async with asyncio.timeout(_SYNC_TIMEOUT):  # `wait_for` loses a cancellation that comes with the result
                await synced.wait()
        except TimeoutError:
            logger.warning("not everything can be watched; unknown children are read from the API server when needed")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(self._reconcile))
            group.create_task(
                resync(self._cluster, self._store, self._queue, self._namespaces, self._resync, self._health.resynced)
            )

    async def _reconcile(self, key: Key) -> float | None:
        """Reconcile one pool; returns the seconds until it must be reconciled again, None: on the next change."""
        started = perf_counter()
        try:
            again = await self._reconciler.reconcile(key)
        except Conflict:
            await self._refresh(key)
            result, again = "conflict", _CONFLICT_RETRY
        except ClusterError as error:
            again = self._retries[key] = min(2 * self._retries.get(key, _FIRST_RETRY / 2), _SLOWEST_RETRY)
            logger.warning("%s: tried again in %.0f s: %s", key, again, error)
            result = "error"
        except Exception:
            logger.exception("%s: this is a defect of the operator; tried again in %.0f s", key, _SLOWEST_RETRY)
            result, again = "defect", _SLOWEST_RETRY
        else:
            self._retries.pop(key, None)
            result = "done" if again is None else "waiting"
        self._metrics.reconciles.labels(result).inc()
        self._metrics.seconds.observe(perf_counter() - started)
        return again

    async def _refresh(self, key: Key) -> None:
        """Read the pool again after a conflict: the store has an older version than the API server."""
        with contextlib.suppress(ClusterError):
            if (pool := await self._cluster.get(TYREX_POOL, key.namespace, key.name)) is not None:
                self._store.set_pool(pool)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _first(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run `jobs` together until the first one ends, then cancel the others. Raises what an ended job raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
