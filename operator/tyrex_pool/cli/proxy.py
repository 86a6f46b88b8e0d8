"""`tyrex-pool proxy`: the dispatch server over runtimes elsewhere: those of a TyrexPool in a cluster, or a list."""

import argparse
import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tyrex_pool.dispatch.strategies import STRATEGIES, make
from tyrex_pool.hosting.errors import BadInput, operator_extra
from tyrex_pool.hosting.hosting import EVERYWHERE, Main, add_address, address, announce, log, read_manifest
from tyrex_pool.hosting.hosting import run as host
from tyrex_pool.hosting.telemetry import add_observing, api_of
from tyrex_pool.hosting.workers.group import MOST, supervise
from tyrex_pool.model.pool_view import pool_to_json
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.runtime.sources import Sources, strategy_of
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.remote.definition import Definition
from tyrex_pool.server.remote.discovery import Endpoint, StaticList
from tyrex_pool.server.remote.remote_pool import RemotePool
from tyrex_pool.server.service import Service
from tyrex_pool.server.telemetry.metrics import UpstreamMetrics

_FIRST_LOOK = 3.0
"""Seconds that the start line waits for the runtimes' first answers."""
_AGAIN = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="the pool's manifest (default: a pool as `spec: {}`)")
    parser.add_argument("--runtime", metavar="URL", action="append", help="http://HOST:PORT or unix:/PATH; repeatable")
    parser.add_argument("--strategy", choices=sorted(STRATEGIES), help="instead of the manifest's")
    parser.add_argument("--pool", metavar="NAME", help="follow this TyrexPool of the cluster, instead of all these")
    parser.add_argument("--namespace", metavar="NS", help="where that TyrexPool is")
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="processes that share the port")
    add_address(parser, EVERYWHERE)
    add_observing(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"write a number from 1 to {MOST}, not {text!r}")
    return int(text)


class Front(Protocol):
    """Where a proxy is reached, and who is told that it is. RoundRobin begins at this `share` of the runtimes."""

    @property
    def share(self) -> float: ...
    async def open(self, api: Api, admin: Admin) -> Service: ...
    def announce(self, pool: Mapping[str, Any], service: Service) -> None: ...


class Alone:
    """The front of a proxy that is one process."""

    share = 0.0

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args

    async def open(self, api: Api, admin: Admin) -> Service:
        return await Service.open(api, admin, address(self._args, flexible=False))

    def announce(self, pool: Mapping[str, Any], service: Service) -> None:
        announce(pool, self._args, service)


def run(args: argparse.Namespace) -> int:
    if args.workers == 1:
        return host(prepared(args, Alone(args)))
    if args.socket is not None:
        raise BadInput("leave out --socket, or --workers: several workers share a port")
    return host(lambda stop: supervise(args, stop))


def prepared(args: argparse.Namespace, front: Front) -> Main:
    """What serves behind `front` until it is stopped. Raises BadInput, InvalidSpec, InvalidStrategy."""
    if args.pool is None and args.namespace is None:
        return _listed(args, front)
    if args.pool is None or args.namespace is None:
        raise BadInput("pass --pool NAME and --namespace NS together")
    others = {"FILE": args.file, "--runtime": args.runtime, "--strategy": args.strategy}
    given = " and ".join(name for name, value in others.items() if value is not None)
    if given:
        raise BadInput(f"leave out {given}: with --pool all of that comes from the TyrexPool")
    return lambda stop: _serve_followed(args, front, stop)


def _listed(args: argparse.Namespace, front: Front) -> Main:
    if not args.runtime:
        raise BadInput("pass --runtime URL, or --pool NAME and --namespace NS in a cluster")
    try:
        endpoints = [Endpoint.parse(url) for url in args.runtime]
    except ValueError as error:
        raise BadInput(f"--runtime: {error}") from error
    name, definition = _defined(args, size=len({endpoint.name for endpoint in endpoints}))
    definition.strategy.start_at(front.share)
    discovery = StaticList(endpoints)
    return lambda stop: _serve_listed(args, front, RemotePool(name, definition), discovery, stop)


def _defined(args: argparse.Namespace, size: int) -> tuple[str, Definition]:
    """Name and definition, of the manifest if there is one. Raises InvalidSpec, InvalidStrategy, BadInput."""
    name, spec, sources = "pool", PoolSpec.parse(None), Sources(Path.cwd(), {})
    if args.file is not None:
        manifest, sources = read_manifest(args.file)
        name, spec = manifest.name, manifest.spec
    chosen = make(args.strategy, random.Random()) if args.strategy is not None else strategy_of(spec.strategy, sources)
    return name, Definition(msgspec.structs.replace(spec, size=size), chosen)


async def _serve_listed(
    args: argparse.Namespace, front: Front, pool: RemotePool, discovery: StaticList, stop: asyncio.Event
) -> int:
    return await _serve(args, front, pool, stop, lambda: pool.follow(discovery))


async def _serve_followed(args: argparse.Namespace, front: Front, stop: asyncio.Event) -> int:
    with operator_extra():
        from tyrex_pool.cluster.access import Cluster, ClusterUnavailable
        from tyrex_pool.cluster.watch import current
        from tyrex_pool.server.remote.endpoint_slices import EndpointSlices
        from tyrex_pool.server.remote.follower import Follower
    try:
        cluster = await Cluster.connect()
    except ClusterUnavailable as error:
        raise BadInput(str(error)) from error
    async with cluster:
        watch = partial(current, cluster)
        pool = RemotePool(args.pool)
        discovery = EndpointSlices(watch, args.namespace, args.pool)
        return await _serve(
            args,
            front,
            pool,
            stop,
            lambda: Follower(watch, args.namespace, args.pool, pool, front.share).run(),
            lambda: pool.follow(discovery),
        )


async def _serve(
    args: argparse.Namespace,
    front: Front,
    pool: RemotePool,
    stop: asyncio.Event,
    *followers: Callable[[], Awaitable[None]],
) -> int:
    """Serve `pool` until `stop`, while `followers` tell it what it is; then drain."""
    following = [asyncio.create_task(_keep(follow)) for follow in followers]
    try:
        async with api_of(pool, "proxy", args, UpstreamMetrics(pool)) as api:
            await _answer(front, pool, api, stop)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await pool.close()
    return 0


async def _answer(front: Front, pool: RemotePool, api: Api, stop: asyncio.Event) -> None:
    service = await front.open(api, Admin(pool, api.metrics))

    def changed() -> None:
        service.limit_requests(int(pool.spec.limits.request))
        api.metrics.note_strategy()

    pool.changed = changed
    changed()
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pool.first_check(), _FIRST_LOOK)
        front.announce(pool_to_json(pool.describe()), service)
        await stop.wait()
        await service.drain(float(pool.spec.timeouts.drain))
    finally:
        await service.close()


async def _keep(follow: Callable[[], Awaitable[None]]) -> None:
    """Follow, and begin anew after a mistake of ours: evals go on meanwhile with what the pool was last."""
    while True:
        try:
            await follow()
        except Exception:
            log.exception("following the pool failed, it begins again in %g s", _AGAIN)
        await asyncio.sleep(_AGAIN)
