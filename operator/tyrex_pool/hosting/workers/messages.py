"""What the parent of several workers and each of them tell each other: lines of JSON over a pair of sockets.

The parent begins with `Orders`. Each line after that is empty and asks for `State`. A worker says `Serving` or
`Failed`, once. When one end is gone, so is the other's peer: a worker without its parent ends.
"""

from typing import Any, Final

import msgspec

LONGEST: Final = 1 << 24
"""Bytes of a line."""


class Orders(msgspec.Struct, frozen=True):
    """`args` is the command line as the parent understood it, `port` is the one to share.

    The worker is number `number` (from 0) of `count`.
    """

    args: dict[str, Any]
    number: int
    count: int
    port: int


class Serving(msgspec.Struct, frozen=True, tag=True):
    """It takes evals; `pool` is as `GET /v1/pool` shows it."""

    pool: dict[str, Any]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It ends, since it could not begin; `message` is for the user."""

    message: str


class State(msgspec.Struct, frozen=True, tag=True):
    """What it would say on an admin port of its own."""

    ready: bool
    reason: str | None
    metrics: str


ASK: Final = b"\n"
Told = Serving | Failed | State
_encoder = msgspec.json.Encoder()
decode_orders = msgspec.json.Decoder(Orders).decode
decode_told = msgspec.json.Decoder(Told).decode


def line(message: Orders | Told) -> bytes:
    return _encoder.encode(message) + b"\n"
