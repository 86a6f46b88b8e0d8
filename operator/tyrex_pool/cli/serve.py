"""`tyrex-pool serve FILE`: the pool of a manifest on this machine, without a cluster."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from shlex import quote

from tyrex_pool.client import AsyncClient
from tyrex_pool.hosting.hosting import LOOPBACK, add_address, address, announce, log, progress, read_manifest
from tyrex_pool.hosting.hosting import run as host
from tyrex_pool.hosting.telemetry import add_observing, api_of
from tyrex_pool.model.errors import NoRuntime, TyrexError
from tyrex_pool.model.pool_view import pool_to_json
from tyrex_pool.runtime.isolate_pool import IsolatePool
from tyrex_pool.server.admin import Admin
from tyrex_pool.server.api import Api
from tyrex_pool.server.service import Service
from tyrex_pool.server.stream import Stream
from tyrex_pool.server.telemetry.metrics import IsolateMetrics


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a manifest with one TyrexPool, and the ConfigMaps it uses")
    add_address(parser, LOOPBACK)
    add_observing(parser)
    parser.add_argument(
        "--try",
        dest="trial",
        metavar="CODE",
        help="evaluate CODE once it runs and show how to go on; ends off a terminal",
    )


def run(args: argparse.Namespace) -> int:
    manifest, sources = read_manifest(args.file)

    def make() -> IsolatePool:
        return IsolatePool(manifest.name, manifest.spec, sources)

    return host(lambda stop: serve_pool("serve", make, args, stop, flexible=True))


async def serve_pool(
    server: str,
    make: Callable[[], IsolatePool],
    args: argparse.Namespace,
    stop: asyncio.Event,
    flexible: bool,
    drain: Callable[[], float] | None = None,
) -> int:
    """Serve the pool that `make` makes until `stop`, then drain. Raises BadInput, OSError (the address).

    `server` is the command that this is. `drain` is asked at the end for its seconds; by default they are those of the
    pool's spec.
    """
    pool = make()
    try:
        async with api_of(pool, server, args, IsolateMetrics(pool.supervisor)) as api:
            return await _serve(pool, api, args, stop, flexible, drain or (lambda: float(pool.spec.timeouts.drain)))
    finally:
        await pool.close()


async def _serve(
    pool: IsolatePool,
    api: Api,
    args: argparse.Namespace,
    stop: asyncio.Event,
    flexible: bool,
    drain: Callable[[], float],
) -> int:
    service = await Service.open(api, Admin(pool, api.metrics), address(args, flexible), partial(Stream, api))
    try:
        pool.start()
        ready = await _show_start(pool, stop)
        url = announce(pool_to_json(pool.describe()), args, service)
        if getattr(args, "trial", None) is not None and not stop.is_set():
            code = await _try(url, args)
            if code or not ready or not sys.stdout.isatty():
                return code
        await stop.wait()
        progress("stopping: waiting for evals in flight\n")
        await service.drain(drain())
        return 0
    finally:
        await service.close()


async def _show_start(pool: IsolatePool, stop: asyncio.Event) -> bool:
    """Show how many runtimes are up until all are, or one cannot start; returns whether the pool is ready."""
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


async def _try(url: str, args: argparse.Namespace) -> int:
    """Evaluate the code as a caller would, and tell how to go on."""
    code = args.trial
    async with AsyncClient(url) as client:
        try:
            result = await client.eval(code)
        except TyrexError as error:
            print(f"{code}\n  failed: {error.name}: {error.detail}", file=sys.stderr)
            return 1
    body = json.dumps({"code": code}, ensure_ascii=False)
    print(f"\n  {code}\n  = {json.dumps(result, ensure_ascii=False)}\n")
    if sys.stdout.isatty():
        print("Go on, from another terminal:")
    else:
        print(f"Go on: serve it, and ask it from another terminal:\n  {_program()} serve {quote(args.file)}")
    print(f"  {_program()} eval --url {url} {quote(code)}")
    print(f"  curl {url}/v1/eval -H 'Content-Type: application/json' -d {quote(body)}", flush=True)
    return 0


def _program() -> str:
    """The command as the user typed it: it may not be on the PATH."""
    return sys.argv[0] if Path(sys.argv[0]).name == "tyrex-pool" else "tyrex-pool"
