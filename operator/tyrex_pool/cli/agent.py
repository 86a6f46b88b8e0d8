"""`tyrex-pool agent FILE`: one runtime of a pool, as it stands in a pod: the same server over one isolate."""

import argparse
import os

import msgspec

from tyrex_pool.cli.hosting import EVERYWHERE, add_address, read_manifest
from tyrex_pool.cli.hosting import run as host
from tyrex_pool.cli.serve import serve_pool
from tyrex_pool.model import names
from tyrex_pool.model.spec import StrategySpec
from tyrex_pool.runtime.pool import Pool

NAME_VARIABLE = "TYREX_RUNTIME_NAME"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="the manifest of the pool; its size and strategy are the proxy's matter"
    )
    parser.add_argument("--name", help=f"name of this runtime (default ${NAME_VARIABLE}, or the pool's name and -0)")
    add_address(parser, EVERYWHERE)


def run(args: argparse.Namespace) -> int:
    manifest, sources = read_manifest(args.file)
    spec = msgspec.structs.replace(manifest.spec, size=1, strategy=StrategySpec())
    name = args.name or os.environ.get(NAME_VARIABLE) or names.runtime_name(manifest.name, 0)

    def make() -> Pool:
        return Pool(manifest.name, spec, sources, runtime_names=[name])

    return host(lambda stop: serve_pool(make, args, stop, flexible=False))
