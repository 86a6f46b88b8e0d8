"""The protocol of the pipe to an isolate, without I/O: messages to lines of bytes and back.

To the isolate:    ["tag", secret, secret, "log token", concurrency, result limit, buffer limit]     the first line
                   [nonce, nonce, number, "id", "js" | "ts" | "call", start before (ms, 0: none), "code", [args]]
From the isolate:  tag status json            status: started, ready, failed (with the first line's tag),
                                              result, error, declined, overfull (with an eval's)

An eval's tag is its two nonces, each XOR its secret. The secrets arrive before any guest code runs, and tags only
leave the isolate: so code that managed to read orders (a worker thread can open descriptors) could not forge a reply.
Orders are numbered without gaps: the isolate notices a missing one, which other code must have read.
`tests/contract/channel.json` has examples that both sides are tested with.
"""

import os
import struct
from typing import NamedTuple

import msgspec

from tyrex_pool.model.wire import CallRequest, EvalRequest, encode_json

_PAIRS_PER_FILL = 256
_encode = msgspec.json.encode


class Nonces:
    """Random pairs of 32 bits, and the tags of their replies; generated many at a time."""

    def __init__(self) -> None:
        self.tag = os.urandom(8).hex()
        self.secrets = struct.unpack("<2I", os.urandom(8))
        self._ready: list[tuple[bytes, bytes]] = []

    def take(self) -> tuple[bytes, bytes]:
        """The next nonces, and the tag of their reply."""
        if not self._ready:
            secret_high, secret_low = self.secrets
            self._ready = [
                (b"%d,%d" % (high, low), b"%d-%d" % (high ^ secret_high, low ^ secret_low))
                for high, low in _PAIR.iter_unpack(os.urandom(_PAIR.size * _PAIRS_PER_FILL))
            ]
        return self._ready.pop()


_PAIR = struct.Struct("<2I")


class IsolateLimits(NamedTuple):
    """Limits that the isolate enforces itself: concurrent evals, bytes of a result and of buffers outside the heap."""

    concurrency: int
    result: int
    buffers: int


def hello(nonces: Nonces, log_token: str, limits: IsolateLimits) -> bytes:
    """The first line."""
    return _encode([nonces.tag, *nonces.secrets, log_token, *limits]) + b"\n"


def order(nonces: bytes, number: int, eval_id: bytes, work: EvalRequest | CallRequest, start_before: float) -> bytes:
    """The line that asks for an eval; `start_before` in ms of the isolate's clock, 0 for no bound."""
    bound = b"%.3f" % start_before if start_before else b"0"
    if isinstance(work, CallRequest):
        rest = b"%b,%b" % (_encode(work.function), encode_json(work.args))
        return b'[%b,%d,"%b","call",%b,%b]\n' % (nonces, number, eval_id, bound, rest)
    return b'[%b,%d,"%b",%b,%b,%b]\n' % (nonces, number, eval_id, _KINDS[work.language], bound, _encode(work.code))


_KINDS = {"javascript": b'"js"', "typescript": b'"ts"'}


Reply = list[bytes]
"""A tag, a status and a payload."""


class ProtocolError(Exception):
    """The isolate sent something else than this protocol: it cannot be trusted any more."""


class Replies:
    """Parses the bytes from an isolate into replies; a line may have up to `longest` bytes.

    `feed` raises ProtocolError for a line without the three parts or longer than that.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Reply]:
        if self._held or not data.endswith(b"\n"):
            self._held += data
            if len(self._held) > self._longest and b"\n" not in data:
                raise ProtocolError("a reply is longer than limits.result allows")
            end = data.rfind(b"\n") + 1
            if not end:
                return []
            end += len(self._held) - len(data)
            data = bytes(self._held[:end])
            del self._held[:end]
        lines = data.split(b"\n")
        lines.pop()
        replies = [line.split(b" ", 2) for line in lines]
        for reply in replies:
            if len(reply) != 3:
                raise ProtocolError("a line is not a reply")
        return replies
