"""A stream to a server that runs evals, from the proxy's side: many evals at once, answered in any order."""

import asyncio
from typing import Any, Protocol, cast

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.frames import (
    ACCEPTED,
    GOODBYE,
    UNREADABLE,
    Frames,
    Order,
    RemoteAnswer,
    decode_answer,
    encode,
    handshake,
)
from tyrex_pool.server.http.frame_writer import FrameWriter, prepare
from tyrex_pool.server.http.messages import Request
from tyrex_pool.server.remote.discovery import Endpoint

_LONGEST = 1 << 30
"""Bytes of an answer; the server has a limit of its own, which is stricter."""
_LAST_NUMBER = (1 << 32) - 1


class Owner(Protocol):
    """Who hears what becomes of a stream."""

    def answered(self, upstream: "Upstream", ticket: Ticket, answer: RemoteAnswer) -> None: ...
    def writable(self, upstream: "Upstream") -> None:
        """It is not `full` any more."""
        ...

    def leaving(self, upstream: "Upstream") -> None:
        """Nothing more is to be sent on this stream; what the server has may still be answered."""
        ...

    def lost(self, upstream: "Upstream", tickets: list[Ticket]) -> None:
        """The connection is gone, and with it the answers to `tickets`."""
        ...


class Upstream(asyncio.Protocol):
    """`runtime` is the runtime that it leads to. `opened` is done when the server has accepted. While it is
    `full` (the server does not read), and once it is `ending`, nothing is to be sent."""

    def __init__(self, host: str, owner: Owner, runtime: Any) -> None:
        loop = asyncio.get_running_loop()
        self.runtime = runtime
        self.opened: asyncio.Future[None] = loop.create_future()
        self._host = host
        self._owner = owner
        self._tickets: dict[int, Ticket] = {}
        self._number = GOODBYE
        self._frames = Frames(_LONGEST)
        self._greeting = b""
        self._greeted = False
        self.full = False
        self.ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._out = FrameWriter(self._transport, asyncio.get_running_loop())
        prepare(self._transport)
        self._transport.write(handshake(self._host))

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("it closed the connection"))
        self.ending = True
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
        number = self._number % _LAST_NUMBER + 1
        while number in self._tickets:  # that eval was there before all numbers were used once
            number = number % _LAST_NUMBER + 1
        self._number = number
        self._tickets[number] = ticket
        ticket.sent_on = (self, number)
        order = Order(head.path, head.content_type, timeout_ms, queue, ticket.trace, request.body)
        self._out.add(number, encode(order), at_once=len(self._tickets) == 1)

    def forget(self, number: int) -> None:
        """Nobody waits for that eval any more: tell the server, which drops what has not started."""
        if self._tickets.pop(number, None) is not None:
            self._out.add(number)
            self._close_if_done()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._owner.writable(self)

    # What comes back

    def data_received(self, data: bytes) -> None:
        if not self._greeted:
            data = self._greet(data)
        for number, content in self._frames.feed(data):
            ticket = self._tickets.pop(number, None)
            if ticket is not None:
                try:
                    answer = decode_answer(content or b"")
                except UNREADABLE:
                    self._tickets[number] = ticket  # lost with the others
                    return self.close()
                self._owner.answered(self, ticket, answer)
            elif number == GOODBYE:
                self._end()
        if self.ending:
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
            self._fail(ConnectionRefusedError("it does not answer as a pool's server does"))
            self.close()
        return b""

    def _fail(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # who opens it may have left: then nobody asks for this

    # The end

    def leave(self) -> None:
        """Send no more; close when all is answered."""
        self._end()
        self._close_if_done()

    def _end(self) -> None:
        self.ending = True
        self._owner.leaving(self)

    def _close_if_done(self) -> None:
        if self.ending and not self._tickets:
            self._transport.abort()  # to a server that does not read, a polite end would take for ever

    def close(self) -> None:
        """Close now; what is not answered is lost."""
        self._end()
        self._transport.abort()


async def connect(endpoint: Endpoint, owner: Owner, runtime: Any) -> Upstream:
    """Open a stream that can be used at once. Raises OSError."""
    loop = asyncio.get_running_loop()

    def make() -> Upstream:
        return Upstream(endpoint.name, owner, runtime)

    if endpoint.socket is not None:
        transport, upstream = await loop.create_unix_connection(make, endpoint.socket)
    else:
        transport, upstream = await loop.create_connection(make, endpoint.host, endpoint.port)
    try:
        await upstream.opened
        if upstream.ending:
            raise ConnectionResetError("it ended the stream at once")
    except BaseException:
        transport.abort()
        raise
    return upstream
