"""The operator's process: kopf tells of TyrexPools, watches of their children, a work queue does the rest."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any, cast

import kopf

from tyrex_pool.cluster.access import Cluster, ClusterError, Conflict
from tyrex_pool.controller import metrics as measured
from tyrex_pool.controller.leader import Lease, lead
from tyrex_pool.controller.proxies import HttpAsks
from tyrex_pool.controller.queue import Key, WorkQueue
from tyrex_pool.controller.reconcile import Reconciler
from tyrex_pool.controller.store import Store
from tyrex_pool.controller.watches import Watches, resync, wait_for_kind
from tyrex_pool.model import names
from tyrex_pool.model.kinds import TYREX_POOL
from tyrex_pool.plan.declared_pool import Platform

WORKERS = 8
_SLOWEST_RETRY = 60.0
_MISSED = 5
"""Resyncs that may be missed before the operator is taken to be stuck."""
_SYNC = 30.0
"""Seconds that all watches may take to tell what is there: one namespace that is gone must not hold up the others."""
_REQUEST_TIMEOUT = 10.0
_WATCH_TIMEOUT = 240

logger = logging.getLogger("tyrex_pool")


@dataclass(frozen=True, slots=True)
class Settings:
    """`namespaces` empty: all. `resync` in seconds. `lease`: namespace and name; None: no other replica is expected."""

    platform: Platform
    identity: str
    namespaces: tuple[str, ...] = ()
    resync: float = 60.0
    lease: tuple[str, str] | None = None
    host: str = "127.0.0.1"
    admin_port: int = names.ADMIN_PORT


async def operate(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`. Raises ClusterError, LeaseLostError, OSError (admin port): the process should end then."""
    store = Store()
    metrics = measured.OperatorMetrics(store)
    health = measured.Health(metrics, _MISSED * settings.resync)
    admin = await measured.serve(health, metrics, settings.host, settings.admin_port)
    try:
        async with await Cluster.connect() as cluster:
            health.connected = True
            work = _Work(settings, cluster, store, metrics, health, stop)
            if settings.lease is None:
                await work.run()
            else:
                lease = Lease(cluster, *settings.lease, settings.identity, monotonic)
                await _until(stop, lead(lease, work.run))
    finally:
        await admin.cleanup()


async def _until(stop: asyncio.Event, work: Any) -> None:
    """Do `work`; cut it off some seconds after `stop`, which it should heed by itself once it leads."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait([working], timeout=3.0)
        if working.done():
            working.result()
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


class _Work:
    """What the leader does."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        store: Store,
        metrics: measured.OperatorMetrics,
        health: measured.Health,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._store = store
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._queue = WorkQueue()
        self._retries: dict[Key, float] = {}
        self._proxies = HttpAsks()
        self._reconciler = Reconciler(cluster, store, settings.platform, self._proxies)
        metrics.queued = self._queue.__len__

    async def run(self) -> None:
        self._health.leads()
        await wait_for_kind(self._cluster, self._settings.namespaces)
        watches = Watches(self._cluster, self._store, self._queue, self._settings.namespaces)
        tasks = [asyncio.ensure_future(task) for task in watches.tasks()]
        tasks.append(asyncio.ensure_future(self._look(watches)))
        kopf_runs = asyncio.Event()
        tasks.append(asyncio.ensure_future(self._kopf(kopf_runs)))
        tasks.append(asyncio.ensure_future(self._stopped(kopf_runs)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._proxies.close()

    async def _look(self, watches: Watches) -> None:
        """Nothing is decided before everything that is there is known."""
        try:
            await asyncio.wait_for(watches.synced.wait(), _SYNC)
        except TimeoutError:
            logger.warning("not everything can be watched; what is not known of is looked up when it matters")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(self._reconcile, WORKERS))
            group.create_task(
                resync(
                    self._cluster,
                    self._store,
                    self._queue,
                    self._settings.namespaces,
                    self._settings.resync,
                    self._health.resynced,
                )
            )

    async def _reconcile(self, key: Key) -> float | None:
        started = perf_counter()
        try:
            again = await self._reconciler.reconcile(key)
        except Conflict:
            await self._refresh(key)
            result, again = "conflict", 0.5
        except ClusterError as error:
            again = min(2 * self._retries.get(key, 0.5), _SLOWEST_RETRY)
            self._retries[key] = again
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
        """What we know of the pool is not the newest."""
        with contextlib.suppress(ClusterError):
            if (pool := await self._cluster.get(TYREX_POOL, key.namespace, key.name)) is not None:
                self._store.pool_is(pool)

    async def _stopped(self, kopf_runs: asyncio.Event) -> None:
        """kopf takes the signals for itself, and takes its time: we take them back, and end at once."""
        await kopf_runs.wait()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        await self._stop.wait()

    async def _kopf(self, runs: asyncio.Event) -> None:
        """kopf ends with what its watch cannot get over; a new process begins anew."""
        namespaces = self._settings.namespaces
        try:
            await kopf.operator(
                registry=_registry(self._told),
                settings=_kopf_settings(),
                identity=cast("Any", self._settings.identity),  # else kopf looks the user up, who has no name in a pod
                standalone=True,
                clusterwide=not namespaces,
                namespaces=namespaces,
                ready_flag=runs,
            )
        except Exception as error:
            raise ClusterError(f"the watch of TyrexPools ended: {error}") from error

    def _told(self, pool: dict[str, Any], deleted: bool) -> None:
        """A pool is there, or not any more."""
        self._queue.add(self._store.pool_gone(pool) if deleted else self._store.pool_is(pool))


def _registry(told: Callable[[dict[str, Any], bool], None]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> Any:
        return kopf.login_with_service_account(**kwargs) or kopf.login_via_client(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def pool(event: Any, **_: Any) -> None:
        told(dict(event["object"]), event["type"] == "DELETED")

    return registry


def _kopf_settings() -> kopf.OperatorSettings:
    """A dead connection must be noticed; kopf itself writes nothing to a pool."""
    settings = kopf.OperatorSettings()
    settings.networking.request_timeout = _REQUEST_TIMEOUT
    settings.watching.server_timeout = _WATCH_TIMEOUT
    settings.watching.client_timeout = _WATCH_TIMEOUT + 2 * _REQUEST_TIMEOUT
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.persistence.finalizer = f"{names.GROUP}/kopf"  # not ours: kopf takes its own away where it sees it
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=names.GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=names.GROUP)
    return settings
