"""The stream between a proxy and a server behind it: many evals over one connection, answered in any order.

It begins as HTTP/1.1 (`Upgrade: tyrex-stream`); after the 101 both sides send frames:

    length of the content (4 bytes, big-endian) | number (4 bytes) | content (MessagePack)

To the server:    an Order with a new number; a number alone (length 0): nobody waits for that eval any more
From the server:  a RemoteAnswer with its order's number; the number 0 alone: the server is about to end, send no more

Versions: the proxy offers the highest that it speaks, and the server answers with the lower of the two; who names none
speaks 1. A proxy sends a server no eval that needs a later version than they agreed on.

    1  everything but the following
    2  requests may have `inputs` and `ifEpoch`

Why not plain HTTP: docs/decisions/0006-a-stream-to-each-runtime.md.
"""

import re
import struct
from typing import Final

import msgspec

from tyrex_pool.model import names
from tyrex_pool.model.wire import CallRequest, EvalRequest

PROTOCOL: Final = "tyrex-stream"
GOODBYE: Final = 0
"""The number of no eval."""
HEADER: Final = struct.Struct(">II")
"""Length and number."""
VERSION: Final = 2
_VERSION_LINE: Final = f"{names.HEADER_STREAM}: %d\r\n"
_REQUEST: Final = (
    f"GET {names.PATH_STREAM} HTTP/1.1\r\nHost: %s\r\n{_VERSION_LINE % VERSION}"
    f"Connection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n\r\n"
)
_OFFER: Final = f"\r\nUpgrade: {PROTOCOL}\r\n".encode()
_START: Final = f"GET {names.PATH_STREAM} HTTP/1.1\r\n".encode()
_OFFERED: Final = re.compile(rb"\r\n%b: ([1-9][0-9]{,3})\r\n" % names.HEADER_STREAM.encode())
ACCEPTED_1: Final = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n\r\n".encode()
ACCEPTED: Final = ACCEPTED_1[:-2] + (_VERSION_LINE % VERSION).encode() + b"\r\n"
"""The answers of a server that accepts version 1, and the present one; any other answer is a refusal."""
ACCEPTANCES: Final = {ACCEPTED_1: 1, ACCEPTED: VERSION}


class Order(msgspec.Struct, array_like=True, gc=False):
    """An eval as it was requested. `timeout_ms` is the time left to its deadline; `queue` is how many evals may wait
    there, None for as many as the server's manifest says; `trace` is as `model.trace_context` has it."""

    path: bytes
    content_type: bytes
    timeout_ms: int
    queue: int | None
    trace: bytes
    body: bytes


class RemoteAnswer(msgspec.Struct, array_like=True, gc=False):
    """The answer to an eval: the `name` of the outcome, and the HTTP answer, whose head is `start` and `more`, whole
    header lines. `load` is how many evals the server has now; an `epoch` of 0: no runtime had this eval. `cpu`: its CPU
    seconds, negative where they are not known; earlier servers do not send them."""

    name: str
    epoch: int
    load: int
    start: bytes
    more: bytes
    body: bytes
    cpu: float = -1.0


encode: Final = msgspec.msgpack.Encoder().encode
decode_order: Final = msgspec.msgpack.Decoder(Order).decode
decode_answer: Final = msgspec.msgpack.Decoder(RemoteAnswer).decode
UNREADABLE: Final = (msgspec.DecodeError, RecursionError)
"""The exceptions of the two decoders."""


def handshake(host: str) -> bytes:
    """The request that asks for a stream."""
    return (_REQUEST % host).encode()


def is_handshake(request: bytes) -> bool:
    """Whether `request` is one that `handshake` wrote."""
    return request.startswith(_START) and _OFFER in request and request.endswith(b"\r\n\r\n")


def acceptance(request: bytes) -> bytes:
    """The answer of a server that accepts a handshake: in the version that both sides speak."""
    offered = _OFFERED.search(request)
    return ACCEPTED_1 if offered is None or int(offered[1]) < VERSION else ACCEPTED


def version_for(work: EvalRequest | CallRequest) -> int:
    """The version that a server must speak to be sent this request."""
    if work.console or work.if_epoch is not None or (isinstance(work, EvalRequest) and work.inputs is not None):
        return VERSION
    return 1


def frame(number: int, content: bytes = b"") -> bytes:
    """The frame of an order, an answer or, without content, of a mere number."""
    return HEADER.pack(len(content), number) + content


Content = bytes | memoryview | None
"""Of a frame; None if it was too long. Content that arrived in pieces is not copied until it is decoded."""


class Frames:
    """Cuts a stream into frames; the content of one that is longer than `longest` bytes is skipped."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._held = bytearray()
        self._wanted = HEADER.size
        self._skip = 0

    def feed(self, data: bytes) -> list[tuple[int, Content]]:
        """Number and content of each frame that is complete now; the content of one that was too long is None."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            held, self._held = self._held, bytearray()
            return self._cut(memoryview(held))  # usually large: it is copied when it is decoded
        return self._cut(data)

    def _cut(self, data: bytes | memoryview) -> list[tuple[int, Content]]:
        frames: list[tuple[int, Content]] = []
        at, size = 0, len(data)
        self._wanted = HEADER.size
        while size - at >= HEADER.size:
            length, number = HEADER.unpack_from(data, at)
            end = at + HEADER.size + length
            if length > self.longest:
                frames.append((number, None))
                self._skip = max(0, end - size)
            elif end > size:
                self._wanted = end - at
                break
            else:
                frames.append((number, data[at + HEADER.size : end]))
            at = min(end, size)
        if at < size:
            self._held += data[at:]
        return frames
