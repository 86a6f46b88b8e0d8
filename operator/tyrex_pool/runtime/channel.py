"""The protocol of the pipe to an isolate: messages to lines of bytes; `runtime.replies` has the way back.

To the isolate:    ["tag", 4 secrets, "log token", concurrency, result limit, buffer limit]           the first line
                   [nonce, nonce, number, "id", "js" | "ts", start before (ms, 0: none), "code", {inputs}, if any]
                   [nonce, nonce, number, "id", "call", start before (ms, 0: none), "function", [args]]
From the isolate:  tag status json              status: started, ready, failed, spoiled (with the first line's tag),
                                                result, error, declined, overfull (with an eval's)
                   tag:status:length, json, mark    three lines instead, when the json is longer than one write

An eval's tag is its two nonces, each XOR its secret; its mark likewise, with two other secrets. The secrets arrive
before any guest code runs, and tags only leave the isolate: so code that managed to read orders (a worker thread can
open descriptors) could not forge a reply. Orders are numbered without gaps: the isolate notices a missing one, which
other code must have read. docs/decisions/0008-what-evals-leave-behind.md has the attacks that this stops.
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
    """Random pairs of 32 bits, and the tags and marks of their replies; generated many at a time."""

    def __init__(self) -> None:
        self.tag = os.urandom(8).hex()
        self.secrets: tuple[int, int, int, int] = _SECRETS.unpack(os.urandom(_SECRETS.size))
        self._ready: list[tuple[bytes, bytes]] = []

    def take(self) -> tuple[bytes, bytes]:
        """The next nonces, and the tag of their reply."""
        if not self._ready:
            secret_high, secret_low, _, _ = self.secrets
            self._ready = [
                (b"%d,%d" % (high, low), b"%d-%d" % (high ^ secret_high, low ^ secret_low))
                for high, low in _PAIR.iter_unpack(os.urandom(_PAIR.size * _PAIRS_PER_FILL))
            ]
        return self._ready.pop()

    def mark(self, tag: bytes) -> bytes:
        """What ends a long reply with `tag`. Raises ValueError for what is not the tag of an eval."""
        high, low = map(int, tag.split(b"-"))
        tag_high, tag_low, mark_high, mark_low = self.secrets
        return b"%d-%d" % (high ^ tag_high ^ mark_high, low ^ tag_low ^ mark_low)


_PAIR = struct.Struct("<2I")
_SECRETS = struct.Struct("<4I")


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
    code = _encode(work.code)
    if work.inputs is not None:
        code = b"%b,%b" % (code, encode_json(work.inputs))
    return b'[%b,%d,"%b",%b,%b,%b]\n' % (nonces, number, eval_id, _KINDS[work.language], bound, code)


_KINDS = {"javascript": b'"js"', "typescript": b'"ts"'}
