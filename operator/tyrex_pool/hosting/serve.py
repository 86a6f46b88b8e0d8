"""Runs `tyrex-pool serve`: the pool of a manifest on this machine."""

import asyncio
import json
import sys
from shlex import quote

from tyrex_pool.client import AsyncClient
from tyrex_pool.hosting.announce import show, show_error
from tyrex_pool.hosting.event_loop import run
from tyrex_pool.hosting.local_server import serve_pool
from tyrex_pool.hosting.manifest_file import read_manifest
from tyrex_pool.hosting.options import ServeOptions
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.runtime.isolate_pool import IsolatePool


def serve(options: ServeOptions) -> int:
    """Serve until a signal; returns the exit code. Raises BadInput, InvalidSpec, InvalidStrategy and OSError."""
    manifest, sources = read_manifest(options.file)

    async def try_once(url: str, ready: bool) -> int | None:
        if options.trial is None:
            return None
        code = await _try(url, options.trial.code, next_steps(options, url, sys.stdout.isatty()))
        return None if code == 0 and ready and sys.stdout.isatty() else code

    async def main(stop: asyncio.Event) -> int:
        pool = IsolatePool(manifest.name, manifest.spec, sources)
        return await serve_pool(pool, options.server, stop, on_start=try_once)

    return run(main)


async def _try(url: str, code: str, advice: str) -> int:
    """Evaluate `code` as a caller would; print its result and `advice`, or its error. Returns the exit code."""
    async with AsyncClient(url) as client:
        try:
            result = await client.eval(code)
        except TyrexError as error:
            show_error(f"{code}\n  failed: {error.name}: {error.detail}")
            return 1
    show(f"\n  {code}\n  = {json.dumps(result, ensure_ascii=False)}\n\n{advice}")
    return 0


def next_steps(options: ServeOptions, url: str, stays: bool) -> str:
    """Commands that evaluate the trial's code once more; when the server does not stay, one that serves the pool."""
    assert options.trial is not None
    code, program = options.trial.code, options.trial.program
    body = json.dumps({"code": code}, ensure_ascii=False)
    start = f"Go on: serve it, and ask it from another terminal:\n  {program} serve {quote(options.file)}"
    return "\n".join(
        (
            "Go on, from another terminal:" if stays else start,
            f"  {program} eval --url {url} {quote(code)}",
            f"  curl {url}/v1/eval -H 'Content-Type: application/json' -d {quote(body)}",
        )
    )
