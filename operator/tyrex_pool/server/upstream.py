"""A stream to a server that runs evals, from the proxy's side: many evals at once, answered in any order."""

import asyncio
import contextlib
import socket
from typing import Any, Protocol, cast

import msgspec

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.frames import ACCEPTED, GOODBYE, Answer, Frames, Order, decode_answer, encode, handshake
from tyrex_pool.server.discovery import Endpoint
from tyrex_pool.server.messages import Request
from tyrex_pool.server.outbox import Outbox

_LONGEST = 1 << 30
"""Bytes of an answer; the server has a limit of its own, which is stricter."""
_LAST_NUMBER = (1 << 32) - 1


class Owner(Protocol):
    """Who hears what becomes of a stream."""

    def answered(self, upstream: "Upstream", ticket: Ticket, answer: Answer) -> None: ...
    def leaving(self, upstream: "Upstream") -> None:
        """The server takes no more on this stream; what it has is still answered."""
        ...

    def lost(self, upstream: "Upstream", tickets: list[Ticket]) -> None:
        """The connection is gone, and with it the answers to `tickets`."""
        ...


class Upstream(asyncio.Protocol):
    """`behind` is the owner's: which runtime it leads to. `opened` is done when the server has accepted, `gone` is true
    when the connection is."""

    def __init__(self, host: str, owner: Owner, behind: Any) -> None:
        loop = asyncio.get_running_loop()
        self.behind = behind
        self.opened: asyncio.Future[None] = loop.create_future()
        self._host = host
        self._owner = owner
        self._tickets: dict[int, Ticket] = {}
        self._number = GOODBYE
        self._frames = Frames(_LONGEST)
        self._greeting = b""
        self._greeted = False
        self._leaving = False
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._out = Outbox(self._transport, asyncio.get_running_loop())
        _keep_alive(transport.get_extra_info("socket"))
        self._transport.write(handshake(self._host))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("it closed the connection"))
        self.gone = True
        tickets = list(self._tickets.values())
        self._tickets.clear()
        self._owner.lost(self, tickets)

    def __len__(self) -> int:
        """The evals that are not answered yet."""
        return len(self._tickets)

    def send(self, ticket: Ticket, timeout_ms: int, queue: int | None) -> None:
        """Send what `ticket` came with; the answer goes to the owner. `queue`: see Order."""
        request: Request = ticket.request
        head = request.head
        self._number = number = self._number % _LAST_NUMBER + 1
        self._tickets[number] = ticket
        ticket.carrier = (self, number)
        order = Order(head.path, head.content_type, timeout_ms, queue, ticket.trace, request.body)
        self._out.add(number, encode(order), at_once=len(self._tickets) == 1)

    def forget(self, number: int) -> None:
        """Nobody waits for that eval any more: tell the server, which drops what has not started."""
        if self._tickets.pop(number, None) is not None:
            self._out.add(number)
            self._close_if_done()

    # What comes back

    def data_received(self, data: bytes) -> None:
        if not self._greeted:
            data = self._greet(data)
        for number, content in self._frames.feed(data):
            ticket = self._tickets.pop(number, None)
            if ticket is not None:
                try:
                    answer = decode_answer(content or b"")
                except msgspec.DecodeError:
                    self._tickets[number] = ticket
                    return self.close()
                self._owner.answered(self, ticket, answer)
            elif number == GOODBYE:
                self._leaving = True
                self._owner.leaving(self)
        if self._leaving:
            self._close_if_done()

    def _greet(self, data: bytes) -> bytes:
        """The frames after the server's acceptance."""
        self._greeting += data
        if self._greeting.startswith(ACCEPTED):
            self._greeted = True
            if not self.opened.done():
                self.opened.set_result(None)
            return self._greeting[len(ACCEPTED) :]
        if not ACCEPTED.startswith(self._greeting):
            if not self.opened.done():
                self.opened.set_exception(ConnectionRefusedError("it does not answer as a pool's server does"))
            self.close()
        return b""

    # The end

    def leave(self) -> None:
        """Send no more; close when all is answered."""
        self._leaving = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._leaving and not self._tickets:
            self._out.flush()
            self._transport.close()

    def close(self) -> None:
        self._transport.abort()


def _keep_alive(connection: socket.socket | None) -> None:
    """Let the kernel notice a peer whose machine is gone: a stream may be silent for long."""
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


async def connect(endpoint: Endpoint, owner: Owner, behind: Any) -> Upstream:
    """Open a stream. Raises OSError."""
    loop = asyncio.get_running_loop()

    def make() -> Upstream:
        return Upstream(endpoint.name, owner, behind)

    if endpoint.socket is not None:
        transport, upstream = await loop.create_unix_connection(make, endpoint.socket)
    else:
        transport, upstream = await loop.create_connection(make, endpoint.host, endpoint.port)
    try:
        await upstream.opened
    except BaseException:
        transport.abort()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await upstream.opened
        raise
    return upstream
