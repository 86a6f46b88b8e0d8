"""A request whose body comes in parts and whose answer goes out in parts: between its connection and its exchange.

Until it is its turn on the connection, it keeps the parts. The answer has chunks; one to HTTP/1.0 ends with the
connection.
"""

from collections.abc import Callable
from typing import Final, Protocol

from tyrex_pool.server.http.date import DATE
from tyrex_pool.server.http.messages import Request
from tyrex_pool.server.http.routes import Duplex, Exchange

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
_CLOSE: Final = b"Connection: close\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_LARGE: Final = 65_536
"""Bytes of a part that is not copied to be joined with its frame."""


class Owner(Protocol):
    """The connection, as such a request uses it."""

    @property
    def limit(self) -> int: ...
    @property
    def writable(self) -> bool: ...
    def send(self, *pieces: bytes) -> None:
        """Write a part of the answer."""
        ...

    def answered(self, whole: bool) -> None:
        """The answer has ended; not `whole`: it broke off."""
        ...

    def pace(self) -> None: ...


class PartedRequest(Request):
    """It is a Duplex for its exchange, and Pending for its connection. `expects`: it waits for `100 Continue`."""

    __slots__ = ("_exchange", "_expects", "_owner", "_parts", "whole")

    def __init__(self, request: Request, expects: bool, owner: Owner) -> None:
        super().__init__(request.head, b"", request.arrived, request.trace)
        self._owner = owner
        self._expects = expects
        self._exchange: Exchange | None = None
        self._parts: list[bytes] = []
        self.whole = False

    # The connection's side

    @property
    def begun(self) -> bool:
        return self._exchange is not None

    @property
    def held(self) -> int:
        """Bytes of the body that nobody works on yet."""
        return sum(map(len, self._parts)) if self._exchange is None else self._exchange.held

    @property
    def waiting(self) -> int:
        """As its exchange has it."""
        return self.held if self._exchange is None else self._exchange.waiting

    @property
    def idle(self) -> bool:
        return self._exchange is not None and self._exchange.idle

    def begin(self, begin: Callable[[Duplex], Exchange]) -> None:
        """It is its turn. Raises TyrexError when it is refused."""
        self._exchange = exchange = begin(self)
        parts, self._parts = self._parts, []
        for part in parts:
            exchange.received(part)
        if self.whole:
            exchange.ended()

    def receive(self, data: bytes) -> None:
        if self._exchange is None:
            self._parts.append(data)
        else:
            self._exchange.received(data)

    def receive_end(self) -> None:
        self.whole = True
        if self._exchange is not None:
            self._exchange.ended()

    def stop(self, document: bytes) -> None:
        if self._exchange is not None:
            self._exchange.stop(document)

    def resume(self) -> None:
        if self._exchange is not None:
            self._exchange.resume()

    def abandon(self) -> None:
        if self._exchange is not None:
            self._exchange.abandon()

    # The exchange's side

    @property
    def request(self) -> Request:
        return self

    @property
    def limit(self) -> int:
        return self._owner.limit

    @property
    def writable(self) -> bool:
        return self._owner.writable

    def start(self, start: bytes) -> None:
        early = CONTINUE if self._expects and not self.whole else b""
        framing = _CHUNKED if self.head.chunks else b""
        close = b"" if self.head.keep_alive and self.head.chunks else _CLOSE
        self._owner.send(b"%b%b%b%b%b\r\n" % (early, start, DATE.line, framing, close))

    def send(self, data: bytes) -> None:
        if not self.head.chunks:
            self._owner.send(data)
        elif len(data) < _LARGE:
            self._owner.send(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            self._owner.send(b"%x\r\n" % len(data), data, b"\r\n")

    def end(self, whole: bool) -> None:
        if whole and self.head.chunks:
            self._owner.send(_LAST_CHUNK)
        self._owner.answered(whole)

    def pace(self) -> None:
        self._owner.pace()
