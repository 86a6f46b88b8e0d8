"""Frames on their way out: those of one turn of the event loop leave together, in one write."""

import asyncio

from tyrex_pool.model.frames import HEADER


class Outbox:
    """Writes to `transport`, which it does not own."""

    def __init__(self, transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._frames: list[bytes] = []

    def add(self, number: int, content: bytes = b"", at_once: bool = False) -> None:
        """Send a frame in this turn of the loop; `at_once`: no other is to be expected in it."""
        frames = self._frames
        frames.append(HEADER.pack(len(content), number) + content)
        if at_once:
            self.flush()
        elif len(frames) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what there is."""
        frames = self._frames
        if frames:
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
            frames.clear()
