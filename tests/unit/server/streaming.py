"""A real listener with streams over a backend that a test drives, and a proxy that speaks frames as the test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Any

from tests.unit.server.exposed import pool as described
from tests.unit.server.listening import Client
from tyrex_pool.dispatch.ticket import Slot
from tyrex_pool.model.frames import (
    ACCEPTED,
    Content,
    Frames,
    Order,
    RemoteAnswer,
    decode_answer,
    encode,
    frame,
    handshake,
)
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.pool.dispatcher import answer
from tyrex_pool.pool.view import ExplainView
from tyrex_pool.server.api import Api
from tyrex_pool.server.http.listener import Listener
from tyrex_pool.server.stream import Stream
from tyrex_pool.server.telemetry.metrics import Metrics
from tyrex_pool.server.ticket import ServerTicket

LIMIT = 100_000
JSON = b"application/json"
EVAL = b'{"code": "1 + 2"}'


class Driven:
    """A backend: `come` has the tickets, in order; the test answers them. With `error` it raises that instead."""

    def __init__(self) -> None:
        self.spec = PoolSpec.parse(None)
        self.ready = True
        self.reason: str | None = None
        self.come: asyncio.Queue[ServerTicket] = asyncio.Queue()
        self.cancelled: list[ServerTicket] = []
        self.error: Exception | None = None
        self.described = described()
        self.slot: Slot[ServerTicket, None] = Slot("r", 0, 1, 100, 16)
        self.slot.own = 3

    def submit(self, ticket: ServerTicket) -> None:
        if self.error is not None:
            raise self.error
        ticket.slot = self.slot
        ticket.epoch, ticket.id = 7, b"r.7.1"
        ticket.started = ticket.finished = monotonic()
        self.come.put_nowait(ticket)

    def cancel(self, ticket: ServerTicket) -> None:
        ticket.deliver = None
        self.cancelled.append(ticket)

    def describe(self) -> PoolView:
        return self.described

    def explain(self, key: str | None) -> ExplainView:
        return ExplainView(key, None, "")

    async def tickets(self, count: int) -> list[ServerTicket]:
        """The next `count`."""
        async with asyncio.timeout(10):
            return [await self.come.get() for _ in range(count)]


class Proxy(Client):
    """The other end of a stream, which reads answers one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._frames = Frames(1 << 30)
        self._come: list[tuple[int, Content]] = []
        self.reads = 0

    async def begin(self) -> None:
        """Shake hands."""
        self.send(handshake("pool"))
        async with asyncio.timeout(10):
            assert await self.reader.readexactly(len(ACCEPTED)) == ACCEPTED

    def order(
        self, number: int, body: bytes = EVAL, path: bytes = b"/v1/eval", kind: bytes = JSON, **more: Any
    ) -> None:
        self.send(ordered(number, body, path, kind, **more))

    def forget(self, number: int) -> None:
        self.send(frame(number))

    async def frame(self) -> tuple[int, bytes | None]:
        async with asyncio.timeout(10):
            while not self._come:
                data = await self.reader.read(1 << 20)
                assert data, "the connection is closed"
                self.reads += 1
                self._come += self._frames.feed(data)
        number, content = self._come.pop(0)
        return number, None if content is None else bytes(content)

    async def answered(self) -> tuple[int, RemoteAnswer]:
        number, content = await self.frame()
        return number, decode_answer(content or b"")


def ordered(
    number: int,
    body: bytes = EVAL,
    path: bytes = b"/v1/eval",
    kind: bytes = JSON,
    timeout_ms: int = 5000,
    queue: int | None = None,
    trace: bytes = b"",
) -> bytes:
    """The frame of an order."""
    return frame(number, encode(Order(path, kind, timeout_ms, queue, trace, body)))


def deliver(ticket: ServerTicket, outcome: Any = b"3") -> None:
    """RemoteAnswer `ticket` as a pool does."""
    answer(ticket, outcome)


@asynccontextmanager
async def listening(driven: Driven) -> AsyncIterator[Listener]:
    api = Api(driven, Metrics(driven.describe))
    listener = await Listener.open(api.routes, LIMIT, "127.0.0.1", 0, partial(Stream, api))
    try:
        yield listener
    finally:
        await listener.close()


@asynccontextmanager
async def connected(listener: Listener) -> AsyncIterator[Proxy]:
    """A connection that has said nothing yet."""
    proxy = Proxy(*await asyncio.open_connection("127.0.0.1", listener.port))
    try:
        yield proxy
    finally:
        proxy.writer.close()
