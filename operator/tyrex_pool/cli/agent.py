"""`tyrex-pool agent FILE`: one runtime of a pool, as it stands in a pod: the same server over one isolate."""

import argparse
import logging
import os
from pathlib import Path

import msgspec

from tyrex_pool.cli.hosting import EVERYWHERE, add_address, read_manifest
from tyrex_pool.cli.hosting import run as host
from tyrex_pool.cli.serve import serve_pool
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.spec import StrategySpec
from tyrex_pool.server.agent import AgentPool

log = logging.getLogger("tyrex_pool")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="the manifest of the pool; its size and strategy are the proxy's matter"
    )
    parser.add_argument(
        "--name", help=f"name of this runtime (default ${names.RUNTIME_NAME_VARIABLE}, or the pool's name and -0)"
    )
    add_address(parser, EVERYWHERE)


def run(args: argparse.Namespace) -> int:
    manifest, sources = read_manifest(args.file)
    spec = msgspec.structs.replace(manifest.spec, size=1, strategy=StrategySpec())
    name = args.name or os.environ.get(names.RUNTIME_NAME_VARIABLE) or names.runtime_name(manifest.name, 0)

    def make() -> AgentPool:
        return AgentPool(manifest.name, spec, sources, runtime_names=[name])

    def drain() -> float:
        return drain_time(Path(args.file), float(spec.timeouts.drain))

    return host(lambda stop: serve_pool(make, args, stop, flexible=False, drain=drain))


def drain_time(file: Path, usual: float) -> float:
    """Seconds of `timeouts.drain` as the manifest has it now, which nobody reads but at the end; `usual` if not."""
    try:
        return float(Manifest.load(file.read_text()).spec.timeouts.drain)
    except (OSError, UnicodeDecodeError, InvalidSpec) as error:
        log.warning("timeouts.drain is what it was at the start, %g s: %s", usual, error)
        return usual
