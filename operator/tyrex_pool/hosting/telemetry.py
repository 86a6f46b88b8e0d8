"""What `serve`, `agent` and `proxy` write down of their evals: metrics always; traces and an access log when asked."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from tyrex_pool.hosting.errors import BadInput
from tyrex_pool.model import names
from tyrex_pool.server.api import Api, Pool
from tyrex_pool.server.telemetry.access_log import AccessLog
from tyrex_pool.server.telemetry.eval_record import Observer
from tyrex_pool.server.telemetry.metrics import Metrics, Source
from tyrex_pool.server.telemetry.server_info import ServerInfo
from tyrex_pool.server.telemetry.tracing import TracingRefused, tracer

_LAST_SPANS = 2.0
"""Seconds in which the last spans are sent when a server ends."""


class Named(Pool, Protocol):
    """A pool."""

    name: str


def add_observing(parser: argparse.ArgumentParser) -> None:
    """The options that say what is written down."""
    parser.add_argument(
        "--access-log",
        action="store_true",
        default=os.environ.get(names.ACCESS_LOG_VARIABLE) == "1",
        help=f"write a line for each eval to stderr (also ${names.ACCESS_LOG_VARIABLE}=1)",
    )


@asynccontextmanager
async def api_of(pool: Named, server: str, args: argparse.Namespace, *sources: Source) -> AsyncIterator[Api]:
    """The interface of `pool` in the command `server`; the metrics are those of `sources` too. Raises BadInput."""
    metrics = Metrics(pool.describe, *sources)
    try:
        traces = tracer(ServerInfo(server, pool.name, lambda: metrics.strategy))
    except TracingRefused as error:
        raise BadInput(str(error)) from error
    observers: list[Observer] = []
    if args.access_log:
        observers.append(AccessLog(sys.stderr, sys.stderr.isatty(), asyncio.get_running_loop()))
    if traces is None:
        yield Api(pool, metrics, observers=observers)
        return
    metrics.show(traces)
    try:
        yield Api(pool, metrics, traces.begin, [*observers, traces])
    finally:
        await asyncio.to_thread(traces.close, _LAST_SPANS)
