"""One batch over a pool and a duplex that do as they are told."""

import asyncio
import json
from collections.abc import Callable
from time import monotonic
from typing import Any

from tests.unit.server.exposed import pool as pool_view
from tyrex_pool.dispatch.ticket import Slot
from tyrex_pool.model.errors import TyrexError
from tyrex_pool.model.pool_view import PoolView
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.pool.dispatcher import answer
from tyrex_pool.pool.view import ExplainView
from tyrex_pool.server.api import Api
from tyrex_pool.server.batch import Batch
from tyrex_pool.server.http.messages import Head, Request
from tyrex_pool.server.telemetry.eval_record import EvalRecord
from tyrex_pool.server.telemetry.metrics import Metrics
from tyrex_pool.server.ticket import ServerTicket

LIMIT = 1000


class Pool:
    """Notes what is submitted; `refusal` is raised instead while there is one."""

    ready = True
    reason = None

    def __init__(self, **spec: Any) -> None:
        self.spec = PoolSpec.parse({"size": 1, "concurrency": 3, "queue": {"length": 0}, **spec})
        self.tickets: list[ServerTicket] = []
        self.cancelled: list[ServerTicket] = []
        self.refusal: TyrexError | None = None
        self.refused = 0
        self.slot: Slot[Any, object] = Slot('run"time', 0, 1, 2, 0)

    def submit(self, ticket: ServerTicket) -> None:
        if self.refusal is not None:
            self.refused += 1
            raise self.refusal
        ticket.slot = self.slot
        self.tickets.append(ticket)

    def cancel(self, ticket: ServerTicket) -> None:
        ticket.deliver = None
        self.cancelled.append(ticket)

    def describe(self) -> PoolView:
        return pool_view()

    def explain(self, key: str | None) -> ExplainView:
        raise NotImplementedError

    def run(self, index: int = 0) -> None:
        """Answer a ticket with its code."""
        ticket = self.tickets.pop(index)
        ticket.id, ticket.epoch, ticket.started, ticket.finished = b"id.1", 7, ticket.arrived, ticket.arrived
        answer(ticket, ticket.work.code.encode())  # type: ignore[union-attr]


class Wire:
    """A duplex that keeps what is sent."""

    limit = LIMIT

    def __init__(self, *, content_type: bytes = b"application/x-ndjson", **head: Any) -> None:
        shared = Head()
        shared.method, shared.path, shared.content_type = b"POST", b"/v1/batch", content_type
        trace = head.pop("trace", b"")
        for name, said in head.items():
            setattr(shared, name, said)
        self.request = Request(shared, b"", monotonic(), trace)
        self.writable = True
        self.head = self.sent = b""
        self.parts = 0
        self.ended: bool | None = None

    def start(self, start: bytes) -> None:
        self.head = start

    def send(self, data: bytes) -> None:
        assert data
        self.sent += data
        self.parts += 1

    def end(self, whole: bool) -> None:
        assert self.ended is None
        self.ended = whole

    def pace(self) -> None: ...

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.sent.splitlines()]


class Observer:
    def __init__(self) -> None:
        self.records: list[EvalRecord] = []

    def observe(self, record: EvalRecord) -> None:
        self.records.append(record)


class Scene:
    """One batch. `turn` lets the event loop run."""

    def __init__(self, wire: Wire | None = None, **spec: Any) -> None:
        self.pool = Pool(**spec)
        self.wire = wire or Wire()
        self.observer = Observer()
        self.metrics = Metrics(self.pool.describe)
        self.batch = Batch(Api(self.pool, self.metrics, observers=[self.observer]), self.wire)

    async def lines(self, *lines: bytes, end: bool = True) -> None:
        self.batch.received(b"".join(line + b"\n" for line in lines))
        if end:
            self.batch.ended()
        await self.turn()

    async def turn(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Answer everything, the newest first."""
        while self.pool.tickets:
            self.pool.run(-1)
            await self.turn()

    async def until(self, probe: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not probe():
                await asyncio.sleep(0.001)


def code(number: int, **members: Any) -> bytes:
    return json.dumps({"code": str(number), **members}).encode()
