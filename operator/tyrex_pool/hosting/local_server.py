"""The server over isolates of this process, which `serve` and `agent` share."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from tyrex_pool.hosting.announce import announce, freeze_heap, progress
from tyrex_pool.hosting.logs import log
from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.hosting.process import close_to_guests
from tyrex_pool.hosting.telemetry import api_with_telemetry
from tyrex_pool.model.errors import NoRuntime
from tyrex_pool.runtime.isolate_pool import IsolatePool
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.service import Service
from tyrex_pool.server.stream import Stream
from tyrex_pool.server.telemetry.metrics import IsolateMetrics

OnStart = Callable[[str, bool], Awaitable[int | None]]
"""Called with the server's URL and whether every runtime is ready. Returns an exit code to end with, None to serve."""


async def serve_pool(
    pool: IsolatePool,
    options: ServerOptions,
    stop: asyncio.Event,
    drain_seconds: Callable[[], float] | None = None,
    on_start: OnStart | None = None,
) -> int:
    """Serve `pool` until `stop`, drain and close it; returns the exit code.

    `drain_seconds` is called when the server stops; by default it is the pool's `timeouts.drain`. Raises BadInput, and
    OSError for an address that cannot be bound.
    """
    close_to_guests()
    try:
        async with api_with_telemetry(pool, options, IsolateMetrics(pool.supervisor)) as api:
            service = await Service.open(api, Admin(pool, api.metrics), options.listen, partial(Stream, api))
            try:
                code = await _start(pool, service, options, stop, on_start)
                if code is not None:
                    return code
                await stop.wait()
                progress("stopping: waiting for evals in flight\n")
                await service.drain(drain_seconds() if drain_seconds else float(pool.spec.timeouts.drain))
                return 0
            finally:
                await service.close()
    finally:
        await pool.close()


async def _start(
    pool: IsolatePool, service: Service, options: ServerOptions, stop: asyncio.Event, on_start: OnStart | None
) -> int | None:
    """Start the runtimes, announce the server and call `on_start`; returns what that returns."""
    pool.start()
    ready = await _wait_ready(pool, stop)
    freeze_heap()
    url = announce(pool.describe(), options.listen, service.public.port, service.private.port)
    return None if on_start is None or stop.is_set() else await on_start(url, ready)


async def _wait_ready(pool: IsolatePool, stop: asyncio.Event) -> bool:
    """Show progress until every runtime is ready, one fails to start, or `stop`; returns whether all are ready."""
    stopping = asyncio.ensure_future(stop.wait())
    waiting = asyncio.ensure_future(pool.wait_ready())
    try:
        while not (waiting.done() or stopping.done()):
            status = pool.describe()
            progress(f"starting the runtimes of {pool.name}: {status.ready_runtimes} of {status.size} ready")
            await asyncio.wait([waiting, stopping], timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
        progress("")
        if waiting.done():
            waiting.result()
        return waiting.done()
    except NoRuntime as error:
        log.error("the pool is not ready: %s", error.detail)
        return False
    finally:
        stopping.cancel()
        waiting.cancel()
