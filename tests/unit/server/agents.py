"""Servers that answer as a test says and run nothing, and pools of them over real connections."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.ticket import Work
from tyrex_pool.model.errors import Overloaded, TyrexError
from tyrex_pool.model.frames import (
    ACCEPTED,
    GOODBYE,
    Frames,
    Order,
    RemoteAnswer,
    decode_order,
    encode,
    frame,
    is_handshake,
)
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.wire import EvalRequest
from tyrex_pool.server.http.messages import Head, Request, error_answer, head
from tyrex_pool.server.remote.definition import Definition
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.remote.remote_pool import RemotePool
from tyrex_pool.server.ticket import ServerTicket

RESULT = b'{"result":3}'
EVAL = b'{"code": "1 + 2"}'
SUM = EvalRequest("1 + 2")
FULL = Overloaded("full")


class Agent:
    """Answers each eval with `error` or a result, and asks to end its stream after every `last`th answer on it.

    While `gate` is not set, evals wait; while `reading` is not, nothing is read from streams. `seen` has the order of
    each eval, `numbers` theirs, `forgotten` the numbers that came alone. `report` is what it tells of itself, as it was
    when it was asked for the `looks`th time; while `looked` is not set, that waits. `accepts` is its answer to each of
    the `handshakes`. `streams` are those that are open.
    """

    def __init__(self, error: TyrexError | None = None, last: int = 0) -> None:
        self.error = error
        self.last = last
        self.gate = asyncio.Event()
        self.gate.set()
        self.looked = asyncio.Event()
        self.looked.set()
        self.looks = 0
        self.reading = asyncio.Event()
        self.reading.set()
        self.accepts = ACCEPTED
        self.handshakes = 0
        self.seen: list[Order] = []
        self.numbers: list[int] = []
        self.forgotten: list[int] = []
        self.streams: list[asyncio.StreamWriter] = []
        self.connections = 0
        self.report: dict[str, Any] = {"ready": True, "inFlight": 0, "queued": 0, "queue": {"length": 100}}
        self.report["runtimes"] = [{"state": "Ready", "reason": None, "capacity": 1, "epoch": 5}]
        self.endpoint: Endpoint
        self.server: asyncio.Server

    @property
    def evals(self) -> int:
        return len(self.seen)

    async def open(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.endpoint = Endpoint("127.0.0.1", self.server.sockets[0].getsockname()[1])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answers: set[asyncio.Task[None]] = set()
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if is_handshake(request):
                self.handshakes += 1
                writer.write(self.accepts)
                self.streams.append(writer)
                await self._stream(reader, writer, answers)
            else:
                body = json.dumps(self.report).encode()
                self.looks += 1
                await self.looked.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.connections -= 1
            if writer in self.streams:
                self.streams.remove(writer)
            for waiting in answers:
                waiting.cancel()
            writer.close()

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: set[asyncio.Task[None]]
    ) -> None:
        frames = Frames(1 << 24)
        data = b"-"
        while data:
            await self.reading.wait()
            data = await reader.read(65_536)
            for number, content in frames.feed(data):
                if content:
                    self.seen.append(decode_order(content))
                    self.numbers.append(number)
                    answers.add(asyncio.ensure_future(self._answer(number, writer, len(answers) + 1)))
                else:
                    self.forgotten.append(number)

    async def _answer(self, number: int, writer: asyncio.StreamWriter, count: int) -> None:
        await self.gate.wait()
        name, start, body = "ok", head(200, "application/json"), RESULT
        if self.error is not None:
            name, (start, body) = self.error.name, error_answer(self.error)
        writer.write(answered(number, RemoteAnswer(name, 0, 0, start, b"", body)))
        if self.last and count % self.last == 0:
            writer.write(frame(GOODBYE))


def answered(number: int, answer: RemoteAnswer) -> bytes:
    """The frame of an answer."""
    return frame(number, encode(answer))


class Listing:
    """A Discovery that a test changes."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[Mapping[str, Endpoint]] = asyncio.Queue()

    def tell(self, **agents: Agent) -> None:
        """From now on these agents are there, by name."""
        self._told.put_nowait({name: agent.endpoint for name, agent in agents.items()})

    async def endpoints(self) -> AsyncIterator[Mapping[str, Endpoint]]:
        while True:
            yield await self._told.get()


def definition(strategy: str = "RoundRobin", generation: int | None = None, **spec: Any) -> Definition:
    return Definition(PoolSpec.parse(spec), make(strategy, random.Random(1)), generation)


@asynccontextmanager
async def pool_over(
    agents: Mapping[str, Agent], defined: Definition | None
) -> AsyncIterator[tuple[RemotePool, Listing]]:
    """A pool of `agents`, which has checked them if it is `defined`, and the discovery that it follows."""
    for agent in agents.values():
        await agent.open()
    pool, listing = RemotePool("pool", defined), Listing()
    listing.tell(**agents)
    following = asyncio.ensure_future(pool.follow(listing))
    try:
        if defined is not None:
            async with asyncio.timeout(10):
                await pool.first_check()
        yield pool, listing
    finally:
        following.cancel()
        await pool.close()
        for agent in agents.values():
            agent.gate.set()
            agent.server.close()


@asynccontextmanager
async def pool_of(*agents: Agent, strategy: str = "RoundRobin") -> AsyncIterator[RemotePool]:
    """A pool that is and stays what it is."""
    async with pool_over({f"agent-{number}": agent for number, agent in enumerate(agents)}, definition(strategy)) as (
        pool,
        _,
    ):
        yield pool


def ask(
    pool: RemotePool,
    seconds: float = 5.0,
    key: str | None = None,
    trace: bytes = b"",
    body: bytes = EVAL,
    work: Work = SUM,
) -> Awaitable[str]:
    """The outcome's name ("ok" for a result) of an eval with so many seconds to its deadline."""
    return asyncio.wait_for(submit(pool, seconds, key, trace, body, work)[1], 10)


def submit(
    pool: RemotePool,
    seconds: float = 5.0,
    key: str | None = None,
    trace: bytes = b"",
    body: bytes = EVAL,
    work: Work = SUM,
) -> tuple[ServerTicket, asyncio.Future[str]]:
    """The same, with what can be cancelled."""
    outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asked = Head()
    asked.content_type = b"application/json"
    asked.path = b"/v1/eval"

    def deliver(ticket: ServerTicket, told: Any) -> None:
        assert not outcome.done(), "answered twice"
        outcome.set_result(told.name)

    now = monotonic()
    ticket = ServerTicket(work, key, now, now + seconds, deliver)
    ticket.request = Request(asked, body, now)
    ticket.trace = trace
    pool.submit(ticket)
    return ticket, outcome


async def until(probe: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until `probe` is true."""
    async with asyncio.timeout(seconds):
        while not probe():
            await asyncio.sleep(0.002)
