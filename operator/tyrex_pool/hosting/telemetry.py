"""The telemetry of one server: metrics always, an access log and traces when they are configured."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.hosting.options import ServerOptions
from tyrex_pool.server.api import Api, Pool
from tyrex_pool.server.telemetry.access_log import AccessLog
from tyrex_pool.server.telemetry.eval_record import Observer
from tyrex_pool.server.telemetry.metrics import Metrics, Source
from tyrex_pool.server.telemetry.server_info import ServerInfo
from tyrex_pool.server.telemetry.tracing import Tracer, TracingRefused, tracer

_FLUSH_SECONDS: Final = 2.0
"""How long the end of a server may wait for the export of its last spans."""


class NamedPool(Pool, Protocol):
    """A pool with the name that its spans carry."""

    name: str


@asynccontextmanager
async def api_with_telemetry(pool: NamedPool, options: ServerOptions, *sources: Source) -> AsyncIterator[Api]:
    """The API of `pool`, whose metrics include those of `sources`. Raises BadInput for tracing that is not possible."""
    metrics = Metrics(pool.describe, *sources)
    tracing = _tracer(ServerInfo(options.command, pool.name, lambda: metrics.strategy))
    observers: list[Observer] = []
    if options.access_log:
        observers.append(AccessLog(sys.stderr, sys.stderr.isatty(), asyncio.get_running_loop()))
    if tracing is None:
        yield Api(pool, metrics, observers=observers)
        return
    metrics.show(tracing)
    try:
        yield Api(pool, metrics, tracing.begin, [*observers, tracing])
    finally:
        await asyncio.to_thread(tracing.close, _FLUSH_SECONDS)


def _tracer(info: ServerInfo) -> Tracer | None:
    """None when the environment asks for no traces. Raises BadInput."""
    try:
        return tracer(info)
    except TracingRefused as error:
        raise BadInput(str(error)) from error
