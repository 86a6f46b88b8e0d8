"""Frames on their way out, from either end of a stream: those of one turn of the event loop leave in one write."""

import asyncio
import socket
from typing import Any

from tyrex_pool.model.frames import HEADER

_LARGE = 65_536
"""Bytes of a content that goes at once: it gains nothing from company, and whether the peer reads is known sooner."""
_HIGH = 1 << 20
"""Bytes that may wait for the peer to read them before we are told to pause: many evals share the connection."""
_SILENT, _AGAIN, _TIMES = 30, 10, 3
"""Seconds of silence after which the kernel asks whether the peer is there, seconds between two tries, and tries."""


class FrameWriter:
    """Writes to `transport`, which it does not own."""

    def __init__(self, transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._frames: list[bytes] = []

    def add(self, number: int, content: bytes = b"", at_once: bool = False) -> None:
        """Send a frame in this turn of the loop; `at_once`: no other is to be expected in it."""
        frames = self._frames
        if len(content) >= _LARGE:
            self.flush()
            if not self._transport.is_closing():
                self._transport.writelines((HEADER.pack(len(content), number), content))
            return
        frames.append(HEADER.pack(len(content), number) + content)
        if at_once:
            self.flush()
        elif len(frames) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what there is; on a connection that ends there is nobody to send it to."""
        frames = self._frames
        if frames:
            if not self._transport.is_closing():
                self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
            frames.clear()


def prepare(transport: asyncio.WriteTransport) -> None:
    """Make a connection fit for a stream: many evals share what may wait to be written, and it may be silent for long.

    Of the latter the kernel keeps firewalls from thinking that it is unused, and notices a peer whose machine is gone.
    """
    transport.set_write_buffer_limits(high=_HIGH)
    connection: Any = transport.get_extra_info("socket")
    if connection is None or connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", _SILENT), ("TCP_KEEPINTVL", _AGAIN), ("TCP_KEEPCNT", _TIMES)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
