"""Proxies and servers of different versions: an eval that a server would misread goes to none of its kind."""

from time import monotonic

import pytest

from tests.unit.server.agents import Agent, ask, pool_of, submit
from tyrex_pool.dispatch.ticket import Outcome, Work
from tyrex_pool.model.errors import NoRuntime
from tyrex_pool.model.frames import ACCEPTED_1
from tyrex_pool.model.wire import CallRequest, EvalRequest
from tyrex_pool.server.ticket import ServerTicket

LATER = [
    pytest.param(EvalRequest("inputs.a", inputs={"a": 1}), id="inputs"),
    pytest.param(EvalRequest("1", if_epoch=5), id="an eval of a session"),
    pytest.param(CallRequest("f", if_epoch=5), id="a call of a session"),
]


def old() -> Agent:
    """An agent from before there were versions."""
    agent = Agent()
    agent.accepts = ACCEPTED_1
    return agent


@pytest.mark.parametrize("work", LATER)
async def test_an_old_server_is_not_sent_what_it_does_not_know(work: Work) -> None:
    agent = old()
    async with pool_of(agent) as pool:
        ticket, outcome = submit(pool, work=work)
        assert (await outcome, agent.evals) == ("no_runtime", 0)
        assert ticket.attempts == 1
        assert await ask(pool) == "ok", "all else it gets as before"
        assert pool.describe().in_flight == pool.describe().queued == 0


@pytest.mark.parametrize("work", LATER)
async def test_in_the_middle_of_an_update_a_new_server_gets_it(work: Work) -> None:
    before, after = old(), Agent()
    async with pool_of(before, after) as pool:
        assert [await ask(pool, work=work) for _ in range(10)] == ["ok"] * 10
        assert (before.evals, after.evals) == (0, 10)
        assert [await ask(pool) for _ in range(10)] == ["ok"] * 10
        assert before.evals == 5


async def test_the_refusal_says_why_and_that_a_retry_is_safe() -> None:
    outcomes: list[Outcome] = []
    async with pool_of(old()) as pool:
        now = monotonic()
        work = EvalRequest("1", inputs={})
        ticket = ServerTicket(work, None, now, now + 5, lambda _, told: outcomes.append(told))
        pool.submit(ticket)
    (error,) = outcomes
    assert isinstance(error, NoRuntime)
    assert error.retryable
    assert "agent-0 is of an earlier version, which knows neither inputs nor ifEpoch" in error.detail
