"""A pool of other servers, over real connections: the servers here answer as a test says, and run nothing."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest

from tyrex_pool.dispatch.strategies import make
from tyrex_pool.dispatch.ticket import Ticket
from tyrex_pool.model.errors import Overloaded
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.model.wire import problem
from tyrex_pool.server.api import Relayed
from tyrex_pool.server.discovery import Endpoint, StaticList
from tyrex_pool.server.messages import Request
from tyrex_pool.server.remote import GRACE, RemotePool

POOL = {"ready": True, "inFlight": 0, "queued": 0, "runtimes": [{"reason": None, "capacity": 1, "epoch": 5}]}
RESULT = b'{"result":3}'
FULL = problem(Overloaded("full"))


class Agent:
    """Answers each eval with `status` and `body`, and closes the connection after every `last`th answer of it."""

    def __init__(self, status: int = 200, body: bytes = RESULT, last: int = 0) -> None:
        self.status = status
        self.body = body
        self.last = last
        self.evals = 0
        self.endpoint: Endpoint

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answered = 0
            while not (self.last and answered == self.last):
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    self._write(writer, 200, json.dumps(POOL).encode(), True)
                    break
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
                await reader.readexactly(int(length.partition(b": ")[2]))
                self.evals += 1
                answered += 1
                self._write(writer, self.status, self.body, answered == self.last)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _write(self, writer: asyncio.StreamWriter, status: int, body: bytes, last: bool) -> None:
        close = "Connection: close\r\n" if last else ""
        head = (
            f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{close}Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)


@asynccontextmanager
async def pool_of(*agents: Agent, strategy: str = "RoundRobin") -> AsyncIterator[RemotePool]:
    servers = []
    for agent in agents:
        server = await asyncio.start_server(agent.serve, "127.0.0.1", 0)
        agent.endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        servers.append(server)
    pool = RemotePool("pool", PoolSpec.parse(None), make(strategy, random.Random(1)))
    following = asyncio.ensure_future(pool.follow(StaticList([agent.endpoint for agent in agents])))
    try:
        async with asyncio.timeout(10):
            await pool.first_look()
        yield pool
    finally:
        following.cancel()
        await pool.close()
        for server in servers:
            server.close()


def ask(pool: RemotePool, seconds: float = 5.0, key: str | None = None) -> Awaitable[str]:
    """The outcome's name ("ok" for a result) of an eval with so many seconds to its deadline."""
    outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    request = Request()
    request.path, request.body = b"/v1/eval", b'{"code": "1 + 2"}'

    def deliver(ticket: Ticket, told: Any) -> None:
        assert not outcome.done(), "answered twice"
        outcome.set_result(told.name)

    now = monotonic()
    ticket = Ticket(None, key, now, now + seconds, deliver)
    ticket.waiter = request
    pool.submit(ticket)
    return asyncio.wait_for(outcome, 10)


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(1, id="after every answer"),
        pytest.param(2, id="after every second answer"),
        pytest.param(0, id="never"),
    ],
)
async def test_a_server_that_closes_its_connections_loses_no_eval(last: int) -> None:
    agent = Agent(last=last)
    async with pool_of(agent) as pool:

        async def caller() -> list[str]:
            return [await ask(pool) for _ in range(25)]

        outcomes = await asyncio.gather(*(caller() for _ in range(8)))
    assert outcomes == [["ok"] * 25] * 8
    assert agent.evals == 200


@pytest.mark.parametrize(
    "seconds", [pytest.param(0.0, id="just now"), pytest.param(-GRACE / 2, id="within the other server's grace")]
)
async def test_a_deadline_that_passes_while_it_waits_for_a_connection(seconds: float) -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        assert await ask(pool, seconds) == "queue_timeout"
        assert await ask(pool) == "ok"
    assert agent.evals == 1, "the first one never came"


@pytest.mark.parametrize("strategy", ["RoundRobin", "LeastLoaded"])
async def test_a_full_server_is_not_the_end_of_an_eval(strategy: str) -> None:
    """Nobody knows that it is full: it says that it has no load at all."""
    full, free = Agent(503, FULL), Agent()
    async with pool_of(full, free, strategy=strategy) as pool:
        outcomes = [await ask(pool) for _ in range(12)]
    assert outcomes == ["ok"] * 12
    assert full.evals
    assert free.evals == 12


async def test_all_servers_are_full() -> None:
    agents = [Agent(503, FULL), Agent(503, FULL)]
    async with pool_of(*agents) as pool:
        assert await ask(pool) == "overloaded"
    assert [agent.evals for agent in agents] == [1, 1], "each was asked"


async def test_a_key_stays_with_its_server_when_that_is_full() -> None:
    full, free = Agent(503, FULL), Agent()
    async with pool_of(full, free, strategy="Hash") as pool:
        chosen = {f"key-{number}": pool.explain(f"key-{number}")["runtime"] for number in range(20)}
        outcomes = {key: await ask(pool, key=key) for key in chosen}
    assert outcomes == {key: "overloaded" if name == full.endpoint.name else "ok" for key, name in chosen.items()}
    assert set(outcomes.values()) == {"overloaded", "ok"}


async def test_the_answer_is_passed_on() -> None:
    async with pool_of(Agent(503, FULL)) as pool:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        request = Request()
        request.path = b"/v1/eval"
        deliver: Callable[[Ticket, Any], None] = lambda ticket, told: outcome.set_result(told)  # noqa: E731
        ticket = Ticket(None, None, monotonic(), monotonic() + 5, deliver)
        ticket.waiter = request
        pool.submit(ticket)
        told = await asyncio.wait_for(outcome, 10)
    assert isinstance(told, Relayed)
    assert told.body == FULL
    assert told.start.startswith(b"HTTP/1.1 503 ")
