"""The tickets of servers: an eval with the request that asked for it."""

from typing import Protocol

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.server.http.messages import Request


class Carrier(Protocol):
    """A stream to another server, which has evals of ours."""

    def leave(self) -> None:
        """Send no more evals; close the stream when all are answered."""
        ...

    def forget(self, number: int) -> None:
        """Tell the other server that nobody waits for the eval of that number any more."""
        ...


class ServerTicket(Ticket):
    """An eval that came over HTTP or over a stream. Its creator sets `request`.

    `parent` is the `traceparent` header of a request with a trace. `sent_on` belongs to RemotePool: the stream and the
    number with which another server has the eval.
    """

    __slots__ = ("parent", "request", "sent_on")
    parent: bytes
    request: Request
    sent_on: tuple[Carrier, int] | None
