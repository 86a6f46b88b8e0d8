"""The whole operator without kopf, sockets and a cluster: a fake API server, workloads and proxies, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from tests.unit.controller.fake_api_server import NAMESPACE, FakeApiServer
from tests.unit.controller.fake_cluster import FakeCluster
from tests.unit.controller.fake_workloads import FakeProxies, FakeWorkloads
from tests.unit.controller.virtual_time import clock, let_pass
from tyrex_pool.cluster.protocol import Object
from tyrex_pool.cluster.watch import What
from tyrex_pool.controller.operator import Settings, operate
from tyrex_pool.controller.work import Connections
from tyrex_pool.model import names
from tyrex_pool.model.kinds import CONFIG_MAP, EVENT, TYREX_POOL
from tyrex_pool.plan.declared_pool import Platform
from tyrex_pool.plan.status import condition

PLATFORM = Platform("runtime:1", "operator:1", operator_namespace="tyrex-system")
POOL = "p"


class World:
    def __init__(self) -> None:
        self.server = FakeApiServer()
        self.cluster = FakeCluster(self.server)
        self.workloads = FakeWorkloads(self.server)
        self.proxies = FakeProxies(self.server)
        self.pool_watch_error: Exception | None = None
        """What the watch of pools raises at once."""
        self._operators: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    # The operator

    def start(
        self, identity: str = "one", namespaces: tuple[str, ...] = (), lease: bool | str = False
    ) -> "asyncio.Task[None]":
        """Start an operator; its task ends with the operator. `lease`: whether it has one, or the name of its own."""
        stop = asyncio.Event()
        lease_name = ("tyrex-system", lease if isinstance(lease, str) else "operator") if lease else None
        settings = Settings(PLATFORM, identity, namespaces, lease=lease_name, admin_port=0)
        task = asyncio.ensure_future(operate(settings, stop, self._connect))
        self._operators.append((stop, task))
        return task

    async def stop(self) -> None:
        """Stop all operators. Raises what ended one of them."""
        while self._operators:
            stop, task = self._operators.pop()
            stop.set()
            await task

    def forget(self, operator: "asyncio.Task[None]") -> None:
        """This one has ended, and a test knows why."""
        self._operators = [(stop, task) for stop, task in self._operators if task is not operator]

    def _connect(self, settings: Settings, stop: asyncio.Event) -> AbstractAsyncContextManager[Connections]:
        return self._connected(settings)

    @asynccontextmanager
    async def _connected(self, settings: Settings) -> AsyncIterator[Connections]:
        async def watch_pools(on_pool: Callable[[Object, bool], None]) -> None:
            if self.pool_watch_error is not None:
                raise self.pool_watch_error
            async for what, _, pool in self.cluster.changes(TYREX_POOL, (*settings.namespaces, None)[0]):
                if what in (What.SET, What.DELETED):
                    on_pool(pool, what is What.DELETED)

        yield Connections(self.cluster, self.cluster.changes, watch_pools, self.proxies, clock)

    # Users and the cluster

    def create_pool(self, name: str = POOL, annotations: Mapping[str, str] | None = None, **spec: Any) -> Object:
        metadata = {"name": name, "namespace": NAMESPACE, "annotations": dict(annotations or {})}
        return self.server.create(
            {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": spec}
        )

    def edit_pool(self, **spec: Any) -> None:
        self.server.merge(TYREX_POOL, POOL, {"spec": spec})

    def annotate_pool(self, name: str, value: str | None) -> None:
        self.server.merge(TYREX_POOL, POOL, {"metadata": {"annotations": {name: value}}})

    def put_config_map(self, name: str, **data: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}}
        if self.server.find(CONFIG_MAP, name) is None:
            self.server.create({**manifest, "data": data})
        else:
            self.server.merge(CONFIG_MAP, name, {"data": data})

    # Results

    def now(self) -> float:
        """Virtual seconds since the start of the loop."""
        return asyncio.get_running_loop().time()

    def condition(self, kind: str, name: str = POOL) -> str:
        """As `False Starting`; empty when the pool has no such condition."""
        found = condition(self.server.read(TYREX_POOL, name).get("status", {}), kind)
        return f"{found['status']} {found['reason']}" if found else ""

    @property
    def ready(self) -> str:
        return self.condition("Ready")

    @property
    def events(self) -> list[str]:
        return [event["reason"] for event in self.server.select(EVENT, None)]


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[World]:
    """An operator that has started and finds nothing to do."""
    world = World()
    world.start(**settings)
    await let_pass(1)
    yield world
    await world.stop()


async def ended(task: "asyncio.Task[None]") -> BaseException | None:
    """What ended an operator."""
    with suppress(Exception):
        await task
    return task.exception()
