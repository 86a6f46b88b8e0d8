"""The dispatcher in a real loop, over a driver that runs nothing."""

import asyncio
import logging
from time import monotonic

import pytest

from tyrex_pool.dispatch.balancer import Balancer
from tyrex_pool.dispatch.strategies import RoundRobin
from tyrex_pool.dispatch.ticket import Outcome, Slot, State, Ticket
from tyrex_pool.model.errors import NoRuntime, QueueTimeout
from tyrex_pool.model.wire import EvalRequest
from tyrex_pool.pool.dispatcher import Dispatcher, answer, too_late


class FakeDriver:
    """Takes what `balancer` lets it, and answers nothing."""

    def __init__(self, balancer: Balancer[Ticket, None]) -> None:
        self.balancer = balancer
        self.sent: list[Ticket] = []
        self.late: list[Ticket] = []

    def pump(self, slot: Slot[Ticket, None]) -> None:
        while (ticket := self.balancer.take(slot, monotonic())) is not None:
            self.sent.append(ticket)

    def overdue(self, ticket: Ticket) -> None:
        self.late.append(ticket)


class Pool:
    """One runtime that runs one eval at a time and stages none."""

    def __init__(self) -> None:
        self.slot: Slot[Ticket, None] = Slot("r0", 0, 1, 9, 0)
        self.balancer: Balancer[Ticket, None] = Balancer(RoundRobin())
        self.balancer.set_ready([self.slot])
        self.driver = FakeDriver(self.balancer)
        self.dispatcher = Dispatcher(self.balancer, self.driver, asyncio.get_running_loop())
        self.outcomes: list[tuple[Ticket, Outcome]] = []

    def submit(self, seconds: float) -> Ticket:
        now = monotonic()
        made = Ticket(EvalRequest("1"), None, now, now + seconds, lambda *ended: self.outcomes.append(ended))
        self.dispatcher.submit(made)
        return made

    async def until_late(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.driver.late) + len(self.outcomes) < count:
                await asyncio.sleep(0.002)


async def test_a_submitted_eval_reaches_the_driver_at_once() -> None:
    pool = Pool()
    first, second = pool.submit(5.0), pool.submit(5.0)
    assert pool.driver.sent == [first]
    assert second.state is State.WAITING
    pool.dispatcher.close()


async def test_deadlines_are_kept_for_sent_and_for_waiting_evals() -> None:
    pool = Pool()
    sent, waiting = pool.submit(0.01), pool.submit(0.01)
    await pool.until_late(2)
    assert pool.driver.late == [sent], "the driver answers it"
    ((late, outcome),) = pool.outcomes
    assert late is waiting
    assert isinstance(outcome, QueueTimeout)
    assert outcome.detail == "the deadline passed while the eval waited for its turn"
    assert (waiting.started, waiting.finished > 0) == (0.0, True)
    pool.dispatcher.close()


async def test_a_cancelled_eval_is_neither_sent_nor_answered() -> None:
    pool = Pool()
    running, waiting = pool.submit(5.0), pool.submit(5.0)
    pool.dispatcher.cancel(waiting)
    pool.balancer.finish(running, monotonic())
    pool.driver.pump(pool.slot)
    assert (pool.driver.sent, pool.outcomes) == ([running], [])
    assert waiting.state is State.DONE
    pool.dispatcher.close()


async def test_a_refusal_reaches_the_caller_of_submit() -> None:
    pool = Pool()
    pool.balancer.set_ready([])
    with pytest.raises(NoRuntime):
        pool.submit(5.0)
    assert pool.outcomes == []


def test_a_ticket_is_answered_once() -> None:
    outcomes: list[Outcome] = []
    ticket = Ticket(EvalRequest("1"), None, 0.0, 1.0, lambda _, outcome: outcomes.append(outcome))
    answer(ticket, b"1")
    too_late(ticket, 2.0)
    assert outcomes == [b"1"]


def test_a_caller_that_fails_to_take_its_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fails(ticket: Ticket, outcome: Outcome) -> None:
        raise OSError("gone")

    with caplog.at_level(logging.ERROR, "tyrex_pool"):
        answer(Ticket(EvalRequest("1"), None, 0.0, 1.0, fails), b"1")
    assert [record.getMessage() for record in caplog.records] == ["an answer could not be delivered"]
