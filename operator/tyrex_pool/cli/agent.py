"""`tyrex-pool agent FILE`: one runtime of a pool, as it stands in a pod: the same server over one isolate."""

import argparse
import asyncio
import logging
import os
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from tyrex_pool.cli.serve import serve_pool
from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.hosting import EVERYWHERE, add_address, read_manifest
from tyrex_pool.hosting.hosting import run as host
from tyrex_pool.hosting.telemetry import add_observing
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.spec import StrategySpec
from tyrex_pool.runtime.sources import Sources
from tyrex_pool.server.agent import AgentPool

PATIENCE: Final = 45.0
"""Seconds that a node may take to bring a ConfigMap up to date; before the liveness probe gives up."""
_LOOK: Final = 0.25

log = logging.getLogger("tyrex_pool")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="the manifest of the pool; its size and strategy are the proxy's matter"
    )
    parser.add_argument(
        "--name", help=f"name of this runtime (default ${names.RUNTIME_NAME_VARIABLE}, or the pool's name and -0)"
    )
    add_address(parser, EVERYWHERE)
    add_observing(parser)


def run(args: argparse.Namespace) -> int:
    return host(lambda stop: _serve(args, stop))


async def _serve(args: argparse.Namespace, stop: asyncio.Event) -> int:
    manifest, sources = await meant_for_us(args.file, os.environ.get(names.SPEC_HASH_VARIABLE), stop)
    spec = msgspec.structs.replace(manifest.spec, size=1, strategy=StrategySpec())
    name = args.name or os.environ.get(names.RUNTIME_NAME_VARIABLE) or names.runtime_name(manifest.name, 0)

    def make() -> AgentPool:
        return AgentPool(manifest.name, spec, sources, runtime_names=[name])

    def drain() -> float:
        return drain_time(Path(args.file), float(spec.timeouts.drain))

    return await serve_pool("agent", make, args, stop, flexible=False, drain=drain)


async def meant_for_us(
    file: str, wanted: str | None, stop: asyncio.Event, patience: float = PATIENCE
) -> tuple[Manifest, Sources]:
    """The manifest of our pod's revision `wanted` (None: any), which the node may not have yet.

    Raises BadInput when it does not come within `patience` seconds, and InvalidSpec.
    """
    end = monotonic() + patience
    while True:
        manifest, sources = read_manifest(file)
        found = manifest.annotations.get(names.ANNOTATION_SPEC_HASH)
        if wanted in (None, found) or stop.is_set():
            return manifest, sources
        if monotonic() > end:
            raise BadInput(f"{file} is of revision {found}, and this runtime of {wanted}: start it again")
        await asyncio.sleep(_LOOK)


def drain_time(file: Path, usual: float) -> float:
    """Seconds of `timeouts.drain` as the manifest has it now, which nobody reads but at the end; `usual` if not."""
    try:
        return float(Manifest.load(file.read_text()).spec.timeouts.drain)
    except (OSError, UnicodeDecodeError, InvalidSpec) as error:
        log.warning("timeouts.drain is what it was at the start, %g s: %s", usual, error)
        return usual
