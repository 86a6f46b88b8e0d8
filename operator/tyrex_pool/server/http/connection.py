"""HTTP/1.1 on a bare asyncio protocol: requests in, one answer at a time out, in order. Knows nothing of pools.

The hot path has no task, no stream and no dictionary of headers, and a head that came before is not parsed again. A
connection handles one request at a time; pipelined ones wait for their turn, and reading pauses when too many do or
when the client reads too slowly.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Protocol

import httptools

from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidRequest, TyrexError
from tyrex_pool.model.frames import is_handshake
from tyrex_pool.server.http.head_cache import END, HeadCache
from tyrex_pool.server.http.messages import Head, Request, error_answer, mistake, plain_problem, too_large

log = logging.getLogger("tyrex_pool")

PIPELINED = 16
HELD = 65_536
"""Requests of one connection that may wait, and bytes of their bodies, before its reading pauses."""
IDLE = 75.0
"""Seconds after which a silent connection is closed."""
STALLED = 30.0
"""Seconds that a client may take for one request, or for reading one answer."""
LINGER = 1.0
"""Seconds in which the rest of a refused body is read, so that the client sees the answer and not a reset."""
LAST_CALL = 1.0
"""Seconds in which a server that ends still answers on a connection that is idle: a request may be on its way, and
to its client a connection that is closed then looks like an answer that was lost."""
_MAX_HEAD = 65_536
_PLAIN = (b"POST", b"GET")
"""Methods whose requests and answers are framed by their length alone."""


class Pending(Protocol):
    """An answer that comes later."""

    def abandon(self) -> None:
        """The client has left."""
        ...


class Peer(Protocol):
    """A connection of whatever kind, as its listener sees it."""

    limit: int
    """Bytes that a body may have; it may change."""

    def finish(self, last_call: float = 0.0) -> None:
        """Close when all requests are answered that have come, and one that still comes within `last_call` seconds."""
        ...

    def sweep(self, now: float) -> None:
        """Close it if the client has been silent, or slow, for too long."""
        ...

    def close(self) -> None: ...


MakeStream = Callable[[Any, int, set[Peer]], Peer]
"""Takes a transport over from HTTP; told the limit of bodies, and where to register."""
Handler = Callable[["Connection", Request], Pending | None]
"""Answers through `connection.respond`, at once (None) or later (the Pending to abandon)."""
Routes = Mapping[bytes, Mapping[bytes, Handler]]
"""Path → method → handler."""

_HEADERS = {
    b"content-length": "length",
    b"expect": "expect",
    b"content-type": "content_type",
    names.HEADER_KEY.lower().encode(): "key",
    names.HEADER_TIMEOUT.lower().encode(): "timeout_ms",
    names.HEADER_QUEUE.lower().encode(): "queue",
    names.HEADER_TRACE.encode(): "trace",
}


_UPGRADE = re.compile(rb"\r\n(upgrade|http2-settings):", re.IGNORECASE)


def _without_upgrade(data: bytes) -> bytes:
    """A server may ignore an offer to upgrade (RFC 9110, 7.8), but the parser would stop at it."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-ignored:", head) + end + rest


class Connection(asyncio.Protocol):
    """One client. `limit` bounds a body in bytes and may change; `peers` is where it registers itself.

    With `streams` a client may go on with one of those.
    """

    __slots__ = (
        "_between", "_busy", "_chunks", "_closing", "_expects", "_finishing", "_head", "_head_only", "_head_size",
        "_heads", "_held", "_in_body", "_keep_alive", "_loop", "_parser", "_paused", "_peers", "_pending", "_plain",
        "_refusal", "_refused", "_request", "_routes", "_since", "_size", "_slow_reader", "_streams", "_trace",
        "_transport", "_unfinished", "_url", "_waiting", "limit",
    )  # fmt: skip

    def __init__(
        self,
        routes: Routes,
        heads: HeadCache,
        limit: int,
        peers: set[Peer],
        loop: asyncio.AbstractEventLoop,
        streams: MakeStream | None = None,
    ) -> None:
        self._routes = routes
        self._heads = heads
        self.limit = limit
        self._peers = peers
        self._streams = streams
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: list[tuple[Request, bool]] = []  # a deque is made for thousands, and larger
        self._between = True
        self._plain = False
        self._pending: Pending | None = None
        self._busy = False
        self._keep_alive = True
        self._slow_reader = False
        self._refused = False
        self._refusal: tuple[bytes, bytes] | None = None
        self._finishing = False
        self._paused = False
        self._held = 0
        self._head_only = False
        self._in_body = False
        self._unfinished = 0
        self._closing = False
        self._since = monotonic()
        self._begin()

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        self._closing = True
        self._waiting.clear()
        if self._pending is not None:
            self._pending.abandon()
            self._pending = None

    def data_received(self, data: bytes) -> None:
        if self._between and not (self._busy or self._waiting or self._slow_reader or self._closing or self._refused):
            end = data.find(END) + 4
            head, trace = self._heads.get(data[:end]), b""
            if head is None and end > 3:
                head, trace = self._heads.traced(data[:end])
            if head is not None and head.length == len(data) - end and head.length <= self.limit:
                self._keep_alive = True
                self._head_only = False
                self._handle(Request(head, data[end:], monotonic(), trace))
                return
        self._parse(data)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # CONNECT, which was answered: what follows is not for us
            self.finish()
        except httptools.HttpParserError as error:
            cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else error
            self._refuse(*error_answer(InvalidRequest(f"the request is not valid HTTP/1.1: {cause}")))

    def pause_writing(self) -> None:
        self._slow_reader = True
        self._since = monotonic()

    def resume_writing(self) -> None:
        self._slow_reader = False
        self._next()

    def _parse(self, data: bytes) -> None:
        """Give `data`, which is more, less or something else than a request whose head came before, to the parser."""
        if self._closing or self._refused:
            return None
        whole = data if self._between else b""
        if not self._in_body and b"pgrade" in data:
            idle = not (self._busy or self._waiting or self._slow_reader)
            if self._streams is not None and idle and is_handshake(whole):
                return self._switch(self._streams)
            data, whole = _without_upgrade(data), b""
        self._unfinished += len(data)
        self._feed(data)
        if self._unfinished > _MAX_HEAD:
            self._head_too_large()
        if whole and self._between and self._plain and not self._refused:
            self._heads.learn(whole, self._request)

    def _switch(self, streams: MakeStream) -> None:
        self._closing = True
        self._peers.discard(self)
        stream = streams(self._transport, self.limit, self._peers)
        if self._finishing:
            stream.finish(LAST_CALL)

    # The parser's side

    def _begin(self) -> None:
        self._request: Request
        self._head = Head()
        self._url = self._trace = b""
        self._size = 0
        self._head_size = 0
        self._chunks: list[bytes] = []
        self._expects = False

    def on_message_begin(self) -> None:
        self._begin()
        self._between = False
        self._since = monotonic()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._in_body:  # a trailer
            if self._head_size > _MAX_HEAD:
                self._head_too_large()
            return
        field = _HEADERS.get(name.lower())
        if field is None:
            return
        if field == "length":
            self._head.length = int(value)
            if self._head.length > self.limit:
                self._too_large()
        elif field == "expect":
            self._expects = True
        elif field == "trace":
            self._trace = value.strip(b" \t")
        else:
            setattr(self._head, field, value)

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._unfinished = 0
        if self._head_size > _MAX_HEAD:
            self._head_too_large()
        if self._expects and not self._refused:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        self._unfinished = 0
        self._size += len(chunk)
        if self._size > self.limit:
            self._too_large()
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._between = True
        self._unfinished = 0
        if self._refused:
            return
        self._held += self._size
        head = self._head
        head.path, _, head.query = self._url.partition(b"?")
        self._url = b""
        head.method = self._parser.get_method()
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._request = Request(head, body, monotonic(), self._trace)
        keep_alive = self._parser.should_keep_alive()
        self._plain = keep_alive and not self._expects and head.method in _PLAIN
        self._waiting.append((self._request, keep_alive))
        if self._busy or self._slow_reader:
            if (len(self._waiting) >= PIPELINED or self._held > HELD) and not self._paused:
                self._paused = True
                self._transport.pause_reading()
        else:
            self._next()

    def _head_too_large(self) -> None:
        self._refuse(*plain_problem(431, "invalid_request", f"send headers of at most {_MAX_HEAD} bytes"))

    def _too_large(self) -> None:
        self._refuse(*error_answer(too_large(self.limit)))

    # Answers

    def _next(self) -> None:
        """Handle requests for as long as each is answered at once; a refusal comes after them."""
        while self._waiting and not (self._busy or self._slow_reader or self._closing):
            request, self._keep_alive = self._waiting.pop(0)
            self._held -= len(request.body)
            self._head_only = request.head.method == b"HEAD"
            self._handle(request)
        if self._closing:
            return
        if self._paused and len(self._waiting) < PIPELINED and self._held <= HELD:
            self._paused = False
            self._transport.resume_reading()
        if self._busy or self._slow_reader:
            return
        if self._refusal is not None:
            start, body = self._refusal
            self._refusal = None
            self._write(start, body, last=True)
            self._loop.call_later(LINGER, self.close)

    def _handle(self, request: Request) -> None:
        self._busy = True
        try:
            handler = self._routes[request.head.path][request.head.method]
        except KeyError:
            return self._nothing_there(request.head)
        try:
            pending = handler(self, request)
        except TyrexError as error:
            self.respond(*error_answer(error))
        except Exception:  # a mistake of ours costs one answer, not the connection
            log.exception("the handler of %s failed", request.head.path)
            self.respond(*error_answer(mistake()))
        else:
            if self._busy:
                self._pending = pending

    def _nothing_there(self, head: Head) -> None:
        methods = self._routes.get(head.path)
        if methods is None:
            there = ", ".join(sorted(path.decode() for path in self._routes))
            self.respond(*plain_problem(404, "not_found", f"there is nothing here; there is {there}"))
        else:
            allowed = b", ".join(methods)
            start, body = plain_problem(405, "method_not_allowed", f"use {allowed.decode()}")
            self.respond(start + b"Allow: %b\r\n" % allowed, body)

    def respond(self, start: bytes, body: bytes) -> None:
        """Send the answer to the request in hand; `start` is whole header lines, the body's length is added."""
        if self._closing:
            return
        self._busy = False
        self._pending = None
        last = not self._keep_alive or (self._finishing and not self._waiting)
        self._write(start, body, last)
        if last:
            self.close()
        elif self._waiting or self._paused or self._refusal is not None:
            self._loop.call_soon(self._next)
        else:
            self._since = monotonic()

    def _write(self, start: bytes, body: bytes, last: bool) -> None:
        close = b"Connection: close\r\n" if last else b""
        shown = b"" if self._head_only else body
        self._transport.write(b"%bContent-Length: %d\r\n%b\r\n%b" % (start, len(body), close, shown))

    def _refuse(self, start: bytes, body: bytes) -> None:
        """RemoteAnswer a request that will not be read to its end, after those before it, and close soon."""
        if not self._refused:
            self._refused = True
            self._refusal = (start, body)
            self._head_only = self._head_only and self._busy
            self._next()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._since = monotonic()
            self._transport.close()

    def finish(self, last_call: float = 0.0) -> None:
        """Close when all requests are answered that have come, and one that still comes within `last_call` seconds."""
        self._finishing = True
        if last_call:
            self._loop.call_later(last_call, self.finish)
        elif not (self._busy or self._waiting or self._refusal or self._reading()):
            self.close()

    def _reading(self) -> bool:
        """Whether a part of a request has come."""
        return bool(self._url or self._chunks)

    def sweep(self, now: float) -> None:
        """Close it if the client has been silent, or slow, for too long."""
        if self._slow_reader or self._closing:
            if now - self._since > STALLED:
                self._transport.abort()
        elif not self._busy and now - self._since > (STALLED if self._reading() else IDLE):
            self.close()
