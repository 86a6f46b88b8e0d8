"""Which pool a command means: the arguments that `eval` and `status` share."""

import argparse

from tyrex_pool.cli.output import BadInput
from tyrex_pool.client import Client
from tyrex_pool.model.errors import InvalidRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """POOL, -n and --url."""
    parser.add_argument("pool", nargs="?", metavar="POOL", help="a TyrexPool in the cluster")
    parser.add_argument("-n", "--namespace", metavar="NS", help="its namespace")
    parser.add_argument("--url", help="ask the pool at this URL, such as the one that `serve` prints")


def client(args: argparse.Namespace) -> Client:
    """A client for the pool that `args` name. Raises BadInput."""
    if args.url is None:
        raise BadInput(
            "pass --url http://HOST:PORT; reaching a pool through the cluster of your kubeconfig comes with "
            "the operator"
        )
    try:
        return Client(args.url)
    except InvalidRequest as exc:
        raise BadInput(f"--url: {exc.detail}") from exc
