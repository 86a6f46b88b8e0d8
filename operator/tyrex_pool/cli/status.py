"""`tyrex-pool status [POOL]`: TyrexPools as the API server has them, and one pool as its server sees it, as tables."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from tyrex_pool.cli import resources, target
from tyrex_pool.cli.cluster import connected, find_pool, list_pools
from tyrex_pool.cli.output import json_text, line, table
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model import names
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.pool_view import PoolView, RuntimeView, pool_from_json

if TYPE_CHECKING:
    from tyrex_pool.cluster.access import Cluster


def add_arguments(parser: argparse.ArgumentParser) -> None:
    target.add_arguments(parser)
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the pools of every namespace")
    parser.add_argument("--json", action="store_true", help="print all that is known as JSON")


def run(args: argparse.Namespace) -> int:
    if args.all_namespaces and (args.pool or args.namespace or args.url):
        raise BadInput("leave out -A, or what chooses one pool or namespace")
    return asyncio.run(show(args))


async def show(args: argparse.Namespace) -> int:
    """Print what `args` ask for. Raises BadInput or a TyrexError."""
    if args.url is None:
        async with connected(args.context) as cluster:
            return await (show_one(args, cluster) if args.pool else show_all(args, cluster))
    async with target.client(args) as client:
        answer = await client.pool()
    print(json_text(answer) if args.json else view(answer, args.url))
    return 0


async def show_all(args: argparse.Namespace, cluster: "Cluster") -> int:
    """Print the pools of a namespace or of all, a line for each."""
    namespace = None if args.all_namespaces else args.namespace or cluster.namespace
    found = await list_pools(cluster, namespace)
    if args.json:
        print(json_text(found))
    elif found:
        print(table(resources.lines(found, everywhere=namespace is None)))
    else:
        where = "this cluster" if namespace is None else f"namespace {namespace}"
        print(f"There is no {names.KIND} in {where}.", file=sys.stderr)
    return 0


async def show_one(args: argparse.Namespace, cluster: "Cluster") -> int:
    """Print one pool: what its TyrexPool says, and the answer of one of its proxies."""
    namespace = args.namespace or cluster.namespace
    resource = await find_pool(cluster, namespace, args.pool)
    if resource is None:
        raise BadInput(await target.missing(cluster, namespace, args.pool))
    answer, problem = await _ask_proxy(cluster, namespace, args.pool)
    if args.json:
        print(json_text({"resource": resource, "proxy": answer, "problem": problem}))
        return 0
    print(resources.conditions(resource))
    print()
    print(f"proxies:     {problem}" if answer is None else view(answer, f"pool {args.pool}"))
    return 0


async def _ask_proxy(cluster: "Cluster", namespace: str, pool: str) -> tuple[dict[str, Any], None] | tuple[None, str]:
    """The answer of a proxy of the pool, or else why none answers."""
    try:
        async with target.through(cluster, namespace, pool) as client:
            return await client.pool(), None
    except (BadInput, TyrexError) as error:
        return None, str(error)


def view(answer: dict[str, Any], server: str) -> str:
    """The answer to `GET /v1/pool` as tables. Raises BadInput when that is not what `server` answered."""
    try:
        pool = pool_from_json(answer)
    except ValueError as exc:
        raise BadInput(f"{server} does not answer as a pool of this version does: {exc}") from exc
    return summary(pool) + (f"\n\n{runtimes(pool)}" if pool.runtimes else "")


def summary(pool: PoolView) -> str:
    """A line for each fact about the pool as a whole."""
    error = pool.last_error
    strategy = pool.strategy
    rows = [
        ("pool", pool.name),
        ("ready", f"{'yes' if pool.ready else 'no'}, {pool.ready_runtimes} of {pool.size} runtimes"),
        ("load", f"{pool.in_flight} in flight, {pool.queued} waiting"),
        ("strategy", strategy.type + (f", does not load: {strategy.error}" if strategy.error else "")),
        ("last error", "none" if error is None else f"{error.name} at {error.at}: {error.detail}"),
    ]
    return table([(f"{label}:", " ".join(value.split())) for label, value in rows])


def runtimes(pool: PoolView) -> str:
    """A line for each runtime."""
    rows: list[tuple[object, ...]] = [("RUNTIME", "STATE", "IN FLIGHT", "WAITING", "CAPACITY", "EPOCH", "REASON")]
    return table([*rows, *map(_row, pool.runtimes)])


def _row(runtime: RuntimeView) -> tuple[object, ...]:
    load = (runtime.in_flight, runtime.queued, runtime.capacity)
    return (runtime.name, runtime.state, *load, runtime.epoch, line(runtime.reason))
