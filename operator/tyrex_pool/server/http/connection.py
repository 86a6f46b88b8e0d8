"""One client of the HTTP server, on a bare asyncio protocol: one answer at a time, in the order of the requests.

    IDLE ──a request──► BUSY ──respond──► IDLE        from both: ──close, or the client leaves──► CLOSING

The hot path has no task, no stream and no dictionary of headers, and a head that came before is not parsed again. A
connection handles one request at a time, and none while its client has not taken the answer before: so no more than
one answer waits to be read. Pipelined requests wait for their turn, and reading pauses when too many do. One request in
parts (`in_parts.py`) is answered while its body comes; it is in hand until both have ended.

A client that sends no more may have left, or wait for its answers (half-close): to its server both look alike until it
is sent something. So the first bytes of the answer, which are always the same, go out at once. The system of a client
that has left refuses them.
"""

import asyncio
import logging
from enum import Enum
from time import monotonic
from typing import cast

from tyrex_pool.model.errors import InvalidRequest, NoRuntime, TyrexError
from tyrex_pool.model.frames import acceptance, is_handshake
from tyrex_pool.server.http.date import DATE
from tyrex_pool.server.http.head_cache import END, HeadCache
from tyrex_pool.server.http.in_parts import PartedRequest
from tyrex_pool.server.http.intake import Intake
from tyrex_pool.server.http.messages import Head, Request, error_answer, mistake, too_slow
from tyrex_pool.server.http.parser import BETWEEN, ENDED, Event, ParsedRequest, RequestParser, Streamed
from tyrex_pool.server.http.peer import MakeStream, Peer
from tyrex_pool.server.http.policy import ANY_HOST, Policy
from tyrex_pool.server.http.routes import InParts, Pending, Routes, head_handler, no_route
from tyrex_pool.server.http.sockets import broken, reset, unsent
from tyrex_pool.server.http.unfinished import Unfinished
from tyrex_pool.server.http.unread import Unread

log = logging.getLogger("tyrex_pool")

EARLY = b"HTTP/1.1 "
"""The first bytes of every answer."""
FIRST_LOOK, LONGEST_LOOK = 0.001, 0.1
"""Seconds between two looks whether a client that half-closed is still there; they double each time."""
LARGE = 65_536
"""Bytes of a body that is not joined with its head: while large bodies wait to be read, such copies of others leave
holes between them, and the memory of the process grows to twice what waits."""
IDLE_SECONDS = 75.0
"""Seconds after which a silent connection is closed."""
SLOWEST = 30.0
"""Seconds that a client may take to send one request."""
LINGER = 1.0
"""Seconds in which the rest of a refused body is read, so that the client reads the answer instead of a reset."""
LAST_CALL = 1.0
"""Seconds in which a server that ends still answers on a connection that is idle: a request may be on its way, and to
its client a connection that is closed then looks like an answer that was lost."""
_ENDS = "the server ends: this and what comes after it was not accepted; send it again"


class ConnectionState(Enum):
    IDLE = "no request is in hand"
    BUSY = "a handler has a request that is not answered yet"
    CLOSING = "nothing more is read or answered"


IDLE, BUSY, CLOSING = ConnectionState
"""By name, since looking a member up in its class costs more on the hot path."""


class Connection(asyncio.Protocol):
    """`limit` bounds a body in bytes and may change; the connection registers itself in `peers` while it is open.

    With `streams` a client may change from HTTP to one of those. `policy` says which requests are refused.
    """

    __slots__ = (
        "_early", "_finishing", "_half_closed", "_head", "_heads", "_intake", "_loop", "_parser", "_peers", "_pending",
        "_routes", "_since", "_state", "_stopping", "_streams", "_taking", "_transport", "_unread", "_waiting",
        "writable",
    )  # fmt: skip

    def __init__(
        self,
        routes: Routes,
        heads: HeadCache,
        limit: int,
        peers: set[Peer],
        unread: Unread,
        loop: asyncio.AbstractEventLoop,
        streams: MakeStream | None = None,
        policy: Policy = ANY_HOST,
        unfinished: Unfinished | None = None,
        streamed: Streamed = frozenset(),
    ) -> None:
        self._routes = routes
        self._heads = heads
        self._peers = peers
        self._unread = unread
        self._streams = streams
        self._loop = loop
        self._parser = RequestParser(limit, policy, streamed)
        self._intake = Intake(self._parser, Unfinished() if unfinished is None else unfinished, self)
        self._waiting = self._intake.waiting
        self._state = IDLE
        self._head: Head
        """Of the request in hand."""
        self._pending: Pending | None = None
        self._finishing = self._half_closed = self._stopping = False
        self._early = 0
        """Bytes of the answer to the request in hand that went out before it."""
        self._taking = False
        """Whether the next request begins when a client that half-closed has taken the answer before."""
        self.writable = True
        """Whether the client has read all that was sent."""
        self._since = monotonic()

    @property
    def limit(self) -> int:
        return self._parser.limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._parser.limit = limit

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._intake.transport = self._transport
        self._transport.set_write_buffer_limits(0)  # `pause_writing` as soon as anything waits to be read
        self._peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        self._unread.done(self)
        self._state = CLOSING
        self._intake.close()
        if self._pending is not None:
            self._pending.abandon()
            self._pending = None

    def eof_received(self) -> bool:
        """Keep the connection while an answer is owed."""
        if self._state is CLOSING:
            return False
        self._finishing = self._half_closed = True
        if self._parser.reading:
            self._intake.give_up(*error_answer(InvalidRequest("the connection ended before the request did")))
        if self._state is BUSY and not isinstance(self._pending, PartedRequest):  # the answer has not begun
            self._early = len(EARLY)
            self.send(EARLY)
        elif self._state is not BUSY and not (self._waiting or self._intake.refusal):
            return False
        self._watch(FIRST_LOOK)
        return True

    def _watch(self, pause: float) -> None:
        """See whether a client that half-closed is still there, and whether it has taken the answer before."""
        if self._state is CLOSING:
            return None
        if broken(self._transport):
            return self._transport.abort()
        if self._taking and unsent(self._transport) == 0:
            self._taking = False
            self._state = IDLE
            self.next()
            pause = FIRST_LOOK
        self._loop.call_later(pause, self._watch, min(2 * pause, LONGEST_LOOK))

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._since = monotonic()
        self._unread.done(self)
        if isinstance(self._pending, PartedRequest):
            self._pending.resume()
        self.next()

    def data_received(self, data: bytes) -> None:
        if self._state is IDLE and self._parser.state is BETWEEN and self.writable and not self._waiting:
            end = data.find(END) + 4
            head, trace = self._heads.get(data[:end]), b""
            if head is None and end > 3:
                head, trace = self._heads.traced(data[:end])
            if head is not None and head.length == len(data) - end and head.length <= self._parser.limit:
                self._handle(Request(head, data[end:], monotonic(), trace))
                return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Give `data`, which is more, less or something else than a request whose head came before, to the parser."""
        parser = self._parser
        if self._state is CLOSING or parser.state is ENDED:
            return None
        whole = parser.state is BETWEEN
        if whole and self._streams is not None and self._free() and not self._waiting and is_handshake(data):
            return self._switch(self._streams, acceptance(data))
        now = monotonic()
        events = parser.feed(data, now)
        if whole and len(events) == 1 and parser.state is BETWEEN:
            self._learn(data, events[0])
        for event in events:
            if self._state is CLOSING:
                break
            self._intake.take(event)
        if self._state is not CLOSING:
            self._intake.pace()
            if self._intake.parted is not None:
                self._since = now

    def _learn(self, data: bytes, event: Event) -> None:
        if isinstance(event, ParsedRequest) and event.cacheable:
            self._heads.learn(data, event.request)

    def _switch(self, streams: MakeStream, accepted: bytes) -> None:
        """Let a stream take over the transport, which begins with `accepted`."""
        self._state = CLOSING
        self._peers.discard(self)
        stream = streams(self._transport, self.limit, self._peers, self._unread, accepted)
        self._parser.close()
        if self._finishing:
            stream.finish(LAST_CALL)

    # Requests and answers

    def _free(self) -> bool:
        """Whether a request may be handled now."""
        return self._state is IDLE and self.writable

    def next(self) -> None:
        """Handle requests for as long as each is answered at once; a refusal comes after them."""
        intake = self._intake
        while self._waiting and self._free():
            request = intake.pop()
            if isinstance(request, PartedRequest):
                self._begin(request)
            else:
                self._handle(request)
        if self._state is CLOSING:
            return
        intake.pace()
        if self._free() and intake.refusal is not None:
            refusal, intake.refusal = intake.refusal, None
            self._write(*refusal, last=True)
            self._loop.call_later(LINGER, self.close)

    def pace(self) -> None:
        if self._state is not CLOSING:
            self._intake.pace()

    def _handle(self, request: Request) -> None:
        self._state = BUSY
        self._head = request.head
        try:
            handler = self._routes[request.head.path][request.head.method]
        except KeyError:
            found = head_handler(self._routes, request.head)
            if found is None:
                return self.respond(*no_route(self._routes, request.head))
            handler = found
        try:
            pending = handler(self, request)
        except TyrexError as error:
            self.respond(*error_answer(error))
        except Exception:  # a mistake of ours costs one answer, not the connection
            log.exception("the handler of %s failed", request.head.path)
            self.respond(*error_answer(mistake()))
        else:
            if self._state is BUSY:
                self._pending = pending

    def _begin(self, request: PartedRequest) -> None:
        """Let the handler of a request in parts start its answer."""
        self._state = BUSY
        self._head = request.head
        self._pending = request
        handler = self._routes[request.head.path][request.head.method]
        assert isinstance(handler, InParts)
        try:
            request.begin(handler.begin)
        except TyrexError as error:
            if request.whole:
                return self.respond(*error_answer(error))
            self._state, self._pending = IDLE, None
            return self._intake.give_up(*error_answer(error))
        if self._stopping:
            self.finish()

    def respond(self, start: bytes, body: bytes) -> None:
        """Send the answer to the request in hand; `start` is whole header lines, the body's length is added."""
        if self._state is CLOSING:
            return
        self._state = IDLE
        self._pending = None
        head = self._head
        last = not head.keep_alive or (self._finishing and self._is_last())
        self._write(start, body, b"" if head.method == b"HEAD" else body, last)
        self._go_on(last)

    def answered(self, whole: bool) -> None:
        """The answer in parts has ended; not `whole`: it broke off, and its client may still send."""
        if self._state is CLOSING:
            return
        self._state = IDLE
        self._pending = None
        if whole:
            head = self._head
            self._go_on(not (head.keep_alive and head.chunks) or (self._finishing and self._is_last()))
        elif self._half_closed:
            self.close()
        else:
            self._transport.write_eof()
            self._loop.call_later(LINGER, self.close)

    def _is_last(self) -> bool:
        """Whether no request waits for its answer."""
        return not self._waiting and self._intake.refusal is None

    def _go_on(self, last: bool) -> None:
        """After an answer."""
        if last:
            self.close()
        elif self._half_closed:  # if it has left, that shows now
            self._state = BUSY
            self._taking = True
        elif self._waiting or self._intake.paused or self._intake.refusal is not None:
            self._loop.call_soon(self.next)
        else:
            self._since = monotonic()

    def _write(self, start: bytes, body: bytes, shown: bytes, last: bool) -> None:
        close = b"Connection: close\r\n" if last else b""
        if self._early:
            start, self._early = start[self._early :], 0
        size = len(shown)
        if size < LARGE:
            self._transport.write(b"%b%bContent-Length: %d\r\n%b\r\n%b" % (start, DATE.line, len(body), close, shown))
        else:
            head = b"%b%bContent-Length: %d\r\n%b\r\n" % (start, DATE.line, len(body), close)
            self._transport.writelines((head, shown))
        if not self.writable:  # not all of it could be sent
            self._unread.wait(self, len(start) + size, monotonic())

    def send(self, *pieces: bytes) -> None:
        """Send a part of the answer in hand, or what comes before it."""
        if self._state is not CLOSING:
            self._since = monotonic()
            self._transport.writelines(pieces)
            if not self.writable:
                self._unread.wait(self, sum(map(len, pieces)), self._since)

    # The end

    def close(self) -> None:
        if self._state is not CLOSING:
            self._state = CLOSING
            self._since = monotonic()
            self._transport.close()

    def abort(self) -> None:
        self._state = CLOSING
        self._transport.abort()

    def left(self) -> int:
        return unsent(self._transport)

    def cut(self) -> None:
        self._state = CLOSING
        reset(self._transport)

    def finish(self, last_call: float = 0.0) -> None:
        """Close when all requests are answered that have come whole, at the latest within `last_call` seconds."""
        self._finishing = True
        if last_call:
            self._loop.call_later(last_call, self.finish)
            return
        self._stopping = True
        if self._intake.parted is not None:
            self._intake.give_up(*error_answer(NoRuntime(_ENDS)))
        elif self._state is IDLE and self._is_last():
            if self._parser.reading:
                self._intake.give_up(*too_slow("the server ends: send the request again"))
            else:
                self.close()

    def sweep(self, now: float) -> None:
        """Close it if the client has been silent, or slow to send, for too long. `Unread` finds those slow to read."""
        if self._state is IDLE and self.writable:
            longest = SLOWEST if self._parser.reading else IDLE_SECONDS
            if now - max(self._since, self._parser.begun_at) <= longest:
                return
            if self._parser.reading:
                self._intake.give_up(*too_slow(f"send a request within {SLOWEST:g} seconds"))
            else:
                self.close()
        elif (parted := self._intake.parted) is not None and parted.idle and now - self._since > IDLE_SECONDS:
            self._intake.give_up(*too_slow(f"send the next line within {IDLE_SECONDS:g} seconds"))
