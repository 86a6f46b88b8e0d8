"""A stream to a server that runs evals, from the proxy's side: many evals at once, answered in any order."""

import asyncio
from typing import Generic, Protocol, TypeVar, cast

from tyrex_pool.model.frames import (
    ACCEPTANCES,
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
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.ticket import ServerTicket

_LONGEST = 1 << 30
"""Bytes of an answer; the server has a stricter limit of its own."""
_LAST_NUMBER = (1 << 32) - 1


Runtime = TypeVar("Runtime")


class Owner(Protocol[Runtime]):
    """Is notified of the events of a stream."""

    def answered(self, upstream: "Upstream[Runtime]", ticket: ServerTicket, reply: RemoteAnswer) -> None: ...
    def has_room(self, upstream: "Upstream[Runtime]") -> None:
        """It takes more evals: it is not `full` any more, or has one eval less."""
        ...

    def leaving(self, upstream: "Upstream[Runtime]") -> None:
        """It takes no more evals; those that the server has may still be answered."""
        ...

    def lost(self, upstream: "Upstream[Runtime]", tickets: list[ServerTicket]) -> None:
        """The connection is gone, and with it the answers to `tickets`."""
        ...


class Upstream(asyncio.Protocol, Generic[Runtime]):
    """A stream to `runtime`. `opened` is done when the server has accepted it. While the stream is `full` (the server
    does not read), and once it is `ending`, nothing may be sent; nor what needs a later `version` (`version_for`)."""

    def __init__(self, host: str, owner: Owner[Runtime], runtime: Runtime) -> None:
        loop = asyncio.get_running_loop()
        self.runtime = runtime
        self.opened: asyncio.Future[None] = loop.create_future()
        self._host = host
        self._owner = owner
        self._tickets: dict[int, ServerTicket] = {}
        self._number = GOODBYE
        self._frames = Frames(_LONGEST)
        self._response = b""
        self._accepted = False
        self.version = 1
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
        """The number of evals that are not answered yet."""
        return len(self._tickets)

    def send(self, ticket: ServerTicket, timeout_ms: int, queue: int | None) -> None:
        """Send the request of `ticket`; the answer goes to the owner. `queue`: see Order."""
        request = ticket.request
        head = request.head
        number = self._number % _LAST_NUMBER + 1
        while number in self._tickets:  # that eval is older than a whole round of numbers
            number = number % _LAST_NUMBER + 1
        self._number = number
        self._tickets[number] = ticket
        ticket.sent_on = (self, number)
        order = Order(head.path, head.content_type, timeout_ms, queue, ticket.trace, request.body)
        self._out.add(number, encode(order), at_once=len(self._tickets) == 1)

    def forget(self, number: int) -> None:
        """Tell the server that nobody waits for that eval any more: it drops the eval if it has not started."""
        if self._tickets.pop(number, None) is not None:
            self._out.add(number)
            self._close_if_done()
            self._owner.has_room(self)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._owner.has_room(self)

    # Receiving

    def data_received(self, data: bytes) -> None:
        if not self._accepted:
            data = self._read_response(data)
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

    def _read_response(self, data: bytes) -> bytes:
        """The frames after the server's acceptance."""
        self._response += data
        for accepted, version in ACCEPTANCES.items():
            if self._response.startswith(accepted):
                self._accepted, self.version = True, version
                if not self.opened.done():
                    self.opened.set_result(None)
                return self._response[len(accepted) :]
        if not any(accepted.startswith(self._response) for accepted in ACCEPTANCES):
            self._fail(ConnectionRefusedError("it does not answer as a pool's server does"))
            self.close()
        return b""

    def _fail(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # nobody may await it any more: keep asyncio from logging it

    # The end

    def leave(self) -> None:
        """Send no more evals; close when all are answered."""
        self._end()
        self._close_if_done()

    def _end(self) -> None:
        self.ending = True
        self._owner.leaving(self)

    def _close_if_done(self) -> None:
        if self.ending and not self._tickets:
            self._transport.abort()  # to a server that does not read, `close` would take for ever

    def close(self) -> None:
        """Close now; evals that are not answered are lost."""
        self._end()
        self._transport.abort()


async def connect(endpoint: Endpoint, owner: Owner[Runtime], runtime: Runtime) -> Upstream[Runtime]:
    """Open a stream that can be used at once. Raises OSError."""
    loop = asyncio.get_running_loop()

    def make() -> Upstream[Runtime]:
        return Upstream(endpoint.authority, owner, runtime)

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
