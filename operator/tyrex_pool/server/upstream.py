"""One keep-alive connection to a server that runs evals: sends a request, reads its answer, one at a time."""

import asyncio
import re
from time import monotonic
from typing import Any, Protocol

import httptools
import msgspec

from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model import names
from tyrex_pool.model.errors import ERRORS, TyrexError
from tyrex_pool.server.api import JSON_HEAD, Relayed
from tyrex_pool.server.discovery import Endpoint
from tyrex_pool.server.endings import OK
from tyrex_pool.server.messages import Request, head, trace_line

_PASSED_ON = frozenset(
    name.encode().lower()
    for name in (names.HEADER_EPOCH, names.HEADER_EVAL, names.HEADER_SERVER_TIMING, names.HEADER_RETRY_AFTER)
)
_EPOCH = names.HEADER_EPOCH.lower().encode()
_LOAD = names.HEADER_LOAD.lower().encode()
_JSON = names.TYPE_JSON.encode()
_REQUEST = (
    b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: %b\r\n"
    + names.HEADER_TIMEOUT.encode()
    + b": %d\r\n%bContent-Length: %d\r\n\r\n%b"
)
_USUAL = re.compile(
    (
        rf"{re.escape(JSON_HEAD.decode())}{names.HEADER_RUNTIME}: [!-~]+\r\n"
        rf"({names.HEADER_EPOCH}: (\d{{1,18}})\r\n{names.HEADER_EVAL}: [!-~]+\r\n"
        rf"{names.HEADER_SERVER_TIMING}: [ -~]+\r\n){names.HEADER_LOAD}: (\d{{1,9}})\r\n"
        rf"Content-Length: (\d{{1,15}})\r\n\r\n"
    ).encode()
)
"""The head of a result as `server/api.py` writes it. Any other answer is as good, but takes a parser."""


class Owner(Protocol):
    """Who hears what becomes of a connection."""

    def answered(self, upstream: "Upstream", ticket: Ticket, answer: Relayed) -> None: ...
    def lost(self, upstream: "Upstream", ticket: Ticket | None) -> None: ...


class _Problem(msgspec.Struct):
    name: str = "error"


_problem = msgspec.json.Decoder(_Problem)


class Upstream(asyncio.Protocol):
    """`load` and `epoch` are what the last answer said of the runtime, 0 for nothing; a connection that is not
    `reusable` is about to close. `behind` is the owner's: which runtime it leads to."""

    def __init__(self, name: str, host: str, owner: Owner, behind: Any = None) -> None:
        self.idle_since = monotonic()
        self.reusable = True
        self.load = 0
        self.epoch = 0
        self.behind = behind
        self._host = host.encode()
        self._runtime = f"{names.HEADER_RUNTIME}: {name}\r\n".encode()
        self._usual_start = JSON_HEAD + self._runtime
        self._owner = owner
        self._ticket: Ticket | None = None
        self._between = True
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:
        ticket, self._ticket = self._ticket, None
        self.reusable = False
        self._owner.lost(self, ticket)

    def send(self, ticket: Ticket, timeout_ms: int, more: bytes) -> None:
        """Send the request that `ticket` came with; the answer goes to the owner. `more` is whole header lines."""
        request: Request = ticket.request
        self._ticket = ticket
        asked, body = request.head, request.body
        kind = asked.content_type or _JSON
        if ticket.trace:
            more += trace_line(ticket.trace)
        self._transport.write(_REQUEST % (asked.path, self._host, kind, timeout_ms, more, len(body), body))

    # What comes back

    def data_received(self, data: bytes) -> None:
        if self._between:
            usual = _USUAL.match(data)
            if usual is not None:
                passed_on, epoch, load, length = usual.groups()
                end = usual.end()
                if len(data) - end == int(length):
                    self.epoch, self.load = int(epoch), int(load)
                    self._complete(Relayed(self._usual_start + passed_on, data[end:], OK))
                    return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_begin(self) -> None:
        self._between = False
        self.load = self.epoch = 0
        self._start = b""
        self._type = names.TYPE_JSON
        self._body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower in _PASSED_ON:
            self._start += b"%b: %b\r\n" % (name, value)
            if lower == _EPOCH:
                self.epoch = int(value)
        elif lower == _LOAD:
            self.load = int(value)
        elif lower == b"content-type":
            self._type = value.decode("latin-1")

    def on_body(self, chunk: bytes) -> None:
        self._body.append(chunk)

    def on_message_complete(self) -> None:
        self._between = True
        status = self._parser.get_status_code()
        body = b"".join(self._body)
        self.reusable = self._parser.should_keep_alive()
        self._complete(Relayed(head(status, self._type) + self._runtime + self._start, body, _name(status, body)))
        if not self.reusable:
            self._transport.close()

    def _complete(self, answer: Relayed) -> None:
        ticket = self._ticket
        if ticket is None:
            self._transport.abort()  # an answer that nobody asked for
            return
        self._ticket = None
        self._owner.answered(self, ticket, answer)

    def close(self) -> None:
        self.reusable = False
        self._transport.abort()


def _name(status: int, body: bytes) -> str:
    if status == 200:
        return OK
    try:
        name = _problem.decode(body).name
    except msgspec.DecodeError:
        return TyrexError.name
    return name if name in ERRORS else TyrexError.name  # else a runtime could fill our metrics with names


async def connect(name: str, endpoint: Endpoint, owner: Owner, behind: Any = None) -> Upstream:
    """Open a connection. Raises OSError."""
    loop = asyncio.get_running_loop()

    def make() -> Upstream:
        return Upstream(name, endpoint.name, owner, behind)

    if endpoint.socket is not None:
        _, upstream = await loop.create_unix_connection(make, endpoint.socket)
    else:
        _, upstream = await loop.create_connection(make, endpoint.host, endpoint.port)
    return upstream
