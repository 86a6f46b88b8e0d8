"""A pool of other servers, over real connections: the servers here answer as a test says, and run nothing."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from tests.unit.server.agents import FULL, Agent, ask, pool_of, until
from tyrex_pool.model.frames import RemoteAnswer
from tyrex_pool.model.wire import EvalRequest, problem
from tyrex_pool.server.http.messages import Head, Request
from tyrex_pool.server.remote.remote_driver import GRACE
from tyrex_pool.server.ticket import ServerTicket


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(1, id="after every answer"),
        pytest.param(2, id="after every second answer"),
        pytest.param(0, id="never"),
    ],
)
async def test_a_server_that_ends_its_streams_loses_no_eval(last: int) -> None:
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
    full, free = Agent(FULL), Agent()
    async with pool_of(full, free, strategy=strategy) as pool:
        outcomes = [await ask(pool) for _ in range(12)]
    assert outcomes == ["ok"] * 12
    assert full.evals
    assert free.evals == 12


async def test_all_servers_are_full() -> None:
    agents = [Agent(FULL), Agent(FULL)]
    async with pool_of(*agents) as pool:
        assert await ask(pool) == "overloaded"
    assert [agent.evals for agent in agents] == [1, 1], "each was asked"


async def test_a_key_stays_with_its_server_when_that_is_full() -> None:
    full, free = Agent(FULL), Agent()
    async with pool_of(full, free, strategy="Hash") as pool:
        chosen = {f"key-{number}": pool.explain(f"key-{number}").runtime for number in range(20)}
        outcomes = {key: await ask(pool, key=key) for key in chosen}
    assert outcomes == {key: "overloaded" if name == "agent-0" else "ok" for key, name in chosen.items()}
    assert set(outcomes.values()) == {"overloaded", "ok"}


async def test_the_trace_of_an_eval_is_passed_on() -> None:
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    agent = Agent()
    async with pool_of(agent) as pool:
        assert [await ask(pool, trace=trace), await ask(pool)] == ["ok", "ok"]
    assert [order.trace for order in agent.seen] == [trace, b""]


async def test_the_answer_is_passed_on() -> None:
    async with pool_of(Agent(FULL)) as pool:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        head = Head()
        head.path = b"/v1/eval"
        deliver: Callable[[ServerTicket, Any], None] = lambda ticket, told: outcome.set_result(told)  # noqa: E731
        ticket = ServerTicket(EvalRequest("1"), None, monotonic(), monotonic() + 5, deliver)
        ticket.request = Request(head, b"", 0.0)
        pool.submit(ticket)
        told = await asyncio.wait_for(outcome, 10)
    assert isinstance(told, RemoteAnswer)
    assert told.body == problem(FULL)
    assert told.start.startswith(b"HTTP/1.1 503 ")


async def test_an_eval_that_ended_during_a_look_is_not_taken_for_somebody_else_s() -> None:
    agent = Agent()
    async with pool_of(agent) as pool:
        agent.gate.clear()
        agent.looked.clear()
        outcome = asyncio.ensure_future(ask(pool))
        await until(lambda: agent.evals == 1)
        agent.report |= {"inFlight": 1, "runtimes": [{"state": "Ready", "capacity": 1, "epoch": 6}]}
        looks = agent.looks
        await until(lambda: agent.looks > looks)
        agent.gate.set()
        assert await outcome == "ok"
        agent.looked.set()
        await until(lambda: pool.describe().runtimes[0].epoch == 6)
        assert pool.describe().in_flight == 0
