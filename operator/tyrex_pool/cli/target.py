"""Which pool a command is about: the arguments that `eval` and `status` share, and a client for that pool."""

import argparse
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from tyrex_pool.cli.cluster import advice, connected, find_pool, list_pools, service_url
from tyrex_pool.cli.output import program
from tyrex_pool.client import AsyncClient
from tyrex_pool.cluster.errors import ClusterError
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.plan.reasons import AVAILABLE, READY
from tyrex_pool.plan.status import condition

if TYPE_CHECKING:
    from tyrex_pool.cluster.access import Cluster

_POOL_UNREACHED: Final = (404, 502, 503, 504)
"""Statuses of the API server when it finds no proxy of a pool, or none that answers."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def add_arguments(parser: argparse.ArgumentParser, *, checked: bool = True) -> None:
    """POOL, -n, --context and --url; with `checked` False, POOL may be anything until `pool_name` sees it."""
    parser.add_argument(
        "pool",
        nargs="?",
        type=pool_name if checked else str,
        metavar="POOL",
        help="a TyrexPool in the cluster of the kubeconfig",
    )
    parser.add_argument(
        "-n", "--namespace", type=pool_name, metavar="NS", help="its namespace (default: the context's)"
    )
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig (default: the current one)")
    parser.add_argument(
        "--url", help="ask the pool at this URL instead, such as the one that `serve` prints, or unix:/PATH"
    )


def pool_name(text: str) -> str:
    """An object's name as the type of an argument: it becomes part of a URL."""
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"write a name of a-z, 0-9 and -, not {text!r}")
    return text


@asynccontextmanager
async def client(args: argparse.Namespace) -> AsyncIterator[AsyncClient]:
    """A client for the pool that `args` name. Raises BadInput, also for what goes wrong on the way to the pool."""
    if args.url is not None:
        async with _direct(args.url) as direct:
            yield direct
    elif args.pool is None:
        raise BadInput("name a pool of the cluster, as in `eval POOL CODE`, or pass --url http://HOST:PORT")
    else:
        async with (
            connected(args.context) as cluster,
            through(cluster, args.namespace or cluster.namespace, args.pool) as proxied,
        ):
            yield proxied


def _direct(url: str) -> AsyncClient:
    try:
        return AsyncClient(url)
    except InvalidRequest as exc:
        raise BadInput(f"--url: {exc.detail}") from exc


@asynccontextmanager
async def through(cluster: "Cluster", namespace: str, pool: str) -> AsyncIterator[AsyncClient]:
    """A client for a pool behind the API server. Raises BadInput, which says what is wrong with the pool."""
    try:
        async with AsyncClient(service_url(cluster, namespace, pool), http=cluster.http) as proxied:
            yield proxied
    except ClusterError as error:
        raise BadInput(await _explained(cluster, namespace, pool, error)) from error


async def _explained(cluster: "Cluster", namespace: str, pool: str, error: ClusterError) -> str:
    """Why the API server reached no proxy of the pool, as far as the TyrexPool says. Raises BadInput."""
    if error.status not in _POOL_UNREACHED:
        return advice(error, cluster.url)
    found = await find_pool(cluster, namespace, pool)
    if found is None:
        return await missing(cluster, namespace, pool)
    # A parked pool is Ready, and still not Available.
    said = [condition(found.get("status", {}), kind) for kind in (READY, AVAILABLE)]
    problem = next((one for one in said if one.get("status") == "False"), None)
    state = f"{problem['reason']}: {problem['message']}" if problem else error.message
    return f"pool {pool} does not answer ({state}); `{program()} status {pool} -n {namespace}` tells more"


async def missing(cluster: "Cluster", namespace: str, pool: str) -> str:
    """The message for a pool that does not exist. Raises BadInput."""
    others = ", ".join(sorted(item["metadata"]["name"] for item in await list_pools(cluster, namespace)))
    return f"there is no {names.KIND} {pool} in namespace {namespace}; there is {others or 'none'}"
