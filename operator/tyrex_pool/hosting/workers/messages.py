"""Messages between the parent of several workers and each worker: lines of JSON over a socket pair.

The parent first sends `Orders`; each later line from it is empty and asks for a `WorkerState`. The worker sends
`Serving` or `Failed` once, and a `WorkerState` per empty line. A worker whose parent has closed the socket ends.
"""

from typing import Final

import msgspec

from tyrex_pool.hosting.proxy_options import ProxyOptions
from tyrex_pool.model.pool_view import PoolView

MAX_LINE: Final = 1 << 24
"""Bytes of a line."""


class Orders(msgspec.Struct, frozen=True):
    """The receiver is worker `number` (from 0) of `options.workers`; `options.server.listen` is the shared port."""

    options: ProxyOptions
    number: int


class Serving(msgspec.Struct, frozen=True, tag=True):
    """The worker serves evals; `pool` is its answer of `GET /v1/pool`."""

    pool: PoolView


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The worker could not start and ends; `message` is for the user."""

    message: str


class WorkerState(msgspec.Struct, frozen=True, tag=True):
    """What the worker would answer on an admin port of its own; `metrics` is in the Prometheus text format."""

    ready: bool
    reason: str | None
    metrics: str


ASK: Final = b"\n"
"""Asks a worker for its `WorkerState`."""
Report = Serving | Failed | WorkerState
_encoder = msgspec.json.Encoder()
decode_orders = msgspec.json.Decoder(Orders).decode
decode_report = msgspec.json.Decoder(Report).decode


def line(message: Orders | Report) -> bytes:
    return _encoder.encode(message) + b"\n"
