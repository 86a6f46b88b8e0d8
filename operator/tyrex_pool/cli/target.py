"""Which pool a command means: the arguments that `eval` and `status` share, and the way to it."""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tyrex_pool.cli.output import program
from tyrex_pool.client import Client
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.plan.status import READY, condition

if TYPE_CHECKING:
    from tyrex_pool.cli.apiserver import ApiServer, Refused

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """POOL, -n, --context and --url."""
    parser.add_argument(
        "pool", nargs="?", type=_name, metavar="POOL", help="a TyrexPool in the cluster of the kubeconfig"
    )
    parser.add_argument("-n", "--namespace", type=_name, metavar="NS", help="its namespace (default: the context's)")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig (default: the current one)")
    parser.add_argument("--url", help="ask the pool at this URL instead, such as the one that `serve` prints")


def _name(text: str) -> str:
    """A name of an object as an argument's type: it becomes part of a URL."""
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"write a name of a-z, 0-9 and -, not {text!r}")
    return text


@contextmanager
def client(args: argparse.Namespace) -> Iterator[Client]:
    """A client for the pool that `args` name. Raises BadInput, also for what goes wrong on the way to the pool."""
    if args.url is not None:
        with _direct(args.url) as direct:
            yield direct
    elif args.pool is None:
        raise BadInput("name a pool of the cluster, as in `eval POOL CODE`, or pass --url http://HOST:PORT")
    else:
        with cluster(args) as server, through(server, args.namespace or server.namespace, args.pool) as proxied:
            yield proxied


def _direct(url: str) -> Client:
    try:
        return Client(url)
    except InvalidRequest as exc:
        raise BadInput(f"--url: {exc.detail}") from exc


def cluster(args: argparse.Namespace) -> "ApiServer":
    """The API server that `args` mean. Raises BadInput."""
    from tyrex_pool.cli.apiserver import ApiServer

    return ApiServer.connect(args.context)


@contextmanager
def through(server: "ApiServer", namespace: str, pool: str) -> Iterator[Client]:
    """A client for a pool behind the API server. Raises BadInput, which says what is wrong with the pool."""
    from tyrex_pool.cli.apiserver import Refused

    try:
        with Client(server.service_url(namespace, pool), http=server.http) as proxied:
            yield proxied
    except Refused as refusal:
        raise BadInput(_why(server, namespace, pool, refusal)) from refusal


def _why(server: "ApiServer", namespace: str, pool: str, refusal: "Refused") -> str:
    """Why the API server found nobody to ask, as far as the TyrexPool tells."""
    if refusal.status not in (404, 502, 503, 504):
        return str(refusal)
    found = server.pool(namespace, pool)
    if found is None:
        return missing(server, namespace, pool)
    ready = condition(found.get("status", {}), READY)
    state = f"{ready['reason']}: {ready['message']}" if ready.get("status") == "False" else refusal.said
    return f"pool {pool} does not answer ({state}); `{program()} status {pool} -n {namespace}` tells more"


def missing(server: "ApiServer", namespace: str, pool: str) -> str:
    """What to say when there is no such pool."""
    there = ", ".join(sorted(one["metadata"]["name"] for one in server.pools(namespace)))
    return f"there is no {names.KIND} {pool} in namespace {namespace}; there is {there or 'none'}"
