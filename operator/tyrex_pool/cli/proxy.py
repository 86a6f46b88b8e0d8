"""`tyrex-pool proxy`: the dispatch server over the runtimes of a list, or of a TyrexPool in a cluster."""

import argparse

from tyrex_pool.cli.arguments import add_server_arguments, server_options
from tyrex_pool.dispatch.strategies import STRATEGIES
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.manifest_file import STANDARD_INPUT
from tyrex_pool.hosting.options import EVERYWHERE
from tyrex_pool.hosting.proxy import proxy
from tyrex_pool.hosting.proxy_options import FollowedPool, ListedRuntimes, ProxyOptions
from tyrex_pool.hosting.workers.group import MAX_WORKERS, proxy_with_workers
from tyrex_pool.server.remote.discovery import Endpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="the pool's manifest, - for standard input (default: `spec: {}`)"
    )
    parser.add_argument("--runtime", metavar="URL", action="append", help="http://HOST:PORT or unix:/PATH; repeatable")
    parser.add_argument("--strategy", choices=sorted(STRATEGIES), help="instead of the manifest's")
    parser.add_argument("--pool", metavar="NAME", help="follow this TyrexPool of the cluster, instead of all these")
    parser.add_argument("--namespace", metavar="NS", help="namespace of that TyrexPool")
    parser.add_argument("--workers", type=worker_count, default=1, metavar="N", help="processes that share the port")
    add_server_arguments(parser, EVERYWHERE)


def worker_count(text: str) -> int:
    """An argument's type: 1 to MAX_WORKERS."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"write a number from 1 to {MAX_WORKERS}, not {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    wanted = options(args)
    return proxy(wanted) if wanted.workers == 1 else proxy_with_workers(wanted)


def options(args: argparse.Namespace) -> ProxyOptions:
    """Raises BadInput for arguments that exclude or need each other, and for a URL that is none."""
    if args.workers > 1 and args.socket is not None:
        raise BadInput("leave out --socket, or --workers: several workers share a port")
    if args.workers > 1 and args.file == STANDARD_INPUT:
        raise BadInput("write the manifest to a file, or leave out --workers: each worker reads it")
    return ProxyOptions(server_options(args, "proxy"), _source(args), args.workers)


def _source(args: argparse.Namespace) -> ListedRuntimes | FollowedPool:
    if args.pool is None and args.namespace is None:
        return _listed(args)
    if args.pool is None or args.namespace is None:
        raise BadInput("pass --pool NAME and --namespace NS together")
    others = {"FILE": args.file, "--runtime": args.runtime, "--strategy": args.strategy}
    given = " and ".join(name for name, value in others.items() if value is not None)
    if given:
        raise BadInput(f"leave out {given}: with --pool all of that comes from the TyrexPool")
    return FollowedPool(args.namespace, args.pool)


def _listed(args: argparse.Namespace) -> ListedRuntimes:
    if not args.runtime:
        raise BadInput("pass --runtime URL, or --pool NAME and --namespace NS in a cluster")
    try:
        return ListedRuntimes(tuple(map(Endpoint.parse, args.runtime)), args.file, args.strategy)
    except ValueError as error:
        raise BadInput(f"--runtime: {error}") from error
