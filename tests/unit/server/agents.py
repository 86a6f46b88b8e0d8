"""Servers that answer as a test says and run nothing, and pools of them over real connections."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.errors import Overloaded
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.wire import problem
from tyrex_pool.server.definition import Definition
from tyrex_pool.server.discovery import Endpoint
from tyrex_pool.server.messages import Head, Request
from tyrex_pool.server.remote import RemotePool

RESULT = b'{"result":3}'
FULL = problem(Overloaded("full"))


class Agent:
    """Answers each eval with `status` and `body`, and closes the connection after every `last`th answer of it.

    While `gate` is not set, evals wait. `seen` has the headers of each eval, and `report` is what it tells of itself.
    """

    def __init__(self, status: int = 200, body: bytes = RESULT, last: int = 0) -> None:
        self.status = status
        self.body = body
        self.last = last
        self.gate = asyncio.Event()
        self.gate.set()
        self.seen: list[dict[str, str]] = []
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
        try:
            answered = 0
            while not (self.last and answered == self.last):
                start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()[:-1]
                if start.startswith("get"):
                    self._write(writer, 200, json.dumps(self.report).encode(), True)
                    break
                headers = dict(line.split(": ", 1) for line in lines)
                await reader.readexactly(int(headers["content-length"]))
                self.seen.append(headers)
                await self.gate.wait()
                answered += 1
                self._write(writer, self.status, self.body, answered == self.last)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections -= 1
            writer.close()

    def _write(self, writer: asyncio.StreamWriter, status: int, body: bytes, last: bool) -> None:
        close = "Connection: close\r\n" if last else ""
        head = (
            f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{close}Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)


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
    """A pool of `agents`, which has looked at them if it is `defined`, and what tells it of others."""
    for agent in agents.values():
        await agent.open()
    pool, listing = RemotePool("pool", defined), Listing()
    listing.tell(**agents)
    following = asyncio.ensure_future(pool.follow(listing))
    try:
        if defined is not None:
            async with asyncio.timeout(10):
                await pool.first_look()
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


def ask(pool: RemotePool, seconds: float = 5.0, key: str | None = None, trace: bytes = b"") -> Awaitable[str]:
    """The outcome's name ("ok" for a result) of an eval with so many seconds to its deadline."""
    outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    head = Head()
    head.path = b"/v1/eval"

    def deliver(ticket: Ticket, told: Any) -> None:
        assert not outcome.done(), "answered twice"
        outcome.set_result(told.name)

    now = monotonic()
    ticket = Ticket(None, key, now, now + seconds, deliver)
    ticket.request = Request(head, b'{"code": "1 + 2"}', now)
    ticket.trace = trace
    pool.submit(ticket)
    return asyncio.wait_for(outcome, 10)


async def until(probe: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until `probe` is true."""
    async with asyncio.timeout(seconds):
        while not probe():
            await asyncio.sleep(0.002)
