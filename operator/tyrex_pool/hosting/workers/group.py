"""The parent of `tyrex-pool proxy --workers N`: supervises the workers and serves the admin port for all of them.

Each worker is a process with an event loop of its own on the shared port; the kernel assigns each connection to one.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from functools import partial
from typing import Final

from tyrex_pool.hosting.announce import announce
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.event_loop import run
from tyrex_pool.hosting.proxy_options import ProxyOptions
from tyrex_pool.hosting.workers.messages import Orders, WorkerState
from tyrex_pool.hosting.workers.ports import reserved
from tyrex_pool.hosting.workers.process import UNRESPONSIVE, WorkerProcess
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.server.admin import BODY_LIMIT, DRAINING, GroupAdmin, Readiness
from tyrex_pool.server.service import listen
from tyrex_pool.server.telemetry.merged_metrics import MergedMetrics

MAX_WORKERS: Final = 256


class WorkerGroup:
    """All workers of a proxy, as its admin port shows them."""

    def __init__(self, orders: list[Orders], stop: asyncio.Event) -> None:
        """`stop` ends the workers."""
        self._stop = stop
        self._started = asyncio.Event()
        self._metrics = MergedMetrics()
        self._workers = [WorkerProcess(each, self._started, stop, self._metrics) for each in orders]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the workers, and wait until each one serves or has failed; at the end, kill those that are left."""
        tasks = [asyncio.create_task(worker.keep()) for worker in self._workers]
        try:
            await _either(asyncio.gather(*(worker.tried.wait() for worker in self._workers)), self._stop.wait())
            yield
            await asyncio.gather(*tasks)
        finally:
            self._stop.set()
            self._started.set()
            self.signal(signal.SIGKILL)
            await asyncio.wait(tasks)

    def confirm_start(self) -> None:
        """Replace workers that end from now on, and those that have failed."""
        self._started.set()

    def pool(self) -> PoolView:
        """`GET /v1/pool` of a worker that serves. Raises BadInput, with the first worker's failure, when none does."""
        pools = [worker.pool for worker in self._workers if worker.pool is not None]
        if not pools:
            raise BadInput(f"{self._workers[0].failure}")
        return pools[0]

    async def _states(self) -> list[WorkerState]:
        return await asyncio.gather(*(worker.state() for worker in self._workers))

    async def healthy(self) -> bool:
        """False when a worker does not answer; one that has ended is replaced, and no reason to restart the pod."""
        return all(state.reason != UNRESPONSIVE for state in await self._states())

    async def readiness(self) -> Readiness:
        if self._stop.is_set():
            return False, DRAINING
        for worker, state in zip(self._workers, await self._states(), strict=True):
            if not state.ready:
                return False, f"{worker.name}: {state.reason}"
        return True, None

    async def metrics(self) -> bytes:
        return self._metrics.text([state.metrics for state in await self._states()])

    def signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            worker.signal(number)


def proxy_with_workers(options: ProxyOptions) -> int:
    """Serve with `options.workers` processes until a signal; returns the exit code. Raises BadInput and OSError."""
    return run(partial(supervise, options))


async def supervise(options: ProxyOptions, stop: asyncio.Event) -> int:
    """Serve with `options.workers` workers until `stop`; returns the exit code.

    Raises BadInput when no worker starts to serve, and OSError for a port that cannot be bound.
    """
    wanted = options.server.listen
    assert wanted.admin_port is not None
    with reserved(wanted.host, wanted.port) as port:
        group = WorkerGroup(_orders(options, port), stop)
        routes, hosts = GroupAdmin(group).routes, wanted.allowed_hosts
        admin = await listen(routes, BODY_LIMIT, wanted.host, wanted.admin_port, allowed_hosts=hosts)
        try:
            async with group.running():
                if not stop.is_set():
                    announce(group.pool(), wanted, port, admin.port)
                group.confirm_start()
                await stop.wait()
                group.signal(signal.SIGTERM)
        finally:
            await admin.close()
    return 0


def _orders(options: ProxyOptions, port: int) -> list[Orders]:
    """Orders for each worker: `options` on the shared `port`, without an admin port."""
    listen = options.server.listen
    shared = replace(listen, port=port, admin_port=None, shared=True, processes=options.workers)
    own = replace(options, server=replace(options.server, listen=shared))
    return [Orders(own, number) for number in range(options.workers)]


async def _either(*works: Awaitable[object]) -> None:
    """Wait until one of the awaitables is done, and cancel the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
