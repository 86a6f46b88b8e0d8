"""Both ends of streams together, over real connections, while everything that may happen happens: each eval ends
exactly once, and nothing is left over."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import Any

import pytest

from tests.unit.server.agents import definition, until
from tests.unit.server.streaming import LIMIT, Driven, deliver, listening
from tyrex_pool.dispatch.ticket import Outcome
from tyrex_pool.model.errors import Overloaded
from tyrex_pool.model.pool_view import PoolView, RuntimeView
from tyrex_pool.model.wire import EvalRequest
from tyrex_pool.server.http.listener import Listener
from tyrex_pool.server.http.messages import Head, Request
from tyrex_pool.server.remote.discovery import Endpoint
from tyrex_pool.server.remote.remote_pool import RemotePool
from tyrex_pool.server.ticket import ServerTicket

EVALS = 400


class Server:
    """A runtime whose evals end as chance has it; it takes an eval of its own accord no second time."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.driven = Driven()
        self.started: Counter[bytes] = Counter()
        self.listener: Listener

    async def work(self) -> None:
        while True:
            ticket = await self.driven.come.get()
            body = ticket.request.body.strip()
            if self.chance.random() < 0.1:
                ticket.epoch = 0
                deliver(ticket, Overloaded("full"))
                continue
            self.started[body] += 1
            delay = self.chance.choice([0.0, 0.0, 0.001, 0.02])
            asyncio.get_running_loop().call_later(delay, deliver, ticket, b'"%b"' % body[-6:-2])

    def streams(self) -> list[Any]:
        return [peer for peer in self.listener._peers if hasattr(peer, "_tickets")]

    def break_one(self) -> None:
        for stream in self.streams()[:1]:
            stream._transport.abort()


def name(outcome: Outcome) -> str:
    """Of an outcome that is not a result of this process."""
    assert not isinstance(outcome, bytes)
    return outcome.name


class Evals:
    """Evals, and what came of them."""

    def __init__(self, pool: RemotePool, chance: random.Random) -> None:
        self.pool = pool
        self.chance = chance
        self.outcomes: list[list[str]] = []
        self.cancelled: set[int] = set()

    def ask(self) -> None:
        """One more, which its caller may give up soon."""
        number = len(self.outcomes)
        outcomes: list[str] = []
        self.outcomes.append(outcomes)
        head = Head()
        head.content_type = b"application/json"
        head.path = b"/v1/eval"
        now = monotonic()
        seconds = self.chance.choice([0.01, 5.0, 5.0, 5.0])
        ticket = ServerTicket(EvalRequest("1"), None, now, now + seconds, lambda _, told: outcomes.append(name(told)))
        padding = b" " * self.chance.choice([0, 0, 0, 50_000, LIMIT])
        ticket.request = Request(head, b'{"code": "%04d"}' % number + padding, now)
        self.pool.submit(ticket)
        if self.chance.random() < 0.2:
            asyncio.get_running_loop().call_later(self.chance.choice([0.0, 0.005]), self.leave, number, ticket)

    def leave(self, number: int, ticket: ServerTicket) -> None:
        if not self.outcomes[number]:
            self.cancelled.add(number)
        self.pool.cancel(ticket)


@asynccontextmanager
async def together(chance: random.Random) -> AsyncIterator[tuple[RemotePool, dict[str, Server]]]:
    async with AsyncExitStack() as stack:
        servers = {name: Server(chance) for name in "abc"}
        for server in servers.values():
            server.listener = await stack.enter_async_context(listening(server.driven))
            stack.callback(asyncio.ensure_future(server.work()).cancel)
        pool = RemotePool("pool", definition())
        stack.push_async_callback(pool.close)
        for server in servers.values():
            server.driven.described = READY
        pool.set_endpoints(endpoints(servers))
        await until(lambda: pool.describe().ready_runtimes == 3)
        yield pool, servers


READY = PoolView(ready=True, in_flight=0, queued=0, runtimes=(RuntimeView(state="Ready", capacity=1, epoch=5),))


def endpoints(servers: Mapping[str, Server]) -> dict[str, Endpoint]:
    return {name: Endpoint("127.0.0.1", server.listener.port) for name, server in servers.items()}


@pytest.mark.parametrize("seed", range(6))
async def test_each_eval_ends_once(seed: int) -> None:
    chance = random.Random(seed)
    async with together(chance) as (pool, servers):
        evals = Evals(pool, chance)
        for number in range(EVALS):
            evals.ask()
            if number % 50 == 20:
                servers[chance.choice("abc")].break_one()
            if number % 100 == 40:
                pool.set_endpoints({name: place for name, place in endpoints(servers).items() if name != "b"})
            if number % 100 == 80:
                pool.set_endpoints(endpoints(servers))
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        servers["c"].listener.stop_accepting()
        slots = {runtime.slot for runtime in pool.runtimes.values()}
        await until(lambda: all(evals.outcomes[n] or n in evals.cancelled for n in range(EVALS)))
        await until(lambda: not any(len(upstream) for upstream in pool._driver.upstreams))
        await until(lambda: not any(stream._tickets for server in servers.values() for stream in server.streams()))
        assert [outcome for outcome in evals.outcomes if len(outcome) > 1] == []
        assert {name for outcome in evals.outcomes for name in outcome} <= {
            "ok", "overloaded", "queue_timeout", "dead_runtime_error", "payload_too_large", "no_runtime",
        }  # fmt: skip
        assert [slot.own for slot in slots] == [0] * 3
        started = sum((server.started for server in servers.values()), Counter[bytes]())
        assert {body for body, count in started.items() if count > 1} == set(), "no eval starts twice"
        assert Counter(name for outcome in evals.outcomes for name in outcome)["ok"] > EVALS / 4
        await until(lambda: len(servers["c"].listener) == 0)
        assert pool.connections <= 2
