"""Writes the frames of a stream, at either end: those of one turn of the event loop in one system call."""

import asyncio
import socket
from typing import Any

from tyrex_pool.model.frames import HEADER

_LARGE = 65_536
"""Bytes of a content that is written at once: joining it costs a copy, and a peer that does not read shows sooner."""
_HIGH = 1 << 20
"""Bytes that may wait for the peer to read them before the transport calls `pause_writing`: many evals share them."""
_SILENT, _AGAIN, _TIMES = 30, 10, 3
"""TCP keep-alive: seconds of silence before the first probe, seconds between two probes, and their number."""


class FrameWriter:
    """Writes to `transport`, which it does not own."""

    def __init__(self, transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._frames: list[bytes] = []

    def add(self, number: int, content: bytes = b"", at_once: bool = False) -> None:
        """Send a frame in this turn of the loop; `at_once`: now, since no other frame is expected in this turn."""
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
        """Write the collected frames; drop them if the connection is closing."""
        frames = self._frames
        if frames:
            if not self._transport.is_closing():
                self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
            frames.clear()


def prepare(transport: asyncio.WriteTransport) -> None:
    """Set up a connection for a stream: a large write buffer, which many evals share, and TCP keep-alive.

    Keep-alive probes keep firewalls from dropping a silent connection, and detect a peer whose machine is gone.
    """
    transport.set_write_buffer_limits(high=_HIGH)
    connection: Any = transport.get_extra_info("socket")
    if connection is None or connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", _SILENT), ("TCP_KEEPINTVL", _AGAIN), ("TCP_KEEPCNT", _TIMES)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
