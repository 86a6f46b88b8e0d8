"""The requests of one connection on their way to their handlers: those that wait, and the body that is being read.

Reading pauses while too many wait, or while too much of a body in parts does.
"""

import asyncio
from typing import Final, Protocol

from tyrex_pool.model.errors import Overloaded
from tyrex_pool.server.http.in_parts import CONTINUE, Owner, PartedRequest
from tyrex_pool.server.http.messages import Request, error_answer
from tyrex_pool.server.http.parser import (
    BodyPart,
    EndOfBody,
    EndOfRequests,
    Event,
    ExpectsContinue,
    ParsedRequest,
    Refusal,
    RequestParser,
    StreamedHead,
)
from tyrex_pool.server.http.unfinished import Unfinished

PIPELINED: Final = 16
HELD: Final = 65_536
"""Requests of one connection that may wait, and bytes of their bodies, before its reading pauses."""
AHEAD: Final = 262_144
"""Bytes of a body in parts that are read while its answer is not: docs/http.md tells clients."""


class Handling(Owner, Protocol):
    """The connection, as the intake uses it."""

    def next(self) -> None:
        """Handle what waits, if it may be handled now."""
        ...

    def finish(self) -> None: ...


class Intake:
    """`waiting` are the requests, in their order; `refusal` comes after the answers to them, and nothing after it."""

    __slots__ = (
        "_connection", "_counted", "_held", "_incoming", "_unfinished", "parser", "paused", "refusal", "transport",
        "waiting",
    )  # fmt: skip
    transport: asyncio.Transport

    def __init__(self, parser: RequestParser, unfinished: Unfinished, connection: Handling) -> None:
        self.parser = parser
        self.waiting: list[Request] = []  # a deque is made for thousands, and larger
        self.refusal: Refusal | None = None
        self.paused = False
        self._unfinished = unfinished
        self._connection = connection
        self._incoming: PartedRequest | None = None
        """The one whose body is being read in parts."""
        self._held = 0
        self._counted = 0
        """Bytes of bodies that `_unfinished` knows of."""

    @property
    def parted(self) -> PartedRequest | None:
        """The request whose body is being read in parts, if there is one."""
        return self._incoming

    def take(self, event: Event) -> None:
        match event:
            case ParsedRequest(request):
                self._held += len(request.body)
                self._wait(request)
            case StreamedHead(request, expects):
                self._incoming = PartedRequest(request, expects, self._connection)
                self._wait(self._incoming)
            case BodyPart(data):
                if self._incoming is not None:
                    self._incoming.receive(data)
            case EndOfBody():
                incoming, self._incoming = self._incoming, None
                if incoming is not None:
                    incoming.receive_end()
            case Refusal():
                self._refuse(event)
            case ExpectsContinue():
                self._connection.send(CONTINUE)
            case EndOfRequests():
                self._connection.finish()

    def _wait(self, request: Request) -> None:
        self.waiting.append(request)
        self._connection.next()

    def pop(self) -> Request:
        """The next of those that wait."""
        request = self.waiting.pop(0)
        self._held -= len(request.body)
        return request

    def pace(self) -> None:
        """Read on, or pause while much of what has come waits; report the bodies that wait or have not come whole."""
        held = ahead = 0
        if self._incoming is not None:
            held, ahead = self._incoming.held, self._incoming.waiting
        full = len(self.waiting) >= PIPELINED or self._held > HELD or ahead > AHEAD
        if full != self.paused:
            self.paused = full
            if full:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
        size = self.parser.held + self._held + held
        if size != self._counted:
            self._counted = size
            self._unfinished.hold(self, size)

    def refuse_body(self) -> None:
        """There is no room for the bodies of this connection; the eval in hand, if there is one, goes on."""
        self._counted = self._held = 0
        self.waiting.clear()
        self.give_up(*error_answer(Overloaded("too many bodies are being sent at once")))

    def give_up(self, start: bytes, body: bytes) -> None:
        """Refuse the request that has begun to come."""
        self._unfinished.forget(self)
        self._counted = 0
        self._refuse(Refusal(start, body, body))

    def _refuse(self, refusal: Refusal) -> None:
        """Read no more. An answer in parts that has begun tells the problem itself."""
        self.parser.stop()
        incoming, self._incoming = self._incoming, None
        if incoming is not None and incoming.begun:
            incoming.stop(refusal.body)
        else:
            if incoming in self.waiting:
                self.waiting.remove(incoming)
            self.refusal = refusal
        self._connection.next()

    def close(self) -> None:
        """Forget everything."""
        self._unfinished.forget(self)
        self.waiting.clear()
        self._incoming = None
        self.parser.close()
