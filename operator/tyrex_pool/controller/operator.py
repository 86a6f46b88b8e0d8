"""The operator's process: the admin port, the connection to the API server, leader election, and the leader's work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tyrex_pool.cluster.access import Cluster
from tyrex_pool.cluster.watch import changes
from tyrex_pool.controller import kopf_binding, metrics
from tyrex_pool.controller.leader import Lease, lead
from tyrex_pool.controller.proxy_probe import HttpProxyProbe
from tyrex_pool.controller.store import Store
from tyrex_pool.controller.work import Connections, Work
from tyrex_pool.model import names
from tyrex_pool.plan.declared_pool import Platform

_MISSED_RESYNCS = 5
"""Resyncs that may be missed before the operator reports itself unhealthy."""
_STOP_TIMEOUT = 3.0
"""Seconds that the work has to end by itself after `stop`."""

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

    @property
    def claim(self) -> str:
        """What marks the pools of this operator: the same for all its replicas."""
        return self.identity if self.lease is None else "/".join(self.lease)


Connect = Callable[[Settings, asyncio.Event], AbstractAsyncContextManager[Connections]]
"""Opens the connections of an operator; the event is the one that stops the process."""


@asynccontextmanager
async def connect(settings: Settings, stop: asyncio.Event) -> AsyncIterator[Connections]:
    """Connections to the cluster of the service account or the kubeconfig. Raises ClusterUnavailable."""
    watch_pools = partial(kopf_binding.watch_pools, settings.identity, settings.namespaces, stop=stop)
    async with await Cluster.connect() as cluster, HttpProxyProbe() as proxies:
        yield Connections(cluster, partial(changes, cluster), watch_pools, proxies)


async def operate(settings: Settings, stop: asyncio.Event, connect: Connect = connect) -> None:
    """Run until `stop`. Raises ClusterError, LeaseLostError, OSError (admin port): the process should end then."""
    store = Store()
    measured = metrics.OperatorMetrics(store)
    health = metrics.Health(measured, _MISSED_RESYNCS * settings.resync)
    admin = await metrics.serve(health, measured, settings.host, settings.admin_port)
    try:
        async with connect(settings, stop) as connections:
            health.connected = True
            work = Work(
                connections, settings.platform, settings.namespaces, settings.resync, store, measured, health,
                settings.claim,
            )  # fmt: skip
            await _until(stop, _lead(settings, connections, work, stop))
    finally:
        await admin.cleanup()


async def _lead(settings: Settings, connections: Connections, work: Work, stop: asyncio.Event) -> None:
    if settings.lease is None:
        await work.run(stop)
    else:
        clock = asyncio.get_running_loop().time
        lease = Lease(connections.cluster, *settings.lease, settings.identity, clock)
        await lead(lease, partial(work.run, stop))


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do `work`; cancel it when it has not ended by itself some seconds after `stop`. Raises what `work` raises."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait([working], timeout=_STOP_TIMEOUT)
        if working.done():
            working.result()
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
