"""Runs `tyrex-pool proxy`: the dispatch server over the runtimes of a list, or of a TyrexPool in a cluster."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tyrex_pool.dispatch.strategies import make
from tyrex_pool.hosting.errors import BadInput, operator_extra
from tyrex_pool.hosting.event_loop import Main, run
from tyrex_pool.hosting.frontend import Frontend, SingleProcess
from tyrex_pool.hosting.logs import log
from tyrex_pool.hosting.manifest_file import read_manifest
from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.hosting.proxy_options import FollowedPool, ListedRuntimes, ProxyOptions
from tyrex_pool.hosting.telemetry import api_with_telemetry
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.runtime.sources import Sources, strategy_of
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.remote.definition import Definition
from tyrex_pool.server.remote.discovery import StaticList
from tyrex_pool.server.remote.remote_pool import RemotePool
from tyrex_pool.server.telemetry.metrics import UpstreamMetrics

Follow = Callable[[], Awaitable[None]]
"""Keeps a pool up to date until it is cancelled."""
_FIRST_CHECK: Final = 3.0
"""Seconds that the start waits for the first answers of the runtimes."""
_RETRY: Final = 1.0
"""Seconds after which a `Follow` that failed or ended is called again."""


def proxy(options: ProxyOptions) -> int:
    """Serve in this process until a signal; returns the exit code.

    Raises BadInput, InvalidSpec, InvalidStrategy and OSError.
    """
    return run(prepared(options, SingleProcess(options.server.listen)))


def prepared(options: ProxyOptions, frontend: Frontend) -> Main:
    """A proxy behind `frontend`, ready to run. Raises BadInput, InvalidSpec, InvalidStrategy and OSError."""
    source = options.source
    if isinstance(source, FollowedPool):
        return partial(_serve_followed, options.server, source, frontend)
    name, definition = _definition(source)
    definition.strategy.start_at(frontend.share)
    return partial(_serve_listed, options.server, StaticList(source.endpoints), name, definition, frontend)


def _definition(source: ListedRuntimes) -> tuple[str, Definition]:
    """The pool's name and definition. Raises BadInput, InvalidSpec, InvalidStrategy and OSError."""
    name, spec, sources = "pool", PoolSpec.parse(None), Sources(Path.cwd(), {})
    if source.file is not None:
        manifest, sources = read_manifest(source.file)
        name, spec = manifest.name, manifest.spec
    chosen = source.strategy
    strategy = strategy_of(spec.strategy, sources) if chosen is None else make(chosen, random.Random())
    size = len({endpoint.name for endpoint in source.endpoints})
    return name, Definition(msgspec.structs.replace(spec, size=size), strategy)


async def _serve_listed(
    options: ServerOptions,
    discovery: StaticList,
    name: str,
    definition: Definition,
    frontend: Frontend,
    stop: asyncio.Event,
) -> int:
    pool = RemotePool(name, definition)
    return await _serve(options, frontend, pool, stop, lambda: pool.follow(discovery))


async def _serve_followed(options: ServerOptions, source: FollowedPool, frontend: Frontend, stop: asyncio.Event) -> int:
    with operator_extra():
        from tyrex_pool.cluster.access import Cluster
        from tyrex_pool.cluster.errors import ClusterUnavailable
        from tyrex_pool.cluster.watch import current
        from tyrex_pool.server.remote.endpoint_slices import EndpointSlices
        from tyrex_pool.server.remote.follower import Follower
    try:
        cluster = await Cluster.connect()
    except ClusterUnavailable as error:
        raise BadInput(str(error)) from error
    async with cluster:
        watch = partial(current, cluster)
        pool = RemotePool(source.name)
        discovery = EndpointSlices(watch, source.namespace, source.name)
        return await _serve(
            options,
            frontend,
            pool,
            stop,
            lambda: Follower(watch, source.namespace, source.name, pool, frontend.share).run(),
            lambda: pool.follow(discovery),
        )


async def _serve(
    options: ServerOptions, frontend: Frontend, pool: RemotePool, stop: asyncio.Event, *follows: Follow
) -> int:
    """Serve `pool` until `stop` while `follows` keep it up to date; then drain and close it."""
    tasks = [asyncio.create_task(_keep_following(follow)) for follow in follows]
    try:
        async with api_with_telemetry(pool, options, UpstreamMetrics(pool)) as api:
            await _serve_api(frontend, pool, api, stop)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pool.close()
    return 0


async def _serve_api(frontend: Frontend, pool: RemotePool, api: Api, stop: asyncio.Event) -> None:
    service = await frontend.open(api, Admin(pool, api.metrics))

    def on_change() -> None:
        service.use_limits(pool.spec.limits)
        api.metrics.note_strategy()

    pool.changed = on_change
    on_change()
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pool.first_check(), _FIRST_CHECK)
        frontend.report(pool.describe(), service)
        await stop.wait()
        await service.drain(float(pool.spec.timeouts.drain))
    finally:
        await service.close()


async def _keep_following(follow: Follow) -> None:
    """Call `follow` again whenever a defect ends it: evals go on meanwhile with the pool's last state."""
    while True:
        try:
            await follow()
        except Exception:
            log.exception("following the pool failed, it begins again in %g s", _RETRY)
        await asyncio.sleep(_RETRY)
