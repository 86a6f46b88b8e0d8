"""The runtime's end of a proxy's stream: orders come in, answers go out in any order."""

import asyncio
import logging
from time import monotonic

from tyrex_pool.dispatch.ticket import Outcome
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.frames import ACCEPTED, GOODBYE, UNREADABLE, Frames, Order, RemoteAnswer, decode_order, encode
from tyrex_pool.server.answers import JSON_HEAD, result_body, timing_lines
from tyrex_pool.server.api import Api
from tyrex_pool.server.http.frame_writer import FrameWriter, prepare
from tyrex_pool.server.http.messages import Head, Request, error_answer, mistake, too_large
from tyrex_pool.server.http.peer import Peer
from tyrex_pool.server.http.sockets import reset, unsent
from tyrex_pool.server.http.unread import Unread
from tyrex_pool.server.requests import read_work
from tyrex_pool.server.telemetry.eval_record import OK
from tyrex_pool.server.ticket import ServerTicket

_FRAME_MORE = 1 << 17
"""Bytes that an order may have besides its body: more than the head of a request may have."""
_HEADS, _LONGEST = 256, 256
"""HeadCache, and bytes of what a caller can make long in one, that are kept for orders like it."""

log = logging.getLogger("tyrex_pool")


class StreamTicket(ServerTicket):
    """An eval that a proxy waits for: `reply_to` is the number of its order."""

    __slots__ = ("reply_to",)
    reply_to: int


class Stream(asyncio.Protocol):
    """Takes over `transport` from an HTTP connection, and registers itself in `peers` while it is open.

    `accepted` is what it writes first.
    """

    def __init__(
        self,
        api: Api,
        transport: asyncio.Transport,
        limit: int,
        peers: set[Peer],
        unread: Unread,
        accepted: bytes = ACCEPTED,
    ) -> None:
        self._api = api
        self._transport = transport
        self._limit = limit
        self._peers = peers
        self._unread = unread
        self._frames = Frames(limit + _FRAME_MORE)
        self._tickets: dict[int, StreamTicket] = {}
        self._heads: dict[tuple[bytes, bytes, int | None], Head] = {}
        self._bound_deliver = self._deliver
        self._writable = True
        self._out = FrameWriter(transport, asyncio.get_running_loop())
        peers.add(self)
        prepare(transport)
        transport.set_protocol(self)
        transport.write(accepted)

    @property
    def limit(self) -> int:
        """Bytes of a body."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._frames.longest = limit + _FRAME_MORE

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        self._unread.done(self)
        tickets, self._tickets = self._tickets, {}
        for ticket in tickets.values():
            self._api.abandon(ticket)

    def pause_writing(self) -> None:
        """The proxy does not read answers: read no more orders until it does."""
        self._writable = False
        self._transport.pause_reading()
        self._unread.wait(self, self._transport.get_write_buffer_size(), monotonic())

    def resume_writing(self) -> None:
        self._writable = True
        self._unread.done(self)
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        arrived = monotonic()
        for number, content in self._frames.feed(data):
            if content:
                try:
                    order = decode_order(content)
                except UNREADABLE:
                    return self.close()
                if number == GOODBYE or number in self._tickets:  # its answer could not be attributed
                    return self.close()
                try:
                    self._take(number, order, arrived)
                except Exception:  # a mistake of ours costs one answer, not all of the stream
                    log.exception("an order for %s failed", order.path)
                    self._refuse(number, mistake())
            elif content is None:
                self._refuse(number, too_large(self._limit))
            elif (ticket := self._tickets.pop(number, None)) is not None:
                self._api.abandon(ticket)

    def _take(self, number: int, order: Order, arrived: float) -> None:
        request = Request(self._head(order), order.body, arrived, order.trace)
        try:
            if len(order.body) > self._limit:
                raise too_large(self._limit)
            work = read_work(request)
        except TyrexError as error:
            return self._refuse(number, error)
        ticket = StreamTicket(work, work.key, arrived, arrived + order.timeout_ms / 1000, self._bound_deliver)
        ticket.reply_to = number
        ticket.request = request
        if order.trace or self._api.traces:
            self._api.begin_trace(ticket, order.trace)
        self._tickets[number] = ticket
        try:
            self._api.pool.submit(ticket)
        except TyrexError as error:
            self._refuse(number, error)
            if self._api.observers:
                self._api.notify(ticket, error)

    def _head(self, order: Order) -> Head:
        """Orders that differ in their bodies only share one Head."""
        kind = (order.path, order.content_type, order.queue)
        head = self._heads.get(kind)
        if head is None:
            head = Head()
            head.method, head.path, head.content_type = b"POST", order.path, order.content_type
            head.queue = None if order.queue is None else b"%d" % order.queue
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            if len(order.path) + len(order.content_type) <= _LONGEST:
                self._heads[kind] = head
        return head

    # Answers

    def _deliver(self, ticket: StreamTicket, outcome: Outcome) -> None:
        slot = ticket.slot
        assert slot is not None
        if isinstance(outcome, bytes):
            name, start, more, body = OK, JSON_HEAD, timing_lines(ticket), result_body(ticket, outcome)
        else:
            assert isinstance(outcome, TyrexError)  # isolates have no other outcome
            start, body = error_answer(outcome)
            name, more = outcome.name, timing_lines(ticket) if ticket.epoch else b""
        number = ticket.reply_to
        self._tickets.pop(number, None)
        answer = RemoteAnswer(name, ticket.epoch, slot.own, start, more, body, ticket.cpu)
        self._send(number, encode(answer), at_once=not self._tickets)
        self._api.metrics.ended(name, ticket)
        if self._api.observers:
            self._api.notify(ticket, outcome)

    def _refuse(self, number: int, error: TyrexError) -> None:
        """RemoteAnswer an order that no runtime gets."""
        self._tickets.pop(number, None)
        self._api.metrics.refused(error.name)
        start, body = error_answer(error)
        self._send(number, encode(RemoteAnswer(error.name, 0, 0, start, b"", body)))

    def _send(self, number: int, content: bytes, at_once: bool = False) -> None:
        if self._writable:
            self._out.add(number, content, at_once)
        elif not self._transport.is_closing():  # evals that had started before end now
            self._out.add(number, content, at_once=True)
            self._unread.wait(self, len(content), monotonic())

    # The end

    def finish(self, last_call: float = 0.0) -> None:
        """Ask the proxy for no more orders: it closes when it has all answers. Orders on their way are answered too."""
        if last_call:
            self._out.add(GOODBYE)

    def sweep(self, now: float) -> None:
        """A stream that is only silent stays open; `Unread` finds those whose answers are not read."""

    def left(self) -> int:
        return unsent(self._transport)

    def cut(self) -> None:
        reset(self._transport)

    def close(self) -> None:
        self._out.flush()
        if self._writable and (size := self._transport.get_write_buffer_size()):
            self._unread.wait(self, size, monotonic())  # or it would wait for ever for a proxy that reads no more
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
