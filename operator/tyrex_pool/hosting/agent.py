"""Runs `tyrex-pool agent`: one runtime of a pool, in its pod."""

import asyncio
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.event_loop import run
from tyrex_pool.hosting.local_server import serve_pool
from tyrex_pool.hosting.logs import log
from tyrex_pool.hosting.manifest_file import STANDARD_INPUT, read_manifest
from tyrex_pool.hosting.options import AgentOptions
from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidSpec
from tyrex_pool.model.manifest import Manifest
from tyrex_pool.model.spec import StrategySpec
from tyrex_pool.runtime.sources import Sources
from tyrex_pool.server.agent import AgentPool

PATIENCE: Final = 45.0
"""Seconds that a node may take to update the mounted ConfigMap; the liveness probe gives up later."""
_POLL: Final = 0.25


def agent(options: AgentOptions) -> int:
    """Serve until a signal; returns the exit code. Raises BadInput, InvalidSpec and OSError."""
    return run(partial(_serve, options))


async def _serve(options: AgentOptions, stop: asyncio.Event) -> int:
    manifest, sources = await manifest_of_revision(options.file, options.revision, stop)
    spec = msgspec.structs.replace(manifest.spec, size=1, strategy=StrategySpec())
    name = options.runtime_name or names.runtime_name(manifest.name, 0)
    pool = AgentPool(manifest.name, spec, sources, runtime_names=[name])
    return await serve_pool(
        pool, options.server, stop, drain_seconds=lambda: drain_time(Path(options.file), float(spec.timeouts.drain))
    )


async def manifest_of_revision(
    file: str, revision: str | None, stop: asyncio.Event, patience: float = PATIENCE
) -> tuple[Manifest, Sources]:
    """The manifest whose spec hash is `revision` (None: any); the node may still have an older one in `file`.

    Returns whatever manifest `file` has once `stop` is set. Raises BadInput when the revision does not arrive within
    `patience` seconds, InvalidSpec and OSError.
    """
    end = monotonic() + patience
    while True:
        manifest, sources = read_manifest(file)
        found = manifest.annotations.get(names.ANNOTATION_SPEC_HASH)
        if file == STANDARD_INPUT or revision in (None, found) or stop.is_set():
            return manifest, sources
        if monotonic() > end:
            raise BadInput(f"{file} is of revision {found}, and this runtime of {revision}: start it again")
        await asyncio.sleep(_POLL)


def drain_time(file: Path, default: float) -> float:
    """Seconds of `timeouts.drain` in the manifest's present version, which may differ from the one at the start.

    Returns `default` when the file cannot be read, or was standard input.
    """
    if str(file) == STANDARD_INPUT:
        return default
    try:
        return float(Manifest.load(file.read_text()).spec.timeouts.drain)
    except (OSError, UnicodeDecodeError, InvalidSpec) as error:
        log.warning("timeouts.drain is what it was at the start, %g s: %s", default, error)
        return default
