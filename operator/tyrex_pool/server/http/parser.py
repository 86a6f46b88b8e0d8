"""HTTP/1.1 requests from bytes, without I/O: `feed` takes what a client sent and returns what it means.

    BETWEEN ──first byte──► HEAD ──empty line──► BODY ──last byte──► BETWEEN
                             └──────────────┬─────┘
                       refused, or CONNECT  └──► ENDED: what follows is not read

httptools parses; the bytes reach it as they came. A request that offers an upgrade (RFC 9110, 7.8) is answered as if
it did not. httptools ends such a request after its head, so a second parser, given the same framing, reads its body.
"""

from enum import Enum
from typing import Final, NamedTuple

import httptools

from tyrex_pool.model import names
from tyrex_pool.model.errors import InvalidRequest
from tyrex_pool.server.http import policy
from tyrex_pool.server.http.messages import Head, Request, error_answer, plain_problem, too_large
from tyrex_pool.server.http.policy import ANY_HOST, Policy
from tyrex_pool.server.http.target import Target, read_target

_MAX_HEAD: Final = 65_536
_LENGTH_FRAMED: Final = (b"POST", b"GET")
"""Methods whose requests and answers are framed by their length alone."""
_FIELDS: Final = {
    **policy.FIELDS,
    b"content-length": "length",
    b"expect": "expect",
    b"upgrade": "upgrade",
    b"content-type": "content_type",
    names.HEADER_KEY.lower().encode(): "key",
    names.HEADER_TIMEOUT.lower().encode(): "timeout_ms",
    names.HEADER_QUEUE.lower().encode(): "queue",
    names.HEADER_TRACE.encode(): "trace",
}
_NO_TARGET: Final = Target(None, b"", b"")
_SAME_FRAMING: Final = b"%b / HTTP/1.1\r\n%b%b\r\n"


class ParserState(Enum):
    BETWEEN = "between two requests"
    HEAD = "in the head of a request"
    BODY = "in the body or the trailers of a request"
    ENDED = "no further request is read"


BETWEEN, HEAD, BODY, ENDED = ParserState
"""By name, since looking a member up in its class costs more on the hot path."""


class ParsedRequest(NamedTuple):
    """A whole request. `cacheable`: another request whose head has the same bytes means the same."""

    request: Request
    cacheable: bool


class Refusal(NamedTuple):
    """The answer (head and body) to a request that is not read to its end. Of the body, `shown` is sent."""

    start: bytes
    body: bytes
    shown: bytes


class ExpectsContinue(NamedTuple):
    """The client waits for `100 Continue` before it sends the body."""


class StreamedHead(NamedTuple):
    """The head of a request whose body comes in parts, as `BodyPart`s, up to `EndOfBody` or a `Refusal`.

    `expects`: the client waits for `100 Continue` before it sends them.
    """

    request: Request
    expects: bool


class BodyPart(NamedTuple):
    data: bytes


class EndOfBody(NamedTuple):
    """The request is whole."""


class EndOfRequests(NamedTuple):
    """The client asked for a tunnel (CONNECT): nothing after that request is HTTP."""


Event = ParsedRequest | Refusal | ExpectsContinue | StreamedHead | BodyPart | EndOfBody | EndOfRequests
Streamed = frozenset[tuple[bytes, bytes]]
"""Methods and paths of the requests whose bodies are given in parts, and are not limited."""


class RequestParser:
    """One connection's requests. `limit` bounds a body in bytes and may change; `begun_at` is when the last request
    began, on the clock of `feed`'s caller. `policy` says which heads are refused, `streamed` which bodies come in
    parts.
    """

    __slots__ = (
        "_chunks", "_events", "_head", "_head_size", "_in_parts", "_now", "_parser", "_policy", "_replaying", "_said",
        "_size", "_streamed", "_target", "_unfinished", "_url", "begun_at", "limit", "state",
    )  # fmt: skip

    def __init__(self, limit: int, policy: Policy = ANY_HOST, streamed: Streamed = frozenset()) -> None:
        self.limit = limit
        self._policy = policy
        self._streamed = streamed
        self.state = BETWEEN
        self.begun_at = 0.0
        self._parser = httptools.HttpRequestParser(self)
        self._events: list[Event] = []
        self._now = 0.0
        self._unfinished = 0
        """Bytes of a head or of a chunk's size line that were fed and had no effect yet."""
        self._replaying = False
        self._begin()

    def _begin(self) -> None:
        self._head = Head()
        self._url = b""
        self._target = _NO_TARGET
        self._said: dict[str, bytes] = {}
        """The headers that matter, by their names in `_FIELDS`; several of one name are joined by a comma."""
        self._size = 0
        self._head_size = 0
        self._chunks: list[bytes] = []
        self._in_parts = False

    @property
    def reading(self) -> bool:
        """Whether a part of a request has come, and its rest is still expected."""
        return self.state is HEAD or self.state is BODY

    @property
    def held(self) -> int:
        """Bytes of a body that has not come whole."""
        return self._size if self.state is BODY else 0

    def feed(self, data: bytes, now: float) -> list[Event]:
        """The events that `data`, received at `now` (`monotonic()` seconds), completes."""
        self._now = now
        self._events = []
        self._unfinished += len(data)
        while data and self.state is not ENDED:
            data = self._feed(data)
        if self._unfinished > _MAX_HEAD:
            self._head_too_large()
        self._give_part()
        return self._events

    def _feed(self, data: bytes) -> bytes:
        """Returns the bytes that are still to be parsed: those after a request that offered an upgrade."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.state is BODY:
                self._go_on_with_body()
            rest: int = upgrade.args[0]
            return data[rest:]
        except httptools.HttpParserError as error:
            cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else error
            self._refuse(*error_answer(InvalidRequest(f"the request is not valid HTTP/1.1: {cause}")))
        return b""

    def _go_on_with_body(self) -> None:
        keep_alive = self._parser.should_keep_alive()
        framing = (
            b"Transfer-Encoding: chunked\r\n"
            if "transfer" in self._said
            else b"Content-Length: %d\r\n" % self._head.length
        )
        close = b"" if keep_alive else b"Connection: close\r\n"
        method = self._parser.get_method()
        self._parser = httptools.HttpRequestParser(self)
        self._replaying = True
        self._parser.feed_data(_SAME_FRAMING % (method, framing, close))
        self._replaying = False

    def stop(self) -> None:
        """Read no more, and forget a request that has not come whole, and the events that were not taken yet."""
        self.state = ENDED
        self._chunks = []
        self._events.clear()

    def close(self) -> None:
        """Forget what was read: httptools' parser and this one refer to each other, which would keep it for long."""
        self.stop()
        self._events = []
        del self._parser

    # httptools' callbacks

    def on_message_begin(self) -> None:
        if not self._replaying and self.state is not ENDED:
            self._begin()
            self.state = HEAD
            self.begun_at = self._now

    def on_url(self, url: bytes) -> None:
        if not self._replaying:
            self._url += url
            self._head_size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._replaying:
            return
        self._head_size += len(name) + len(value)
        if self.state is not HEAD:  # a trailer, or the head of a request that was refused
            if self.state is BODY and self._head_size > _MAX_HEAD:
                self._head_too_large()
            return
        field = _FIELDS.get(name.lower())
        if field is not None:
            before = self._said.get(field)
            self._said[field] = value if before is None else before + b", " + value

    def on_headers_complete(self) -> None:
        if self._replaying or self.state is ENDED:
            return
        self.state = BODY
        self._unfinished = 0
        head, said = self._head, self._said
        head.method = self._parser.get_method()
        head.length = int(said.get("length", b"0"))
        self._target = read_target(self._url)
        refusal = self._policy.refuse(said, self._parser.get_http_version(), self._target.authority)
        if self._head_size > _MAX_HEAD:
            self._head_too_large()
        elif refusal is not None:
            self._refuse(*refusal)
        elif (head.method, self._target.path) in self._streamed:
            self._in_parts = True
            head.chunks = self._parser.get_http_version() != "1.0"
            self._events.append(StreamedHead(self._request(b""), "expect" in said))
        elif head.length > self.limit:
            self._too_large()
        elif "expect" in said:
            self._events.append(ExpectsContinue())

    def on_body(self, chunk: bytes) -> None:
        if self.state is ENDED:
            return
        self._unfinished = 0
        if self._in_parts:
            self._chunks.append(chunk)
            return
        self._size += len(chunk)
        if self._size > self.limit:
            self._too_large()
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        if self.state is ENDED:
            return
        method = self._parser.get_method()
        if self._parser.should_upgrade() and method != b"CONNECT" and ("transfer" in self._said or self._head.length):
            return  # the body is still to come
        self.state = BETWEEN
        self._unfinished = 0
        if self._in_parts:
            self._give_part()
            self._events.append(EndOfBody())
            return
        self._events.append(self._finished(method))
        if method == b"CONNECT":
            self.state = ENDED
            self._events.append(EndOfRequests())

    def _give_part(self) -> None:
        if self._in_parts and self._chunks:
            self._events.append(BodyPart(self._body()))

    def _body(self) -> bytes:
        """What has come of it since it was last asked for."""
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        return body

    def _finished(self, method: bytes) -> ParsedRequest:
        request, said = self._request(self._body()), self._said
        plain = request.head.keep_alive and method in _LENGTH_FRAMED
        return ParsedRequest(request, plain and not ("expect" in said or "upgrade" in said))

    def _request(self, body: bytes) -> Request:
        head, said = self._head, self._said
        _, head.path, head.query = self._target
        head.keep_alive = self._parser.should_keep_alive()
        head.content_type = said.get("content_type", b"")
        head.key, head.timeout_ms, head.queue = said.get("key"), said.get("timeout_ms"), said.get("queue")
        return Request(head, body, self._now, said.get("trace", b"").strip(b" \t"))

    # Refusals

    def _head_too_large(self) -> None:
        self._refuse(*plain_problem(431, "invalid_request", f"send headers of at most {_MAX_HEAD} bytes"))

    def _too_large(self) -> None:
        self._refuse(*error_answer(too_large(self.limit)))

    def _refuse(self, start: bytes, body: bytes) -> None:
        if self.state is not ENDED:
            self.state = ENDED
            self._give_part()
            self._chunks = []
            shown = b"" if self._head.method == b"HEAD" else body
            self._events.append(Refusal(start, body, shown))
