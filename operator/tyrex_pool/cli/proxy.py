"""`tyrex-pool proxy --runtime URL …`: the dispatch server over runtimes that are served elsewhere."""

import argparse
import asyncio
import random
from pathlib import Path

import msgspec

from tyrex_pool.cli.hosting import EVERYWHERE, add_address, address, announce, read_manifest
from tyrex_pool.cli.hosting import run as host
from tyrex_pool.cli.output import BadInput
from tyrex_pool.dispatch.strategies import STRATEGIES, Strategy, make
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.runtime.pool import refuse_weaker
from tyrex_pool.runtime.sources import Sources, strategy_of
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.discovery import Endpoint, StaticList
from tyrex_pool.server.metrics import Metrics
from tyrex_pool.server.remote import RemotePool
from tyrex_pool.server.service import Service

_FIRST_LOOK = 3.0
"""Seconds that the start line waits for the runtimes' first answers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="the pool's manifest (default: a pool as `spec: {}`)")
    parser.add_argument(
        "--runtime", metavar="URL", action="append", required=True, help="http://HOST:PORT or unix:/PATH; repeatable"
    )
    parser.add_argument("--strategy", choices=sorted(STRATEGIES), help="instead of the manifest's")
    add_address(parser, EVERYWHERE)


def run(args: argparse.Namespace) -> int:
    try:
        endpoints = [Endpoint.parse(url) for url in args.runtime]
    except ValueError as error:
        raise BadInput(f"--runtime: {error}") from error
    name, spec, strategy = _pool(args)
    spec = msgspec.structs.replace(spec, size=len({endpoint.name for endpoint in endpoints}))
    return host(lambda stop: _serve(args, name, spec, strategy, endpoints, stop))


def _pool(args: argparse.Namespace) -> tuple[str, PoolSpec, Strategy]:
    """Name, spec and strategy, of the manifest if there is one. Raises InvalidSpec, InvalidStrategy, BadInput."""
    name, spec, sources = "pool", PoolSpec.parse(None), Sources(Path.cwd(), {})
    if args.file is not None:
        manifest, sources = read_manifest(args.file)
        name, spec = manifest.name, manifest.spec
        refuse_weaker(spec)
    if args.strategy is not None:
        return name, spec, make(args.strategy, random.Random())
    return name, spec, strategy_of(spec.strategy, sources)


async def _serve(
    args: argparse.Namespace,
    name: str,
    spec: PoolSpec,
    strategy: Strategy,
    endpoints: list[Endpoint],
    stop: asyncio.Event,
) -> int:
    pool = RemotePool(name, spec, strategy)
    metrics = Metrics(pool.describe)
    following = asyncio.ensure_future(pool.follow(StaticList(endpoints)))
    try:
        service = await Service.open(Api(spec, pool, metrics), Admin(pool, metrics), address(args, flexible=False))
        try:
            await asyncio.wait([asyncio.ensure_future(pool.first_look())], timeout=_FIRST_LOOK)
            announce(pool.describe(), args, service)
            await stop.wait()
            await service.drain(float(spec.timeouts.drain))
        finally:
            await service.close()
    finally:
        following.cancel()
        await pool.close()
    return 0
