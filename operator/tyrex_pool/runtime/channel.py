"""The supervisor's side of the pipe to an isolate, without the pipe: lines to bytes and back.

To the isolate:    ["nonce", "log token", concurrency, result limit, buffer limit]          the first line
                   ["nonce", "id", "js" | "ts" | "call", start before (ms, 0: none), "code", [args]]
From the isolate:  nonce status json          status: started, ready, failed (with the first line's nonce),
                                              result, error, declined, overfull (with an eval's)
`tests/contract/channel.json` has examples that both sides are tested with.
"""

import os
from typing import NamedTuple

import msgspec

from tyrex_pool.model.wire import CallRequest, EvalRequest, encode_json

NONCE_LENGTH = 16
_NONCES_PER_FILL = 256
_encode = msgspec.json.encode


class Nonces:
    """Random tags of 64 bits that a guest cannot guess; the system is asked for many at a time."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0

    def take(self) -> bytes:
        if self._at == len(self._text):
            self._text = os.urandom(_NONCES_PER_FILL * NONCE_LENGTH // 2).hex()
            self._at = 0
        start = self._at
        self._at = start + NONCE_LENGTH
        return self._text[start : self._at].encode()


class Limits(NamedTuple):
    """What the isolate enforces itself: evals at a time, bytes of a result, bytes of buffers outside the heap."""

    concurrency: int
    result: int
    buffers: int


def hello(nonce: bytes, log_token: str, limits: Limits) -> bytes:
    """The first line."""
    return _encode([nonce.decode(), log_token, *limits]) + b"\n"


def order(nonce: bytes, eval_id: bytes, work: EvalRequest | CallRequest, start_before: float) -> bytes:
    """The line that asks for an eval; `start_before` in ms of the isolate's clock, 0 for no bound."""
    bound = b"%.3f" % start_before if start_before else b"0"
    if isinstance(work, CallRequest):
        rest = b"%b,%b" % (_encode(work.function), encode_json(work.args))
        return b'["%b","%b","call",%b,%b]\n' % (nonce, eval_id, bound, rest)
    return b'["%b","%b",%b,%b,%b]\n' % (nonce, eval_id, _KINDS[work.language], bound, _encode(work.code))


_KINDS = {"javascript": b'"js"', "typescript": b'"ts"'}


class Reply(NamedTuple):
    nonce: bytes
    status: bytes
    payload: bytes


class ProtocolError(Exception):
    """What came is not of this protocol: the isolate cannot be trusted any more."""


class Replies:
    """Cuts what the isolate sends into replies; a line may grow to `longest` bytes.

    `feed` raises ProtocolError for a line without the three parts or longer than that.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held = b""

    def feed(self, data: bytes) -> list[Reply]:
        if self._held:
            data = self._held + data
        lines = data.split(b"\n")
        self._held = lines.pop()
        if len(self._held) > self._longest:
            raise ProtocolError("a reply is longer than limits.result allows")
        try:
            return [Reply(*line.split(b" ", 2)) for line in lines]
        except TypeError:
            raise ProtocolError("a line is not a reply") from None
