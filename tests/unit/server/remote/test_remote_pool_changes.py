"""A pool of other servers while somebody changes it: what it should be, and who is there."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.unit.server.agents import Agent, ask, definition, pool_over, until
from tyrex_pool.dispatch.custom import adapt
from tyrex_pool.dispatch.strategy import Runtime, Unusable
from tyrex_pool.model.errors import NoRuntime, StrategyError
from tyrex_pool.model.pool_view import LastErrorView, QueueView
from tyrex_pool.model.spec import PoolSpec
from tyrex_pool.pool.view import ExplainView
from tyrex_pool.server.remote.definition import Definition
from tyrex_pool.server.remote.remote_pool import RemotePool


class Always:
    """A custom strategy that takes the runtime called `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0

    def select(self, runtimes: Sequence[Runtime], key: str | None) -> Runtime | None:
        return next(runtime for runtime in runtimes if runtime.name == self.name)

    def close(self) -> None:
        self.closed += 1
        raise OSError("as the user wrote it")


def custom(strategy: Any, **spec: Any) -> Definition:
    return Definition(PoolSpec.parse(spec), strategy if isinstance(strategy, Unusable) else adapt(strategy), 1)


def shown(pool: RemotePool) -> list[tuple[str, int, str, str | None]]:
    return [(runtime.name, runtime.index, runtime.state, runtime.reason) for runtime in pool.describe().runtimes]


async def test_another_strategy_chooses_from_now_on() -> None:
    a, b = Agent(), Agent()
    first, second = Always("a"), Always("b")
    a.gate.clear()
    async with pool_over({"a": a, "b": b}, custom(first)) as (pool, _):
        running = ask(pool)
        await until(lambda: a.evals == 1)
        pool.use_definition(custom(second))
        assert [await ask(pool) for _ in range(3)] == ["ok"] * 3
        assert pool.explain(None).reason.startswith("Always: ")
        a.gate.set()
        assert await running == "ok"
        assert (a.evals, b.evals) == (1, 3)
        assert (first.closed, second.closed) == (1, 0)
    assert second.closed == 1


async def test_a_strategy_that_does_not_load_fails_every_eval_until_one_does() -> None:
    agent = Agent()
    async with pool_over({"a": agent}, definition(size=1)) as (pool, _):
        assert pool.describe().strategy.error is None
        pool.use_definition(custom(Unusable("strategy.py:3: no such name"), size=1))
        with pytest.raises(StrategyError, match=r"^strategy\.py:3: no such name$"):
            await ask(pool)
        assert pool.explain("k") == ExplainView(key="k", runtime=None, reason="strategy.py:3: no such name")
        told = pool.describe()
        assert (told.ready, told.strategy.error) == (False, "strategy.py:3: no such name")
        pool.use_definition(definition(size=1))
        assert await ask(pool) == "ok"
        assert pool.describe().ready


async def test_what_it_shows_follows() -> None:
    async with pool_over({"a": Agent()}, None) as (pool, _):
        changes = []
        pool.changed = lambda: changes.append(pool.spec.size)
        pool.use_definition(definition(generation=7, size=1, timeouts={"eval": "1s"}))
        await until(lambda: pool.describe().ready)
        pool.use_definition(definition(generation=8, size=3, queue={"length": 5}))
        told = pool.describe()
    assert (told.generation, told.size, told.queue, told.ready) == (8, 3, QueueView(length=5), False)
    assert changes == [1, 3]


async def test_before_it_knows_what_it_is() -> None:
    agent = Agent()
    async with pool_over({"a": agent}, None) as (pool, _):
        with pytest.raises(NoRuntime, match="what it should be has not been read yet"):
            await ask(pool)
        pool.definition_unavailable("its TyrexPool is not valid: spec.size: write at least 0")
        with pytest.raises(NoRuntime, match=r"spec\.size: write at least 0"):
            await ask(pool)
        assert (pool.ready, pool.describe().ready) == (False, False)
        assert pool.reason == "its TyrexPool is not valid: spec.size: write at least 0"
        pool.use_definition(definition())
        await until(lambda: pool.ready)
        assert await ask(pool) == "ok"
        pool.definition_unavailable("its TyrexPool is not valid: spec.size: write at least 0")
        assert await ask(pool) == "ok", "what was valid stays"


async def test_it_is_ready_to_say_what_is_wrong() -> None:
    async with pool_over({}, None) as (pool, listing):
        pool.use_definition(definition(size=0))
        await until(lambda: pool.ready)
        with pytest.raises(NoRuntime, match=r"^the pool is parked: its size is 0$"):
            await ask(pool)
        pool.use_definition(definition(size=1))
        with pytest.raises(NoRuntime, match=r"^no runtime is ready: it has no runtimes yet$"):
            await ask(pool)
        gone = Agent()
        await gone.open()
        gone.server.close()
        listing.tell(gone=gone)
        await until(lambda: shown(pool) and shown(pool)[0][2] == "Unreachable")
        assert pool.ready
        with pytest.raises(NoRuntime, match=f"^no runtime is ready: 127.0.0.1:{gone.endpoint.port}: "):
            await ask(pool)


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        pytest.param({"state": "Failed", "reason": "main.ts:3: boom"}, ("Failed", "main.ts:3: boom"), id="failed"),
        pytest.param({"state": "Starting"}, ("Starting", "it is starting"), id="starting"),
        pytest.param({"state": "Melting", "reason": "?"}, ("Starting", "it is starting"), id="a later version's"),
    ],
)
async def test_a_server_that_is_not_ready(runtime: Mapping[str, Any], expected: tuple[str, str]) -> None:
    agent = Agent()
    agent.report |= {"ready": False, "runtimes": [{"capacity": 1, "epoch": 0, **runtime}]}
    async with pool_over({"a": agent}, definition()) as (pool, _):
        assert shown(pool) == [("a", 0, *expected)]


@pytest.mark.parametrize(
    "report", [pytest.param({"ready": 3}, id="a wrong type"), pytest.param({"runtimes": None}, id="no runtimes")]
)
async def test_something_else_answers(report: Mapping[str, Any]) -> None:
    agent = Agent()
    agent.report |= report
    async with pool_over({"a": agent}, definition()) as (pool, _):
        ((_, _, state, reason),) = shown(pool)
        assert state == "Unreachable"
        assert reason is not None
        assert reason.startswith("127.0.0.1:")


async def test_an_eval_that_runs_goes_on_when_its_runtime_leaves() -> None:
    leaving, staying = Agent(), Agent()
    leaving.gate.clear()
    async with pool_over({"a": leaving, "b": staying}, custom(Always("a"))) as (pool, listing):
        running = ask(pool)
        await until(lambda: leaving.evals == 1)
        pool.use_definition(definition())
        listing.tell(b=staying)
        await until(lambda: len(shown(pool)) == 1)
        assert [await ask(pool) for _ in range(3)] == ["ok"] * 3
        assert leaving.evals == 1
        leaving.gate.set()
        assert await running == "ok"
        await until(lambda: leaving.connections == 0)


async def test_idle_connections_to_a_runtime_that_leaves_are_closed_at_once() -> None:
    leaving = Agent()
    async with pool_over({"a": leaving}, definition()) as (pool, listing):
        assert await asyncio.gather(*(ask(pool) for _ in range(3))) == ["ok"] * 3
        assert leaving.connections
        listing.tell()
        await until(lambda: leaving.connections == 0, seconds=0.5)


async def test_what_waits_for_a_connection_goes_elsewhere() -> None:
    """Its stream is asked for, but not there yet, when its runtime leaves."""
    leaving, staying = Agent(last=1), Agent()
    async with pool_over({"a": leaving, "b": staying}, custom(Always("a"))) as (pool, listing):
        assert await ask(pool) == "ok"
        await until(lambda: pool.connections == 1, seconds=0.5)
        waiting = ask(pool)
        pool.use_definition(definition())
        pool.set_endpoints({"b": staying.endpoint})
        assert await waiting == "ok"
        listing.tell(b=staying)
    assert (leaving.evals, staying.evals) == (1, 1)


async def test_runtimes_keep_their_order_and_have_a_place_in_it() -> None:
    agents = {name: Agent() for name in "abcd"}
    async with pool_over(agents, definition()) as (pool, listing):
        listing.tell(**{name: agents[name] for name in "bd"})
        await until(lambda: [(name, index) for name, index, _, _ in shown(pool)] == [("b", 0), ("d", 1)])
        listing.tell(**{name: agents[name] for name in "abcd"})
        await until(lambda: [state for _, _, state, _ in shown(pool)] == ["Ready"] * 4)
        assert [(name, index) for name, index, _, _ in shown(pool)] == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]
        before = {name: agent.evals for name, agent in agents.items()}
        assert [await ask(pool) for _ in range(4)] == ["ok"] * 4
        assert {name: agent.evals - before[name] for name, agent in agents.items()} == dict.fromkeys("abcd", 1)


async def test_the_queue_is_told_to_a_runtime_that_has_another_one() -> None:
    same, other = Agent(), Agent()
    other.report["queue"] = {"length": 7}
    async with pool_over({"a": same, "b": other}, None) as (pool, _):
        pool.use_definition(definition(queue={"length": 100}))
        await until(lambda: [state for _, _, state, _ in shown(pool)] == ["Ready"] * 2)
        for _ in range(2):
            await ask(pool)
        pool.use_definition(definition(queue={"length": 0}))
        for _ in range(2):
            await ask(pool)
    assert [order.queue for order in same.seen] == [None, 0]
    assert [order.queue for order in other.seen] == [100, 0]


async def test_a_pool_that_stays_what_it_is_leaves_the_queue_to_the_runtimes() -> None:
    agent = Agent()
    agent.report["queue"] = {"length": 7}
    async with pool_over({"a": agent}, definition()) as (pool, _):
        await ask(pool)
    assert agent.seen[0].queue is None


async def test_the_last_error_is_the_latest_of_all_runtimes() -> None:
    first, second = Agent(), Agent()
    errors = [{"name": "timeout", "detail": "d", "at": f"2026-01-0{day}T00:00:00+00:00"} for day in (1, 2)]
    first.report["lastError"], second.report["lastError"] = errors[1], errors[0]
    async with pool_over({"a": first, "b": second, "c": Agent()}, definition()) as (pool, _):
        assert pool.describe().last_error == LastErrorView(**errors[1])
