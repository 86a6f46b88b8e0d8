"""The connections of a listener, whatever they speak: HTTP, or the stream that a proxy changes to."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from tyrex_pool.server.http.unread import Unread


class Peer(Protocol):
    """A connection of whatever protocol, as its listener uses it. `limit` bounds a body in bytes and may change."""

    limit: int

    def finish(self, last_call: float = 0.0) -> None:
        """Close when all requests are answered that have come whole, at the latest within `last_call` seconds."""
        ...

    def sweep(self, now: float) -> None:
        """Close it if the client has been silent, or slow to send, for too long. `now` in `monotonic()` seconds."""
        ...

    def close(self) -> None:
        """Close now, without waiting for answers; what was written is still sent."""
        ...

    def abort(self) -> None:
        """Close now, and drop what the client has not read."""
        ...


MakeStream = Callable[[asyncio.Transport, int, set[Peer], Unread, bytes], Peer]
"""Makes the peer that takes a transport over from HTTP: of the transport, the limit of bodies, where to register, and
where to report what waits to be read."""
